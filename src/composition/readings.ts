import type { Logger } from 'pino';

type Reading = {
  readonly read: () => Promise<void>;
  readonly everyMs: number;
  /** The log message when the reading fails. */
  readonly failure: string;
};

/** Polls for changes by other instances. A reading that fails is logged, and the earlier values stay. */
export function startReadings(log: Logger, readings: readonly Reading[]) {
  const timers = readings.map(({ read, everyMs, failure }) =>
    setInterval(() => {
      read().catch((error: unknown) => log.warn({ err: error }, failure));
    }, everyMs).unref(),
  );
  const readAll = () => Promise.all(readings.map(({ read }) => read()));
  return {
    async catchUp() {
      await readAll();
      // A reading that had already begun may have missed a change.
      await readAll();
    },
    stop() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}
