import { LRUCache } from 'lru-cache';
import type { Clock } from '../domain/clock.ts';
import { type DirectoryChanges, longestMs } from './directory-changes.ts';

/** Number of values of a kind; what is not there counts, so that made-up names cause no storm of queries. */
const maxEntries = 20_000;

type Kept<T> = { readonly value: T; readonly readAtMs: number };

export type DirectoryCacheOptions<T> = {
  readonly read: (key: string) => Promise<T>;
  readonly changes: DirectoryChanges;
  readonly clock: Clock;
  /** The tenant whose changes change a value; undefined: none, such as where nothing was found, and it is soon read again. */
  readonly tenantOf: (value: T, key: string) => string | undefined;
  /** When a value ends by itself; absent, undefined: it does not. */
  readonly endOf?: (value: T) => Date | undefined;
  readonly max?: number;
};

export type DirectoryCache<T> = {
  /** `afresh`: as it is now. */
  find(key: string, afresh?: boolean): Promise<T>;
  forget(key: string): void;
  /** Milliseconds since a value was read; Infinity: it is not there. */
  ageOf(key: string): number;
};

/** A cache of data of tenants. An entry is kept until its tenant changes, and concurrent callers share one read. */
export function createDirectoryCache<T>({
  read,
  changes,
  clock,
  tenantOf,
  endOf = () => undefined,
  max = maxEntries,
}: DirectoryCacheOptions<T>): DirectoryCache<T> {
  const cache = new LRUCache<string, Kept<T>>({
    // By size, since `max` takes the room for all of them at the start: half a megabyte for each cache.
    maxSize: max,
    sizeCalculation: () => 1,
    ttl: longestMs,
    // What is forgotten or displaced while it is read is not kept, and those who wait for it get it all the same.
    ignoreFetchAbort: true,
    fetchMethod: (key) => {
      const running = readNow(key);
      reading.set(key, running);
      return running.finally(() => {
        if (reading.get(key) === running) reading.delete(key);
      });
    },
  });
  /** The reads that are under way, and those that begin once they are done. */
  const reading = new Map<string, Promise<Kept<T>>>();
  const next = new Map<string, Promise<Kept<T> | undefined>>();

  async function readNow(key: string): Promise<Kept<T>> {
    const readAtMs = performance.now();
    return { value: await read(key), readAtMs };
  }

  /** A read that has not begun yet. One that is under way may have missed what the caller asks for; any number of callers share the next. */
  function readAfresh(key: string): Promise<Kept<T> | undefined> {
    const begin = async () => {
      await reading.get(key)?.catch(() => undefined);
      next.delete(key);
      // Else the cache would hand out that read.
      cache.delete(key);
      return await cache.fetch(key);
    };
    const begun = next.get(key) ?? begin();
    next.set(key, begun);
    return begun;
  }

  function isCurrent({ value, readAtMs }: Kept<T>, key: string): boolean {
    const end = endOf(value);
    if (end !== undefined && end <= clock()) return false;
    return changes.isCurrent(tenantOf(value, key), readAtMs);
  }

  return {
    async find(key, afresh = false) {
      const known = cache.get(key);
      if (known !== undefined && !afresh && isCurrent(known, key)) return known.value;
      const found = await (afresh
        ? readAfresh(key)
        : cache.fetch(key, { forceRefresh: known !== undefined }));
      if (found === undefined) throw new Error('the directory read nothing');
      return found.value;
    },
    forget: (key) => void cache.delete(key),
    ageOf: (key) => performance.now() - (cache.get(key)?.readAtMs ?? Number.NEGATIVE_INFINITY),
  };
}
