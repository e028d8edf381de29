import type { Clock } from '../domain/clock.ts';
import type { Repositories } from '../domain/repositories.ts';

export type KeyUseDeps = {
  readonly store: Pick<Repositories, 'tenants'>;
  readonly clock: Clock;
  /** Called with what has kept a note from being written: it is lost then. */
  readonly onError: (error: unknown) => void;
};

/** How long the uses of a key are collected: by then its row tells of them. */
const delayMs = 60_000;

/** Notes the last use of each key. No call waits for it, and a busy key is written once a minute. */
export function createKeyUses({ store, clock, onError }: KeyUseDeps) {
  let noted = new Map<string, Date>();
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();

  async function write(): Promise<void> {
    const uses = [...noted].map(([keyId, at]) => ({ keyId, at }));
    noted = new Map();
    if (uses.length > 0) await store.tenants.noteUses(uses).catch(onError);
  }

  /** Resolves once everything is written that was noted before, by a write that is under way as well. */
  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    writing = writing.then(write);
    await writing;
  }

  return {
    note(keyId: string): void {
      noted.set(keyId, clock());
      timer ??= setTimeout(flush, delayMs).unref();
    },
    flush,
  };
}

export type KeyUses = ReturnType<typeof createKeyUses>;
