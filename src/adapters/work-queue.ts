import { DomainError } from '../domain/errors.ts';
import type { QueueLoad } from '../domain/ports.ts';

export type WorkQueueOptions = {
  /** How many run at a time. */
  readonly concurrency: number;
  /** How many may wait, over all lanes. */
  readonly maxWaiting: number;
  /** How long one waits before it is refused. */
  readonly maxWaitMs: number;
};

export type WorkQueue = {
  run<T>(lane: string, work: () => Promise<T>): Promise<T>;
  load(): QueueLoad;
};

type Waiter = { readonly start: () => void; readonly refuse: () => void };

/**
 * Runs work a few at a time and refuses what would wait too long (R6). Whoever waits
 * stands in a lane, and the lanes take turns: a storm in one lane fills that lane and
 * leaves the others their share. Where no place is left, the longest lane gives up its
 * newest for a lane that is shorter.
 */
export function createWorkQueue({ concurrency, maxWaiting, maxWaitMs }: WorkQueueOptions): WorkQueue {
  let running = 0;
  let waiting = 0;
  let refused = 0;
  /** The lanes that somebody waits in, the next one to be served first. */
  const lanes = new Map<string, Waiter[]>();
  const refusal = () => {
    refused += 1;
    return new DomainError('RATE_LIMITED', { retryAfterMs: maxWaitMs });
  };

  function take(lane: string, waiter: Waiter): void {
    const line = lanes.get(lane) ?? [];
    line.splice(line.indexOf(waiter), 1);
    waiting -= 1;
    if (line.length === 0) lanes.delete(lane);
  }

  /** Makes a place for one more in the lane; false where that lane is the longest itself. */
  function makePlace(lane: string): boolean {
    const own = lanes.get(lane)?.length ?? 0;
    const [name, longest] = [...lanes].reduce((a, b) => (b[1].length > a[1].length ? b : a));
    if (longest.length <= own + 1) return false;
    const newest = longest.at(-1);
    if (newest === undefined) return false;
    take(name, newest);
    newest.refuse();
    return true;
  }

  async function enter(lane: string): Promise<void> {
    if (running < concurrency) {
      running += 1;
      return;
    }
    if (waiting >= maxWaiting && !makePlace(lane)) throw refusal();
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        take(lane, waiter);
        reject(refusal());
      }, maxWaitMs);
      const waiter: Waiter = {
        start: () => {
          clearTimeout(timer);
          resolve();
        },
        refuse: () => {
          clearTimeout(timer);
          reject(refusal());
        },
      };
      lanes.set(lane, [...(lanes.get(lane) ?? []), waiter]);
      waiting += 1;
    });
  }

  /** Hands the place on to the next lane's first, or gives it up. */
  function leave(): void {
    const [next] = lanes;
    const waiter = next?.[1][0];
    if (next === undefined || waiter === undefined) {
      running -= 1;
      return;
    }
    const [lane] = next;
    take(lane, waiter);
    const rest = lanes.get(lane);
    if (rest !== undefined) {
      // To the end: the other lanes come first.
      lanes.delete(lane);
      lanes.set(lane, rest);
    }
    waiter.start();
  }

  return {
    async run(lane, work) {
      await enter(lane);
      try {
        return await work();
      } finally {
        leave();
      }
    },
    load: () => ({ running, waiting, refused }),
  };
}
