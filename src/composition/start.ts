import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Logger, pino } from 'pino';
import { lowerBackgroundThreads } from '../adapters/background-threads.ts';
import { systemRandom } from '../adapters/random.ts';
import { startTracing } from '../adapters/tracing.ts';
import { browsableHost, type Config } from '../config/config.ts';
import { seedConnections } from '../dev/connections.ts';
import { seedReadyMember } from '../dev/ready-member.ts';
import { seedTenant } from '../dev/tenants.ts';
import { assertPagesBuilt, consolePath, readyPath } from '../pages/hosted-pages.ts';
import { makeWritable, startEmbeddedServer } from '../store/embedded/server.ts';
import { migrate } from '../store/migrate.ts';
import { databaseName } from './admin-client.ts';
import { type App, type AppOptions, createApp } from './app.ts';
import { exitCodeOf } from './exit-codes.ts';
import { createLifetime, type Lifetime } from './lifetime.ts';
import type { Listeners } from './listeners.ts';
import { masterKeysOf } from './master-key.ts';
import { namingPort, sayMetrics } from './taken-port.ts';
import { complain, say } from './terminal.ts';
import { isPrimary, isSpokesman, startWorkers, tellReady } from './workers.ts';

type DevelopmentFile = {
  readonly url: string;
  readonly publishable_key: string;
  readonly secret_key: string;
  readonly manam_publishable_key: string;
  readonly manam_secret_key: string;
  /** The password of the ready member of the console. */
  readonly console_password: string;
};

function readDevelopmentFile(file: string): Partial<DevelopmentFile> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Partial<DevelopmentFile>;
  } catch {
    return {};
  }
}

/** Time after a signal in which calls are still accepted: some are on their way over connections that are about to close. */
const noticeMs = 250;
/** Time after the start at which its memory is handed back. */
const settledMs = 1000;

/**
 * Bytes and milliseconds for which lines wait to be written together: one write to the system takes as long as all else of a line.
 * Several processes write into one pipe, which takes up to 4,096 bytes as a whole (PIPE_BUF).
 */
const logBatch = { minLength: 3072, maxWrite: 4096, periodicFlush: 100 } as const;

function createLog({ logLevel }: Config): Logger {
  const stderr = pino.destination({ dest: 2, sync: true, ...logBatch });
  process.once('exit', () => stderr.flushSync());
  return pino({ level: logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stderr);
}

/** Starts the service, in this process or in several, and keeps it running until a signal. */
export async function start(config: Config): Promise<void> {
  const log = createLog(config);

  const lifetime = createLifetime();
  try {
    assertPagesBuilt();
    const databaseUrl = config.databaseUrl ?? (await startPrivateDatabase(config, lifetime));
    await (isPrimary(config) ? startWorkers : serve)({ ...config, databaseUrl }, log, lifetime);
    setTimeout(collectGarbage, settledMs).unref();
  } catch (error) {
    // A start that was interrupted on purpose needs no error.
    if (lifetime.isStopping()) return;
    complain(error);
    await lifetime.stop(exitCodeOf(error));
  }
}

/** Starts the database of the data folder; returns its URL. */
async function startPrivateDatabase(
  { dataFolder, databaseServer }: Config,
  lifetime: Lifetime,
): Promise<string> {
  const report = (line: string) => say(`manam: ${line}`);
  const server = await startEmbeddedServer({
    folder: resolve(dataFolder),
    program: databaseServer,
    report,
  });
  lifetime.add(() => server.stop());
  await server.createDatabase(databaseName);
  const url = server.urlOf(databaseName);
  // The folder is locked: no other version runs on it.
  await migrate(url, { stopped: true });
  return url;
}

/** Serves in this process. */
async function serve(config: AppOptions['config'], log: Logger, lifetime: Lifetime): Promise<void> {
  // In production nothing is kept in files, and the file system may be one that cannot be written.
  if (!config.production) makeWritable(resolve(config.dataFolder));
  if (config.tracing) {
    lifetime.add(
      await startTracing((error) => log.warn({ err: error }, 'the last traces could not be sent')),
    );
  }
  const app = await createApp({ config, masterKeys: masterKeysOf(config), log });
  lifetime.add(() => app.close());
  lowerBackgroundThreads();
  const listener = await namingPort(config, app.listen());
  lifetime.add(async () => {
    listener.drain();
    await pause(noticeMs);
    // The timer comes before what has arrived, in a process that was held up for that long.
    for (let read = 0; read < 2; read += 1) await turn();
    await listener.close();
  });
  if (isSpokesman()) await tell(config, app, listener);
  tellReady();
}

/** Says where the service is. */
async function tell(config: Config, app: App, listener: Listeners): Promise<void> {
  const host = config.production ? config.host : browsableHost(config.host);
  const url = `${config.tls ? 'https' : 'http'}://${host}:${listener.port}`;
  if (listener.adminPort !== undefined)
    say(`manam: operators on ${config.admin?.host}:${listener.adminPort}`);
  if (listener.metricsPort !== undefined && config.metrics !== undefined)
    sayMetrics(config.metrics, listener.metricsPort);
  if (config.production) say(`manam: listening on ${url}`);
  else await announce(app.store, url, config);
}

/** Loading the modules leaves some 80 MB of garbage, which V8 would keep until it needs the room. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options: object) => void;
  // Only the last resort also hands back the room that the garbage stood in.
  gc({ type: 'major', flavor: 'last-resort' });
}

/** Prints what a newcomer needs, and writes it for programs. */
async function announce(
  store: App['store'],
  url: string,
  { dataFolder, providerEmulatorUrl }: Config,
): Promise<void> {
  const file = join(resolve(dataFolder), 'dev.json');
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
  const tenant = await store.tenants.findBySlug('dev');
  if (tenant !== undefined) await seedConnections(deps, tenant.id, providerEmulatorUrl);
  const readyDeps = { ...deps, url, secretKey: manam.secret };
  // It is a convenience: a service that cannot be reached here under its own address starts all the same.
  const ready = await seedReadyMember(readyDeps, last.console_password || undefined).catch(() => undefined);
  const content: DevelopmentFile = {
    url,
    publishable_key: dev.publishable,
    secret_key: dev.secret,
    manam_publishable_key: manam.publishable,
    manam_secret_key: manam.secret,
    console_password: ready?.password ?? '',
  };
  writeFileSync(file, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
  say(`manam: listening on ${url}`);
  say(`  publishable key  ${dev.publishable}`);
  say(`  secret key       ${dev.secret}`);
  say(`  pages            ${url}/account/dev/`);
  const entry = ready === undefined ? `${consolePath}/` : `${readyPath}#${ready.email}%20${ready.password}`;
  say(`  console          ${url}${entry}`);
  say(`  mailbox          ${url}/dev/messages`);
  say(`  API              ${url}/docs`);
  say(`  (all of it in    ${file})`);
}
