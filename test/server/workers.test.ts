import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshEmail, password } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { clientsOf, type ServerProcess, startServerProcess } from '../support/server-process.ts';

const count = 2;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let folder = '';
let server: ServerProcess;
let metricsUrl = '';

beforeAll(async () => {
  database = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'manam-workers-'));
  const env = { WORKERS: String(count), METRICS_PORT: '0', HOST: '127.0.0.1' };
  server = await startServerProcess(database.url, folder, env);
  metricsUrl = await server.said(/metrics on (\S+)/);
  await until(() => workers().length === count);
});
afterAll(async () => {
  server.child.kill('SIGKILL');
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** The processes that a process has started. */
function childrenOf(pid: number | undefined): number[] {
  const file = `/proc/${pid}/task/${pid}/children`;
  return existsSync(file) ? (readFileSync(file, 'utf8').match(/\d+/g) ?? []).map(Number) : [];
}

const workers = () => childrenOf(server.child.pid);

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(50);
}

/** How many calls of a method the figures tell of. */
async function countedCalls(method: string): Promise<number> {
  const text = await (await fetch(metricsUrl)).text();
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith('manam_calls_total') && line.includes(method));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** A call over a connection of its own, so that the workers take turns. */
async function callOnce(): Promise<number> {
  const answer = await fetch(`${server.url}/auth/login`, {
    method: 'POST',
    headers: { apieco_key: server.key, 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ email: 'nobody@example.com', password }),
  });
  return answer.status;
}

test('what one worker has written the others know, and the figures are those of all', async () => {
  const email = freshEmail();
  const { auth } = clientsOf(server);
  await auth.register({ email, password });
  expect(await Promise.all(Array.from({ length: 8 }, callOnce))).toEqual(Array(8).fill(401));
  await until(async () => (await countedCalls('AuthService/Login')) === 8);
  expect(await countedCalls('AuthService/Register')).toBe(1);
});

test('a worker that is killed is replaced, and the service goes on', async () => {
  const before = workers();
  const [victim = 0] = before;
  process.kill(victim, 'SIGKILL');
  await until(() => workers().length === count && !workers().includes(victim));
  expect(workers()).toEqual(expect.arrayContaining(before.filter((pid) => pid !== victim)));
  await until(async () => (await fetch(`${server.url}/readyz`)).ok);
  expect(await callOnce()).toBe(401);
});

test('a port that is taken is told once, and no worker is left', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const { port } = blocker.address() as { port: number };
  const started = startServerProcess(database.url, folder, { WORKERS: '2', PORT: String(port) });
  const output = String(await started.catch((error: unknown) => error));
  expect(output.match(new RegExp(`port ${port} is taken`, 'g'))).toHaveLength(1);
  blocker.close();
});

test('a signal lets every worker end, and ends them all', async () => {
  const all = workers();
  server.child.kill('SIGTERM');
  const [code] = await once(server.child, 'exit');
  expect(code).toBe(0);
  expect(all.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
});
