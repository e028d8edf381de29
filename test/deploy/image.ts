import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installPackages } from '../../src/store/embedded/install.ts';
import { type EmbeddedServer, startEmbeddedServer } from '../../src/store/embedded/server.ts';
import { freePort } from '../support/federation.ts';
import { buildah, makeBases } from './bases.ts';

// The image of deploy/Dockerfile, built as it stands, and run as Kubernetes runs it: by a user who is not root, from a file system that
// cannot be written.

const root = new URL('../..', import.meta.url).pathname;
/** A clean copy of what is committed or is to be. */
const context = '/tmp/manam-image-context';
let image = '';
let container = '';
let folder = '';
let server: EmbeddedServer;
let port = 0;

beforeAll(async () => {
  port = await freePort();
  server = await startEmbeddedServer({
    folder: mkdtempSync(join(tmpdir(), 'manam-image-')),
    volatile: true,
    // The image has no way to a socket of this machine.
    serverOptions: ['--skip-networking=0', '--bind-address=127.0.0.1', `--port=${port}`],
  });
  image = process.env['IMAGE'] ?? build();
  container = buildah('from', image);
  folder = buildah('mount', container);
});

/** Builds the image; returns its name. IMAGE names one that is there already. */
function build(): string {
  if (!existsSync('/usr/bin/buildah') || !existsSync('/usr/sbin/debootstrap'))
    installPackages(['buildah', 'debootstrap', 'util-linux']);
  const { node, runtime } = makeBases();
  const copy = `git ls-files -co --exclude-standard -z | tar --null -cT - | tar -xC ${context}`;
  execFileSync('sh', ['-c', `rm -rf ${context} && mkdir ${context} && ${copy}`], { cwd: root });
  const bases = [`NODE_IMAGE=${node}`, `RUNTIME_IMAGE=${runtime}`].flatMap((each) => ['--build-arg', each]);
  const how = ['--isolation', 'chroot', '--format', 'docker', ...bases];
  buildah('bud', ...how, '-f', `${context}/deploy/Dockerfile`, '-t', 'manam-test', context);
  return 'localhost/manam-test';
}

afterAll(async () => {
  await server?.stop();
  if (container !== '') buildah('rm', container);
});

type Config = {
  readonly User: string;
  readonly Entrypoint: string[];
  readonly Cmd: string[];
  readonly Env: string[];
};

const config = () =>
  (
    JSON.parse(buildah('inspect', '--type', 'image', image)) as {
      Docker: { config: Config };
    }
  ).Docker.config;

function bytesOf(path: string): number {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

test('the image has at most 250 MB, no shell, no development package, and a user who is not root', () => {
  const bytes = bytesOf(folder);
  process.stdout.write(`the image: ${(bytes / 1e6).toFixed(0)} MB\n`);
  expect(bytes).toBeLessThanOrEqual(250_000_000);
  for (const path of [
    'bin/sh',
    'usr/bin/npm',
    'app/src',
    'app/test',
    'app/node_modules/vite',
    'app/node_modules/typescript',
  ])
    expect(existsSync(join(folder, path)), path).toBe(false);
  expect(config().User).toBe('65532:65532');
});

/** Starts the image by its own entry, in a mount of its own that cannot be written. */
function start(env: Readonly<Record<string, string>>): {
  child: ChildProcess;
  ended: Promise<number | null>;
  log: () => string;
} {
  const { Entrypoint, Cmd, Env, User } = config();
  const command = [
    `mount --bind ${folder} ${folder} && mount -o remount,ro,bind ${folder}`,
    `mount -t proc proc ${folder}/proc && exec chroot --userspec=${User} ${folder} "$@"`,
  ].join(' && ');
  const child = spawn('unshare', ['--mount', 'sh', '-c', command, 'sh', ...Entrypoint, ...Cmd], {
    env: {
      ...Object.fromEntries(Env.map((each) => each.split(/=(.*)/s).slice(0, 2) as [string, string])),
      ...env,
    },
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      log += chunk.toString();
    });
  return { child, ended: new Promise((resolve) => child.once('exit', resolve)), log: () => log };
}

test('it starts on an empty database, is ready, answers, and drains on SIGTERM', async () => {
  const connection = await createConnection({ uri: server.urlOf('') });
  await connection.query('CREATE DATABASE manam CHARACTER SET utf8mb4 COLLATE utf8mb4_bin');
  await connection.query("CREATE USER manam@'%' IDENTIFIED BY 'secret'");
  await connection.query("GRANT ALL ON manam.* TO manam@'%'");
  await connection.end();
  const ownPort = await freePort();
  const url = `http://127.0.0.1:${ownPort}`;
  const service = start({
    PORT: String(ownPort),
    METRICS_PORT: 'off',
    DATABASE_URL: `mysql://manam:secret@127.0.0.1:${port}/manam`,
    MANAM_MASTER_KEY: randomBytes(32).toString('base64'),
    MANAM_ISSUER: 'https://id.example.com',
    SMTP_URL: 'smtp://127.0.0.1:1',
    TRUSTED_PROXIES: '127.0.0.0/8',
  });
  const statusOf = (path: string) =>
    fetch(url + path).then(
      ({ status }) => status,
      () => 0,
    );
  const ready = expect.poll(() => statusOf('/readyz'), { timeout: 60_000, interval: 200 }).toBe(200);
  await ready.catch((cause: unknown) => {
    throw new Error(`it did not become ready: ${service.log()}`, { cause });
  });
  expect(await statusOf('/healthz')).toBe(200);
  expect(await statusOf('/docs')).toBe(200);
  expect(await statusOf('/dev/messages')).toBe(404);
  service.child.kill('SIGTERM');
  expect(await service.ended, service.log()).toBe(0);
});

test('without its settings it does not start, and says what is missing', async () => {
  const service = start({});
  expect(await service.ended).toBe(2);
  expect(service.log()).toContain('MANAM_MASTER_KEY');
});
