import type { Logger } from 'pino';
import type { Clock } from '../domain/clock.ts';
import type { Store } from '../domain/repositories.ts';
import { createKeyUses } from '../flows/key-uses.ts';
import { createLimiter, type LimiterDeps } from '../flows/limits.ts';
import { createRefunds } from '../flows/refunds.ts';

export type CounterDeps = Required<Pick<LimiterDeps, 'onRefusal'>> & {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
};

/** What counts calls: the limits, what they give back, and the uses of keys. The last two are written after the calls. */
export function createCounters({ store, clock, log, onRefusal }: CounterDeps) {
  const failing = (what: string) => (error: unknown) => log.warn({ err: error }, what);
  const limiter = createLimiter({ store, clock, onRefusal });
  const refunds = createRefunds({
    store,
    limiter,
    clock,
    onError: failing('a limit could not be given back its use'),
  });
  const keyUses = createKeyUses({ store, clock, onError: failing('the use of a key could not be noted') });
  return {
    limiter,
    refunds,
    keyUses,
    /** Writes what calls left behind. */
    flush: async () => {
      await Promise.all([refunds.flush(), keyUses.flush()]);
    },
  };
}
