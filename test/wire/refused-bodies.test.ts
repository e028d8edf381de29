import { Agent, request } from 'node:http';
import { expect, test } from 'vitest';
import { useTestApp } from '../support/app.ts';

// Refusing a body before its end must not hold up what comes after it on
// the same connection.

const testApp = useTestApp();
const rpc = '/manam.v1.AuthService/Login';
const cases = [
  [rpc, 'application/json'],
  [rpc, 'application/proto'],
  [rpc, 'application/grpc-web+json'],
  [rpc, 'text/plain'],
  ['/manam.v1.AuthService/Nothing', 'application/json'],
  ['/auth/login', 'application/json'],
  ['/auth/login', 'application/x-www-form-urlencoded'],
  ['/nowhere', 'application/json'],
] as const;

function post(agent: Agent, path: string, type: string, body: string): Promise<string> {
  const headers = { 'x-api-key': testApp().dev.publishable, 'content-type': type };
  return new Promise((resolve) => {
    const call = request(testApp().url + path, { agent, method: 'POST', headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(String(response.statusCode)));
    });
    call.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    call.end(body);
  });
}

for (const [path, type] of cases) {
  test(`a connection continues after a body of ${type} that is too long for ${path}`, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const body = JSON.stringify({ email: 'x'.repeat(400_000) });
    const first = await post(agent, path, type, body);
    for (let count = 0; count < 3; count += 1) {
      expect(await post(agent, path, type, body)).toBe(first);
      expect(await post(agent, rpc, 'application/json', '{"email":"a@b.com","password":"x"}')).toBe('401');
    }
    agent.destroy();
  });
}
