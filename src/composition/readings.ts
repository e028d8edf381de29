import type { Logger } from 'pino';

type Reading = {
  readonly read: () => Promise<void>;
  readonly everyMs: number;
  /** What the log says where it fails. */
  readonly failure: string;
};

/** Reads again and again what other instances change. A reading that fails is logged, and what was read before stays. */
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
      // A reading that was under way may have missed a change.
      await readAll();
    },
    stop() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}
