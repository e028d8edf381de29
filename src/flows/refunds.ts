import type { Budget, Refund } from '../domain/budget.ts';
import type { Repositories } from '../domain/repositories.ts';
import { sha256 } from '../domain/token.ts';

export type RefundDeps = {
  readonly store: Pick<Repositories, 'budgets'>;
  /** Called with what has kept a refund from being written: it is lost then, and its budget the smaller for it. */
  readonly onError: (error: unknown) => void;
};

/** Time in which refunds of one budget are collected. Until then other instances see its network charged for what was harmless. */
const delayMs = 20;

/**
 * Gives back what was counted and turned out harmless. No caller waits for it: what a
 * network sends in a moment is given back by one statement a little later. An instance
 * that becomes invalid before that leaves the network charged, never the reverse.
 */
export function createRefunds({ store, onError }: RefundDeps) {
  let noted = new Map<string, Refund>();
  let timer: NodeJS.Timeout | undefined;
  let written = Promise.resolve();

  async function write(refunds: Iterable<Refund>): Promise<void> {
    // One after the other: they must not take the connections that calls wait for.
    for (const refund of refunds) await store.budgets.refund(refund).catch(onError);
  }

  /** Writes what is noted now; resolves when that, and what was noted before, is written. */
  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const refunds = noted.values();
    noted = new Map();
    written = written.then(() => write(refunds));
    return written;
  }

  const keyOf = (tenantId: string, { name }: Budget, subject: string) =>
    JSON.stringify([tenantId, name, subject]);

  return {
    add(tenantId: string, budget: Budget, subject: string): void {
      const key = keyOf(tenantId, budget, subject);
      const amount = (noted.get(key)?.amount ?? 0) + 1;
      noted.set(key, { tenantId, name: budget.name, subject: sha256(subject), amount });
      timer ??= setTimeout(flush, delayMs).unref();
    },

    /**
     * Takes back a refund that is not written yet, so that the charge that it was for counts for the next call instead;
     * false where there is none. The database counts either call once.
     */
    take(tenantId: string, budget: Budget, subject: string): boolean {
      const key = keyOf(tenantId, budget, subject);
      const known = noted.get(key);
      if (known === undefined) return false;
      if (known.amount === 1) noted.delete(key);
      else noted.set(key, { ...known, amount: known.amount - 1 });
      return true;
    },

    flush,
  };
}

export type Refunds = ReturnType<typeof createRefunds>;
