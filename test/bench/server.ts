import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Usage, usageOf } from './processes.ts';

export type BenchServer = {
  readonly url: string;
  readonly databaseUrl: string;
  /** The publishable keys of two tenants, and the secret key of the first. */
  readonly keys: { readonly dev: string; readonly manam: string; readonly secret: string };
  /** Time from the start of the process until it listened. */
  readonly startMs: number;
  /** CPU seconds so far and resident memory now, of all its processes. */
  usage(): Usage;
  stop(): Promise<void>;
};

export type ServerOptions = {
  readonly databaseUrl: string;
  readonly workers?: number;
  /** The program; default: the sources. */
  readonly main?: string;
  /** Its data folder, which is kept; default: one that goes with it. The first start in one makes tenants and a member. */
  readonly folder?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The only core that it runs on; default: all. */
  readonly core?: number;
};

/** Limits of networks and recipients are out of the way: all calls come from one address. */
const withoutLimits = Object.fromEntries(
  [
    'GUESSES_PER_NETWORK',
    'GUESSES_PER_TENANT',
    'MESSAGES_PER_NETWORK',
    'MESSAGES_PER_TENANT',
    'EMAILS_PER_RECIPIENT',
  ].map((name) => [`LIMIT_${name}`, '1000000000']),
);

/** One for the run: a database may be started on more than once. */
const masterKey = randomBytes(32).toString('base64');

/** The program of what is published, and the flags that the image starts it with. */
const built = 'dist/src/main.js';
const imageFlags = ['--max-semi-space-size=8'];

/** Builds what is published; returns its program. */
export function buildService(): string {
  execFileSync(process.execPath, ['tools/build-service.ts'], { stdio: 'inherit' });
  return built;
}

/** Starts the service as a user would: a separate process with the production hash. */
export async function startServer({
  databaseUrl,
  workers = 1,
  main = 'src/main.ts',
  folder: kept,
  env,
  core,
}: ServerOptions): Promise<BenchServer> {
  const folder = kept ?? mkdtempSync(join(tmpdir(), 'manam-bench-'));
  const startedAt = performance.now();
  const pinned = core === undefined ? [] : ['taskset', '-c', String(core)];
  const flags = main === built ? imageFlags : [];
  const [program = '', ...parameters] = [...pinned, process.execPath, ...flags, main, 'start'];
  const child = spawn(program, parameters, {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      DATABASE_URL: databaseUrl,
      MANAM_DATA: folder,
      MANAM_MASTER_KEY: masterKey,
      WORKERS: String(workers),
      PORT: '0',
      METRICS_PORT: 'off',
      MAX_CONNECTIONS_PER_ADDRESS: '1000000',
      ...withoutLimits,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const startMs = await new Promise<number>((resolve, reject) => {
    let text = '';
    let listening: number | undefined;
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('listening on')) listening ??= performance.now() - startedAt;
      if (text.includes('all of it in')) resolve(listening ?? 0);
    });
    child.once('exit', () => reject(new Error(`the server did not start: ${text}`)));
  });
  const dev = JSON.parse(readFileSync(join(folder, 'dev.json'), 'utf8')) as Record<string, string>;
  return {
    url: dev['url'] ?? '',
    databaseUrl,
    keys: {
      dev: dev['publishable_key'] ?? '',
      manam: dev['manam_publishable_key'] ?? '',
      secret: dev['secret_key'] ?? '',
    },
    startMs,
    usage: () => usageOf(child.pid ?? 0),
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
      if (kept === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}
