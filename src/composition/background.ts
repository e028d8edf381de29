import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { Adapters } from '../features/core.ts';
import type { Job } from '../features/feature.ts';
import { createLoop } from '../features/loop.ts';
import { createPurge } from '../flows/retention/purge.ts';
import type { Features } from './features.ts';

/** Pause between two batches, to limit the load of a deletion. */
const restMs = 20;

/** The work beside the calls: the jobs of all features, and the deletion of expired rows. */
export function createBackground(
  config: Pick<Config, 'retention'>,
  { store, clock, random }: Adapters,
  features: Features,
  log: Logger,
): Job {
  const jobs = [...features.jobs];
  const { intervalMinutes } = config.retention;
  if (intervalMinutes > 0) jobs.push(createDeletion());
  return {
    start: () => {
      for (const job of jobs) job.start();
    },
    stop: async () => {
      await Promise.all(jobs.map((job) => job.stop()));
    },
  };

  function createDeletion(): Job {
    const stopping = new AbortController();
    const onError = (error: unknown) => log.warn({ err: error }, 'expired rows could not be deleted');
    const purge = createPurge({
      store,
      retention: features.retention,
      clock,
      random,
      rest: () => wait(restMs),
      isStopping: () => stopping.signal.aborted,
      onError,
    });
    async function run(): Promise<number> {
      const rows = await purge();
      if (rows !== undefined && rows > 0) log.info({ rows }, 'expired rows were deleted');
      return 0;
    }
    const loop = createLoop(run, intervalMinutes * 60_000, stopping.signal, onError);
    return {
      start: () => loop.start(),
      stop: async () => {
        stopping.abort();
        await loop.stop();
      },
    };
  }
}
