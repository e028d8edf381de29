import cluster, { type Worker } from 'node:cluster';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { renderWorkers } from '../adapters/metrics.ts';
import { systemRandom } from '../adapters/random.ts';
import type { Config } from '../config.ts';
import { createHandler } from '../server/handler.ts';
import { listen } from '../server/listener.ts';
import { createMetricsRoute } from '../server/metrics-route.ts';
import { say } from './common.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import type { Lifetime } from './lifetime.ts';

/** How long after its end a worker is started again, so that one that cannot live is no storm of processes. */
const restartMs = 1000;

/** A configuration whose database runs. */
export type ServingConfig = Config & { readonly databaseUrl: string };

/** Whether this process only starts and watches others, which do the work. */
export function isPrimary({ workers }: Pick<Config, 'workers'>): boolean {
  return workers > 1 && cluster.isPrimary;
}

/** Whether this process is the one that tells people where the service is. */
export function isSpokesman(): boolean {
  return cluster.isPrimary || cluster.worker?.id === 1;
}

/**
 * Runs the service in several processes behind one port, which share nothing but MySQL. The
 * first one is up before the others begin: what it complains of is told once, and ends all.
 */
export async function startWorkers(config: ServingConfig, log: Logger, lifetime: Lifetime): Promise<void> {
  const { workers, production, databaseUrl, googleEmulatorUrl } = config;
  // What belongs to one process alone is this one's: the private database, the emulator, the figures.
  cluster.setupPrimary({ args: ['start', ...(production ? ['--production'] : [])] });
  const env = {
    DATABASE_URL: databaseUrl,
    METRICS_PORT: 'off',
    ...(googleEmulatorUrl === undefined ? {} : { GOOGLE_EMULATOR_URL: googleEmulatorUrl }),
  };
  lifetime.add(stopWorkers);
  await listeningOf(cluster.fork(env));
  cluster.on('exit', ({ id }: Worker, code: number | null, signal: string | null) => {
    if (lifetime.isStopping()) return;
    log.error({ worker: id, code, signal }, 'a worker has ended and is started again');
    void pause(restartMs).then(() => {
      if (!lifetime.isStopping()) cluster.fork(env);
    });
  });
  for (let count = 1; count < workers; count += 1) cluster.fork(env);
  await serveFigures(config, log, lifetime);
}

/** Waits until a worker listens; its end before that ends the service with the same code. */
async function listeningOf(worker: Worker): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    worker.once('listening', () => resolve());
    worker.once('exit', (code: number | null) =>
      reject(new CommandError('the first worker did not start', code || exitCodes.failed)),
    );
  });
}

/** Lets every worker end its calls, and waits for that. */
async function stopWorkers(): Promise<void> {
  const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
  await Promise.all(
    workers.map(async (worker) => {
      const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
      worker.process.kill('SIGTERM');
      if (!worker.isDead()) await ended;
    }),
  );
}

/** The figures of all workers together, where the configuration wants figures. */
async function serveFigures(config: ServingConfig, log: Logger, lifetime: Lifetime): Promise<void> {
  const { metrics, maxConnectionsPerAddress, proxies } = config;
  if (metrics === undefined) return;
  const deps = { log, random: systemRandom, proxies, encrypted: false };
  const handle = createHandler({ ...deps, routes: [createMetricsRoute(renderWorkers)] });
  const listener = await listen({ ...metrics, maxConnectionsPerAddress }, handle);
  lifetime.add(() => listener.close());
  say(`manam: metrics on http://${metrics.host}:${listener.port}/metrics`);
}
