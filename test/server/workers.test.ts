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
  const env = { WORKERS: String(count), METRICS_PORT: '0', RESPONSE_FLOOR_MS: '250' };
  server = await startServerProcess(database.url, folder, env);
  metricsUrl = await server.said(/metrics on (\S+)/);
  await until(async () => (await servingWorkers()) === count);
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

async function figures(pattern: RegExp): Promise<string[]> {
  const text = await (await fetch(metricsUrl)).text();
  return text.split('\n').filter((line) => pattern.test(line));
}

/** Number of workers in the metrics: one that does not serve yet has no hash metrics. */
async function servingWorkers(): Promise<number> {
  return (await figures(/^manam_hash_queue\{state="running"/)).length;
}

/** Number of calls of a method per worker, of those that have taken any. */
async function countedCalls(method: string): Promise<number[]> {
  const lines = await figures(new RegExp(`^manam_calls_total\\{.*${method}`));
  return lines.map((line) => Number(line.split(' ').at(-1)));
}

/** A call over a new connection, so that the workers take turns. */
async function callOnce(): Promise<number> {
  const answer = await fetch(`${server.url}/auth/login`, {
    method: 'POST',
    headers: { apieco_key: server.key, 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ email: 'nobody@example.com', password }),
  });
  return answer.status;
}

test('workers share data, and metrics cover all of them', async () => {
  const email = freshEmail();
  const { auth } = clientsOf(server);
  await auth.register({ email, password });
  expect(await Promise.all(Array.from({ length: 8 }, callOnce))).toEqual(Array(8).fill(401));
  await until(async () => (await countedCalls('AuthService/Login')).reduce((a, b) => a + b, 0) === 8);
  // Each worker has taken some, and knows the tenant that another one has made.
  expect(await countedCalls('AuthService/Login')).toHaveLength(count);
  expect(await countedCalls('AuthService/Register')).toEqual([1]);
});

test('a worker that is killed is replaced, and the service continues', async () => {
  const before = workers();
  const [victim = 0] = before;
  process.kill(victim, 'SIGKILL');
  await until(() => workers().length === count && !workers().includes(victim));
  expect(workers()).toEqual(expect.arrayContaining(before.filter((pid) => pid !== victim)));
  await until(async () => (await fetch(`${server.url}/readyz`)).ok);
  expect(await callOnce()).toBe(401);
});

test.each(['PORT', 'ADMIN_PORT', 'METRICS_PORT'])(
  'a taken %s is told once, and ends the service',
  async (name) => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const { port } = blocker.address() as { port: number };
    const started = startServerProcess(database.url, folder, { WORKERS: '2', [name]: String(port) });
    const output = String(await started.catch((error: unknown) => error));
    expect(
      output.match(new RegExp(`port ${port} is taken: stop what uses it, or set ${name}`, 'g')),
    ).toHaveLength(1);
    blocker.close();
  },
);

test('every call has a whole line in the log, those before a signal included', async () => {
  const env = { WORKERS: String(count), LOG_LEVEL: 'info', PORT: '0' };
  const logging = await startServerProcess(database.url, folder, env);
  let log = '';
  logging.child.stderr?.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  const calls = Array.from({ length: 200 }, () =>
    fetch(`${logging.url}/auth/login`, { method: 'POST', headers: { connection: 'close' } }),
  );
  const ids = (await Promise.all(calls)).map(({ headers }) => headers.get('x-request-id'));
  const closed = once(logging.child, 'close');
  logging.child.kill('SIGTERM');
  await closed;
  const lines = log.trim().split('\n');
  const logged = lines.map((line) => (JSON.parse(line) as { requestId?: string }).requestId);
  expect(logged).toEqual(expect.arrayContaining(ids));
});

test('a signal lets running calls end and stops every worker', async () => {
  const all = workers();
  const email = freshEmail();
  // It is held back for a quarter of a second.
  const running = clientsOf(server).auth.register({ email, password });
  await pause(100);
  for (const pid of [...all, server.child.pid ?? 0]) process.kill(pid, 'SIGTERM');
  await running;
  const [code] = await once(server.child, 'exit');
  expect(code).toBe(0);
  expect(all.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
});
