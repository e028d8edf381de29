import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { Clock } from '../domain/clock.ts';
import type { Random } from '../domain/random.ts';
import type { Store } from '../domain/repositories.ts';
import { createPurge } from '../flows/retention/purge.ts';
import { createLoop } from './loop.ts';

/** Between two batches, so that they are felt by nobody. */
const restMs = 20;

/** Deletes what has had its time, as long as the service runs; switched off by an interval of 0. */
export function createRetention(
  { retention }: Pick<Config, 'retention'>,
  store: Store,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  log: Logger,
): { start(): void; stop(): Promise<void> } {
  const stopping = new AbortController();
  const onError = (error: unknown) => log.warn({ err: error }, 'what has had its time could not be deleted');
  const purge = createPurge({
    store,
    retention,
    clock,
    random,
    rest: () => wait(restMs),
    isStopping: () => stopping.signal.aborted,
    onError,
  });
  async function run(): Promise<number> {
    const rows = await purge();
    if (rows !== undefined && rows > 0) log.info({ rows }, 'what had had its time was deleted');
    return 0;
  }
  const loop = createLoop(run, retention.intervalMinutes * 60_000, stopping.signal, onError);
  return {
    start: () => {
      if (retention.intervalMinutes > 0) loop.start();
    },
    stop: async () => {
      stopping.abort();
      await loop.stop();
    },
  };
}
