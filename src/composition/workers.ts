import cluster, { type Worker } from 'node:cluster';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { sharedFigures } from '../adapters/metrics.ts';
import { systemRandom } from '../adapters/random.ts';
import { renderWorkers } from '../adapters/worker-figures.ts';
import type { Config } from '../config/config.ts';
import { createErrorMapper } from '../server/error-mapper.ts';
import { createHandler } from '../server/handler.ts';
import { listenNear } from '../server/listener.ts';
import { createMetricsRoute } from '../server/metrics-route.ts';
import type { AppOptions } from './app.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import type { Lifetime } from './lifetime.ts';
import { namingPort, sayMetrics } from './taken-port.ts';

/** Delay before a worker is restarted, so that one that cannot start does not fork without pause. */
const restartMs = 1000;

/** Whether this process only starts and watches others, which do the work. */
export function isPrimary({ workers }: Pick<Config, 'workers'>): boolean {
  return workers > 1 && cluster.isPrimary;
}

/** Whether this process prints the addresses of the service. */
export function isSpokesman(): boolean {
  return cluster.isPrimary || cluster.worker?.id === 1;
}

/** Called with the primary by a worker that listens on all its addresses. */
type Ready = { readonly ready?: true };

/** Notifies the primary, if there is one, that this process serves. */
export function tellReady(): void {
  process.send?.({ ready: true } satisfies Ready);
}

/**
 * Runs the service in several processes behind one port, which share nothing but MySQL. The
 * first one is up before the others start, so that its error is printed once and ends all.
 */
export async function startWorkers(
  config: AppOptions['config'],
  log: Logger,
  lifetime: Lifetime,
): Promise<void> {
  const { workers, production, databaseUrl, googleEmulatorUrl, providerEmulatorUrl } = config;
  cluster.setupPrimary({ args: ['start', ...(production ? ['--production'] : [])] });
  // The primary owns what only one process may have: the private database, the emulator, the metrics.
  const env = {
    DATABASE_URL: databaseUrl,
    METRICS_PORT: 'off',
    ...(googleEmulatorUrl !== undefined && { GOOGLE_EMULATOR_URL: googleEmulatorUrl }),
    ...(providerEmulatorUrl !== undefined && { PROVIDER_EMULATOR_URL: providerEmulatorUrl }),
  };
  const running = new Map<number, Worker>();
  const fork = (number: number): Worker => {
    const worker = cluster.fork(env);
    running.set(number, worker);
    // A worker that could not be forked emits no exit.
    return worker.on('error', (error) =>
      log.error({ worker: number, err: error }, 'a worker is out of reach'),
    );
  };
  const keepUp = (worker: Worker, number: number) => {
    worker.once('exit', (code: number | null, signal: string | null) => {
      running.delete(number);
      if (lifetime.isStopping()) return;
      log.error({ worker: number, code, signal }, 'a worker has ended and is started again');
      void pause(restartMs).then(() => {
        if (!lifetime.isStopping()) keepUp(fork(number), number);
      });
    });
  };
  await serveFigures(config, running, log, lifetime);
  lifetime.add(stopWorkers);
  const first = fork(1);
  await readinessOf(first);
  keepUp(first, 1);
  for (let number = 2; number <= workers; number += 1) keepUp(fork(number), number);
}

/** Waits until a worker serves; its end before that ends the service with the same code. */
async function readinessOf(worker: Worker): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    worker.on('message', ({ ready }: Ready) => ready && resolve());
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

/** The figures of all workers, where the configuration wants figures. */
async function serveFigures(
  config: AppOptions['config'],
  running: ReadonlyMap<number, Worker>,
  log: Logger,
  lifetime: Lifetime,
): Promise<void> {
  const { metrics, isMetricsPortAssumed, maxConnectionsPerAddress, keepAliveMs, proxies } = config;
  if (metrics === undefined) return;
  const deps = {
    log,
    random: systemRandom,
    mapError: createErrorMapper(log),
    proxies,
    encryptedOrigin: undefined,
  };
  const render = () => renderWorkers(running, sharedFigures);
  const handle = createHandler({ ...deps, routes: [createMetricsRoute(render)] });
  const listener = await namingPort(
    config,
    listenNear({ ...metrics, maxConnectionsPerAddress, keepAliveMs }, handle, isMetricsPortAssumed),
  );
  lifetime.add(() => listener.close());
  sayMetrics(metrics, listener.port);
}
