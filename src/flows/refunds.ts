import type { Budget } from '../domain/budget.ts';
import type { Clock } from '../domain/clock.ts';
import type { Repositories } from '../domain/repositories.ts';
import { sha256 } from '../domain/token.ts';
import type { Limiter } from './limits.ts';

export type RefundDeps = {
  readonly store: Pick<Repositories, 'budgets'>;
  readonly limiter: Pick<Limiter, 'charge'>;
  readonly clock: Clock;
  /** Called with what has kept a refund from being written: it is lost then, and its budget the smaller for it. */
  readonly onError: (error: unknown) => void;
};

/** Time in which refunds of one budget are collected. */
const delayMs = 10;
/** Oldest use that is passed on, as a part of the window: when the window moves on, the use must not be free. */
const passedOn = 1 / 100;

/** The uses of one budget that wait to be given back. */
type Waiting = {
  readonly tenantId: string;
  readonly name: string;
  readonly subject: string;
  /** When each of them was counted. */
  readonly uses: Date[];
};

const keyOf = (tenantId: string, { name }: Budget, subject: string) =>
  JSON.stringify([tenantId, name, subject]);

/**
 * Gives back what was counted and turned out harmless. No caller waits for it: what a
 * network sends in a moment is given back by one statement a little later, and until then a call
 * of the same network takes it over instead of counting anew. If the instance dies first, the use
 * stays charged; it is never given back twice.
 */
export function createRefunds({ store, limiter, clock, onError }: RefundDeps) {
  let waiting = new Map<string, Waiting>();
  let timer: NodeJS.Timeout | undefined;
  let written = Promise.resolve();

  async function write(refunds: Iterable<Waiting>): Promise<void> {
    // One after the other: they must not take the connections that calls wait for.
    for (const { tenantId, name, subject, uses } of refunds) {
      if (uses.length > 0)
        await store.budgets.refund({ tenantId, name, subject: sha256(subject), uses }).catch(onError);
    }
  }

  /** Writes what waits now; resolves when that, and what waited before, is written. */
  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const refunds = waiting.values();
    waiting = new Map();
    written = written.then(() => write(refunds));
    return written;
  }

  /** Takes a use over that waits to be given back; returns when it was counted, or undefined where none waits. */
  function takeOver(tenantId: string, budget: Budget, subject: string): Date | undefined {
    const uses = waiting.get(keyOf(tenantId, budget, subject))?.uses;
    const oldest = clock().getTime() - budget.windowMs * passedOn;
    const index = uses?.findLastIndex((countedAt) => countedAt.getTime() > oldest) ?? -1;
    return index === -1 ? undefined : uses?.splice(index, 1)[0];
  }

  return {
    /**
     * Uses one of a budget, or takes over one that waits to be given back; returns when it was counted. Throws
     * RATE_LIMITED where none is left.
     */
    async use(tenantId: string, budget: Budget, subject: string): Promise<Date> {
      return takeOver(tenantId, budget, subject) ?? (await limiter.charge(tenantId, budget, subject));
    },

    /** Gives one use back, which was counted at a time. */
    add(tenantId: string, budget: Budget, subject: string, countedAt: Date): void {
      const key = keyOf(tenantId, budget, subject);
      const known = waiting.get(key);
      if (known === undefined) waiting.set(key, { tenantId, name: budget.name, subject, uses: [countedAt] });
      else known.uses.push(countedAt);
      timer ??= setTimeout(flush, delayMs).unref();
    },

    flush,
  };
}

export type Refunds = ReturnType<typeof createRefunds>;
