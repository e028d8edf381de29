import { Agent, request } from 'node:http';
import { parseArgs } from 'node:util';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { type Comparison, compare, compareUnderStorm } from './compare.ts';
import { startServer } from './server.ts';

// Ratios only: both sides of a comparison run in short alternating slices of one run,
// because the speed of a machine changes by the minute.

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '6' },
    concurrency: { type: 'string', default: '8' },
    json: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const concurrency = Number(values.concurrency);

/** One call of HTTP/1.1; throws unless it succeeds. */
function send(
  agent: Agent,
  url: string,
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string,
) {
  return new Promise<void>((resolve, reject) => {
    const length = Buffer.byteLength(body);
    const call = request(
      url + path,
      {
        agent,
        method,
        headers: { ...headers, 'content-type': 'application/json', 'content-length': length },
      },
      (response) => {
        response.resume();
        response.on('end', () =>
          response.statusCode === 200 ? resolve() : reject(new Error(String(response.statusCode))),
        );
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}

const server = await startServer();
const password = 'quiet-orbit-lantern-47';
const email = 'bench@example.com';

try {
  const transport = (useBinaryFormat: boolean, headers: Record<string, string>) =>
    createConnectTransport({
      baseUrl: server.url,
      httpVersion: '1.1',
      useBinaryFormat,
      interceptors: [
        (next) => (request) => {
          for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
          return next(request);
        },
      ],
    });
  const auth = createClient(AuthService, transport(false, { apieco_key: server.publishableKey }));
  await auth.register({ email, password });
  await auth.confirmEmail({ cnf: await server.codeFor(email) });
  const { tokens } = await auth.login({ email, password });
  const session = { authorization: `Bearer ${tokens?.accessToken}` };
  const binary = createClient(ProfileService, transport(true, session));
  const json = createClient(ProfileService, transport(false, session));

  // The same client on both sides: what differs is the server's work.
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const overConnect = () =>
    send(agent, server.url, 'POST', '/manam.v1.ProfileService/ViewUser', session, '{}');
  const overRest = () => send(agent, server.url, 'GET', '/view_user', session, '');
  const limits = { seconds, concurrency };

  const rows: Comparison[] = [
    await compare(
      'ViewUser: Protobuf against JSON, over Connect',
      limits,
      () => binary.viewUser({}),
      () => json.viewUser({}),
    ),
    await compare('ViewUser: REST against Connect-JSON', limits, overRest, overConnect),
  ];
  const post = (path: string, body: object) =>
    send(agent, server.url, 'POST', path, { apieco_key: server.publishableKey }, JSON.stringify(body));
  const failedLogin = (who: string) =>
    post('/auth/login', { email: who, password: 'wrong-password-47' }).catch(() => {});
  const fresh = () => `bench${Math.random().toString(36).slice(2)}@example.com`;
  const alone = { seconds, concurrency: 1 };
  rows.push(
    // What must not differ by the state of an account: its time is compared here, and never in a test.
    await compare(
      'Login, failed: unknown against known',
      alone,
      () => failedLogin(fresh()),
      () => failedLogin(email),
    ),
    await compare(
      'Register: new against confirmed',
      alone,
      () => post('/auth/register', { email: fresh(), password }),
      () => post('/auth/register', { email, password }),
    ),
    await compare(
      'Recover: unknown against known',
      alone,
      () => post('/auth/recover', { email: fresh() }),
      () => post('/auth/recover', { email }),
    ),
  );
  const loginAs = (key: string, who: string) => () =>
    send(
      agent,
      server.url,
      'POST',
      '/auth/login',
      { apieco_key: key },
      JSON.stringify({ email: who, password }),
    );
  const otherAuth = createClient(AuthService, transport(false, { apieco_key: server.otherKey }));
  const otherEmail = 'other@example.com';
  await otherAuth.register({ email: otherEmail, password });
  await otherAuth.confirmEmail({ cnf: await server.codeFor(otherEmail) });
  agent.maxSockets = 200;
  rows.push(
    await compareUnderStorm(
      "Login beside another tenant's storm of 32, against half of what it is alone",
      { seconds, concurrency: 4 },
      loginAs(server.otherKey, otherEmail),
      () => failedLogin(email),
      32,
    ),
  );
  agent.destroy();
  console.table(Object.fromEntries(rows.map(({ name, ...figures }) => [name, figures])));
  if (values.json !== undefined) {
    const { writeFileSync } = await import('node:fs');
    writeFileSync(values.json, `${JSON.stringify(rows, undefined, 2)}\n`);
  }
} finally {
  await server.stop();
}
