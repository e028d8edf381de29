import type { Budget, Refund } from '../domain/budget.ts';
import type { Repositories } from '../domain/repositories.ts';
import { sha256 } from '../domain/token.ts';

export type RefundDeps = {
  readonly store: Pick<Repositories, 'budgets'>;
  /** Called with what has kept a refund from being written: it is lost then, and its budget the smaller for it. */
  readonly onError: (error: unknown) => void;
};

/** Time in which refunds of one budget are collected. */
const delayMs = 10;

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

  return {
    add(tenantId: string, budget: Budget, subject: string): void {
      const { name } = budget;
      const key = JSON.stringify([tenantId, name, subject]);
      const amount = (noted.get(key)?.amount ?? 0) + 1;
      noted.set(key, { tenantId, name, subject: sha256(subject), amount });
      timer ??= setTimeout(flush, delayMs).unref();
    },
    flush,
  };
}

export type Refunds = ReturnType<typeof createRefunds>;
