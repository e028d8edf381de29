import { LRUCache } from 'lru-cache';
import type { EventLog, LoggedEvent } from '../../domain/event-log.ts';
import type { Store } from '../../domain/repositories.ts';

export type EventTail = {
  /** Reads how far the logs are that someone waits for; returns 0. */
  poll(): Promise<number>;
  /** The current log; undefined where the tenant has no numbered events. */
  current(tenantId: string): Promise<EventLog | undefined>;
  /** Resolves once the log is longer, the signal aborts, or that many milliseconds have passed. */
  longerThan(tenantId: string, size: number, signal: AbortSignal, ms: number): Promise<void>;
  /** Events after a position up to another one, in order, read once for all who ask at the same time. */
  read(tenantId: string, after: number, upTo: number): Promise<readonly LoggedEvent[]>;
};

/** Events that are read at once. */
export const pageRows = 500;
const cachedPages = 200;
const cacheMs = 5000;

/**
 * The end of all logs that this instance's streams follow: one query for all of them, however many they are. A
 * stream keeps its own place, and a slow one holds up no other.
 */
export function createEventTail({ store }: { readonly store: Store<'eventLogs'> }): EventTail {
  type Waiter = { readonly size: number; readonly wake: () => void };
  const waiting = new Map<string, Set<Waiter>>();
  const pages = new LRUCache<string, Promise<readonly LoggedEvent[]>>({ max: cachedPages, ttl: cacheMs });

  let asked = new Set<string>();
  let answer: Promise<ReadonlyMap<string, EventLog>> | undefined;

  /** One query for all who ask in the same turn: a wake-up of many streams asks at once. */
  function currentLogs(): Promise<ReadonlyMap<string, EventLog>> {
    answer ??= Promise.resolve().then(async () => {
      const tenantIds = [...asked];
      [asked, answer] = [new Set(), undefined];
      return new Map((await store.eventLogs.findCurrent(tenantIds)).map((log) => [log.tenantId, log]));
    });
    return answer;
  }

  return {
    async poll() {
      const tenantIds = [...waiting.keys()];
      if (tenantIds.length === 0) return 0;
      for (const { tenantId, size } of await store.eventLogs.findCurrent(tenantIds))
        for (const waiter of [...(waiting.get(tenantId) ?? [])]) if (size > waiter.size) waiter.wake();
      return 0;
    },

    async current(tenantId) {
      asked.add(tenantId);
      return (await currentLogs()).get(tenantId);
    },

    longerThan: (tenantId, size, signal, ms) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const waiters = waiting.get(tenantId) ?? new Set();
        const wake = () => {
          clearTimeout(timer);
          waiters.delete(waiter);
          if (waiters.size === 0) waiting.delete(tenantId);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        const waiter = { size, wake };
        const timer = setTimeout(wake, ms);
        waiters.add(waiter);
        waiting.set(tenantId, waiters);
        signal.addEventListener('abort', wake, { once: true });
      }),

    read(tenantId, after, upTo) {
      const name = `${tenantId} ${after} ${upTo}`;
      const known = pages.get(name);
      if (known !== undefined) return known;
      const read = store.eventLogs.read(tenantId, after, upTo, pageRows);
      pages.set(name, read);
      read.catch(() => pages.delete(name));
      return read;
    },
  };
}
