import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AuthService } from '../gen/manam/v1/auth_service_pb.js';
import { ensureServerProgram } from '../src/store/embedded/install.ts';
import { password } from './support/app.ts';

const run = promisify(execFile);
const root = new URL('..', import.meta.url).pathname;
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'manam-main-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Exit = { code: number | null; output: string };
type Running = { child: ChildProcess; exit: Promise<Exit>; ready: Promise<void> };

/** Starts the service as `npm start` does. */
function start(env: Record<string, string>, args: string[] = []): Running {
  const child = spawn('node', ['src/main.ts', ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'] ?? '', LOG_LEVEL: 'error', ...env },
  });
  let output = '';
  const collect = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const exit = new Promise<Exit>((resolve) => child.once('exit', (code) => resolve({ code, output })));
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout.on('data', () => output.includes('all of it in') && resolve());
    child.once('exit', () => reject(new Error(output)));
  });
  ready.catch(() => {});
  return { child, exit, ready };
}

const readDev = () => JSON.parse(readFileSync(join(folder, 'dev.json'), 'utf8')) as Record<string, string>;

test('the service starts without any configuration, stops on a signal, and finds its data again', async () => {
  const first = start({ MANAM_DATA: folder, PORT: '0', METRICS_PORT: 'off' });
  await first.ready;
  const dev = readDev();
  expect(Object.keys(dev)).toEqual([
    'url',
    'publishable_key',
    'secret_key',
    'manam_publishable_key',
    'manam_secret_key',
    'console_password',
  ]);

  // `buf curl` with our own protos, over gRPC and h2c.
  const { stdout } = await run(
    join(root, 'node_modules/.bin/buf'),
    [
      'curl',
      '--schema',
      root,
      '--protocol',
      'grpc',
      '--http2-prior-knowledge',
      '-H',
      `apieco_key: ${dev['publishable_key']}`,
      '-d',
      JSON.stringify({ email: 'buf@example.com', password }),
      `${dev['url']}/manam.v1.AuthService/Register`,
    ],
    { cwd: root },
  );
  expect(JSON.parse(stdout)).toMatchObject({ account: { email: 'buf@example.com' } });
  const mailbox = await fetch(`${dev['url']}/dev/messages?to=buf@example.com`);
  const [message] = (await mailbox.json()) as { code: string; link: string }[];
  expect(message?.link).toContain(message?.code);

  // The owner that the console's address signs in, also after the next start.
  const signIn = (at: Record<string, string>) =>
    fetch(`${at['url']}/manam.v1.AuthService/Login`, {
      method: 'POST',
      headers: { 'x-api-key': at['manam_publishable_key'] ?? '', 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'owner@example.com', password: at['console_password'] }),
    });
  expect((await signIn(dev)).status).toBe(200);

  first.child.kill('SIGTERM');
  expect(await first.exit).toMatchObject({ code: 0 });

  const second = start({ MANAM_DATA: folder, PORT: '0', METRICS_PORT: 'off' });
  await second.ready;
  const again = readDev();
  expect((await signIn(again)).status).toBe(200);
  expect({ ...again, url: '' }).toEqual({ ...dev, url: '' });
  const auth = createClient(
    AuthService,
    createConnectTransport({
      baseUrl: again['url'] ?? '',
      httpVersion: '2',
      interceptors: [
        (next) => (request) => {
          request.header.set('apieco_key', dev['publishable_key'] ?? '');
          return next(request);
        },
      ],
    }),
  );
  await auth.confirmEmail({ cnf: message?.code ?? '' });
  expect((await auth.login({ email: 'buf@example.com', password })).tokens?.tokenType).toBe('Bearer');

  const third = await start({ MANAM_DATA: folder, PORT: '0', METRICS_PORT: 'off' }).exit;
  expect(third.code).toBe(1);
  expect(third.output.trim()).toMatch(
    /^manam: the data folder .* is in use by process \d+: stop that one, or set MANAM_DATA$/,
  );

  // A killed service leaves its database behind; the next start takes care of it.
  second.child.kill('SIGKILL');
  await second.exit;
  const fourth = start({ MANAM_DATA: folder, PORT: '0', METRICS_PORT: 'off' });
  await fourth.ready;
  fourth.child.kill('SIGINT');
  expect(await fourth.exit).toMatchObject({ code: 0 });
}, 120_000);

test('a service that lacks its pages does not start, and says how they are made', async () => {
  const bare = mkdtempSync(join(tmpdir(), 'manam-bare-'));
  for (const name of ['src', 'gen', 'package.json'])
    cpSync(join(root, name), join(bare, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(bare, 'node_modules'));
  const { status, stderr } = spawnSync(process.execPath, ['src/main.ts', 'start'], {
    cwd: bare,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', MANAM_DATA: join(bare, 'data'), LOG_LEVEL: 'error' },
  });
  expect([status, stderr]).toEqual([
    1,
    'manam: the hosted pages are not there: in a checkout run `npm ci && npm run pages`; for production install what `npm pack` makes\n',
  ]);
  rmSync(bare, { recursive: true, force: true });
}, 60_000);

test('a taken port is named in one line', async () => {
  const holder = (await import('node:http')).createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  const { port } = holder.address() as { port: number };
  const other = mkdtempSync(join(tmpdir(), 'manam-port-'));
  const { code, output } = await start({ MANAM_DATA: other, PORT: String(port) }).exit;
  expect(code).toBe(1);
  expect(output.trim().split('\n').at(-1)).toBe(
    `manam: port ${port} is taken: stop what uses it, or set PORT`,
  );
  holder.close();
  rmSync(other, { recursive: true, force: true });
}, 60_000);

test('a data folder that cannot be written is named in one line', async () => {
  const file = join(folder, 'a-file');
  writeFileSync(file, '');
  const { code, output } = await start({ MANAM_DATA: join(file, 'data'), PORT: '0', METRICS_PORT: 'off' })
    .exit;
  expect(code).toBe(1);
  expect(output).toBe(
    `manam: the data folder ${join(file, 'data')} cannot be written: give this user the right to, or set MANAM_DATA\n`,
  );
});

test('production names everything that is missing or weak', async () => {
  const { code, output } = await start(
    { MANAM_MASTER_KEY: 'AAAA', HASH_MEMORY_KIB: '1024', MANAM_ISSUER: 'http://x', PORT: 'x' },
    ['--production'],
  ).exit;
  expect(code).toBe(2);
  expect(output.split('\n')).toEqual([
    'manam: PORT must be a whole number from 0 to 65535',
    'manam: DATABASE_URL is required in production',
    'manam: MANAM_ISSUER must be a URL, in production with https',
    'manam: HASH_MEMORY_KIB and HASH_PASSES must be at least 19456 and 2, or 47104 and 1, in production',
    'manam: MANAM_MASTER_KEY must be 32 random bytes in Base64: openssl rand -base64 32',
    'manam: SMTP_URL is required in production',
    '',
  ]);
});

test('names the command to install a database where none is found and none may be installed', () => {
  expect(() => ensureServerProgram({ report: () => {}, folders: ['/nowhere'] })).toThrowError(
    "MariaDB or MySQL is missing: run 'sudo apt-get install --no-install-recommends mariadb-server-core mariadb-client-core' (or the MariaDB or MySQL server package of your system), or set DATABASE_URL",
  );
});

test('uses a MySQL server where it finds no MariaDB, but none older than 8.4', () => {
  const folder = mkdtempSync(join(tmpdir(), 'manam-programs-'));
  const find = (line: string) => {
    writeFileSync(join(folder, 'mysqld'), `#!/bin/sh\necho '${line}'\n`, { mode: 0o755 });
    return ensureServerProgram({ report: () => {}, folders: [folder] });
  };
  const mysql = { engine: 'mysql', server: join(folder, 'mysqld') };
  expect(find('mysqld  Ver 9.7.4 for Linux on x86_64 (MySQL Community Server - GPL)')).toEqual(mysql);
  expect(find('mysqld  Ver 8.4.6 for Linux on x86_64')).toEqual(mysql);
  for (const line of [
    'mysqld  Ver 8.0.44 for Linux',
    'mysqld  Ver 15.1 Distrib 10.11.14-MariaDB',
    'nonsense',
  ])
    expect(() => find(line), line).toThrowError('MariaDB or MySQL is missing');
  rmSync(folder, { recursive: true });
});

test('rejects a database program that is none, and data of the other engine', () => {
  const wrong = { report: () => {}, program: '/bin/true' };
  expect(() => ensureServerProgram(wrong)).toThrowError(
    'DATABASE_SERVER: /bin/true is not a MariaDB server or a MySQL server 8.4 or newer',
  );
  expect(() =>
    ensureServerProgram({ report: () => {}, folders: ['/nowhere'], engine: 'mysql' }),
  ).toThrowError(
    'the data folder belongs to MySQL: set DATABASE_SERVER to a program of it, or MANAM_DATA to another folder',
  );
});
