import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pino } from 'pino';
import { systemRandom } from '../adapters/random.ts';
import { startTracing } from '../adapters/tracing.ts';
import { createApp } from '../app.ts';
import type { Config } from '../config.ts';
import { makeWritable, startEmbeddedServer } from '../store/embedded/server.ts';
import { complain, say } from './common.ts';
import { databaseName } from './connection.ts';
import { seedTenant } from './dev-tenants.ts';
import { exitCodeOf } from './exit-codes.ts';
import { masterKeysOf } from './master-key.ts';

type DevelopmentFile = {
  readonly url: string;
  readonly publishable_key: string;
  readonly secret_key: string;
  readonly manam_publishable_key: string;
  readonly manam_secret_key: string;
};

function readDevelopmentFile(file: string): Partial<DevelopmentFile> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Partial<DevelopmentFile>;
  } catch {
    return {};
  }
}

/** Starts the service and keeps it running until a signal. */
export async function start(config: Config): Promise<void> {
  const dataFolder = resolve(config.dataFolder);
  const log = pino(
    { level: config.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    process.stderr,
  );

  // What has been started, to be stopped in the opposite order; a signal may come at any time.
  const running: (() => Promise<void>)[] = [];
  let stopping = false;
  const stop = async (code: number) => {
    if (stopping) process.exit(1);
    stopping = true;
    for (const close of running.reverse()) await close();
    process.exit(code);
  };
  process.on('SIGTERM', () => void stop(0));
  process.on('SIGINT', () => void stop(0));

  if (config.tracing) {
    running.push(
      await startTracing((error) => log.warn({ err: error }, 'the last traces could not be sent')),
    );
  }
  makeWritable(dataFolder);
  const report = (line: string) => say(`manam: ${line}`);
  const server =
    config.databaseUrl === undefined ? await startEmbeddedServer({ folder: dataFolder, report }) : undefined;
  if (server !== undefined) running.push(() => server.stop());
  try {
    await server?.createDatabase(databaseName);
    const databaseUrl = config.databaseUrl ?? server?.urlOf(databaseName) ?? '';
    const app = await createApp({
      config: { ...config, databaseUrl },
      masterKeys: masterKeysOf(config),
      log,
    });
    running.push(() => app.close());
    const listener = await app.listen().catch((error: unknown) => {
      const { code, port } = error as NodeJS.ErrnoException & { port?: number };
      if (code !== 'EADDRINUSE') throw error;
      throw new Error(`port ${port} is taken: stop what uses it, or set ${portKey(config, port)}`);
    });
    running.push(() => listener.close());
    const url = `${config.tls ? 'https' : 'http'}://${config.host}:${listener.port}`;
    if (listener.adminPort !== undefined)
      say(`manam: operators on ${config.admin?.host}:${listener.adminPort}`);
    if (listener.metricsPort !== undefined)
      say(`manam: metrics on http://${config.metrics?.host}:${listener.metricsPort}/metrics`);
    if (config.production) say(`manam: listening on ${url}`);
    else await announce(app.store, url, join(dataFolder, 'dev.json'));
  } catch (error) {
    complain(error);
    await stop(exitCodeOf(error));
  }
}

/** The key of the configuration that a port comes from. */
function portKey({ admin, metrics }: Config, port: number | undefined): string {
  if (port === admin?.port) return 'ADMIN_PORT';
  return port === metrics?.port ? 'METRICS_PORT' : 'PORT';
}

/** Prints what a newcomer needs, and writes it for programs. */
async function announce(
  store: Parameters<typeof seedTenant>[0]['store'],
  url: string,
  file: string,
): Promise<void> {
  const deps = { store, clock: () => new Date(), random: systemRandom };
  const last = readDevelopmentFile(file);
  const known = (publishable?: string, secret?: string) =>
    publishable === undefined || secret === undefined ? undefined : { publishable, secret };
  const dev = await seedTenant(deps, 'dev', url, known(last.publishable_key, last.secret_key));
  const manam = await seedTenant(
    deps,
    'manam',
    url,
    known(last.manam_publishable_key, last.manam_secret_key),
  );
  const content: DevelopmentFile = {
    url,
    publishable_key: dev.publishable,
    secret_key: dev.secret,
    manam_publishable_key: manam.publishable,
    manam_secret_key: manam.secret,
  };
  writeFileSync(file, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
  say(`manam: listening on ${url}`);
  say(`  publishable key  ${dev.publishable}`);
  say(`  secret key       ${dev.secret}`);
  say(`  pages            ${url}/account/dev/`);
  say(`  mailbox          ${url}/dev/messages`);
  say(`  API              ${url}/docs`);
  say(`  (all of it in    ${file})`);
}
