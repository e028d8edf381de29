import type { Deadline } from '../domain/caller.ts';
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
  /**
   * Refuses at once what `run` would refuse. Whoever it lets pass counts as one who waits
   * until he comes or his call ends, so that a burst is not let pass as a whole.
   */
  admit(lane: string, deadline: Deadline): void;
  run<T>(lane: string, deadline: Deadline, work: () => Promise<T>): Promise<T>;
  load(): QueueLoad;
};

type Waiter = { readonly start: () => void; readonly refuse: (error: DomainError) => void };

/** How much a new duration counts in the typical one. */
const smoothing = 0.1;

/**
 * Runs work a few at a time and refuses what would wait too long (R6). Whoever waits
 * stands in a lane, and the lanes take turns: a storm in one lane fills that lane and
 * leaves the others their share. Where no place is left, the longest lane gives up its
 * newest for a lane that is shorter. Whose turn would come after his deadline is refused
 * when he comes, and not when it has passed.
 */
export function createWorkQueue({ concurrency, maxWaiting, maxWaitMs }: WorkQueueOptions): WorkQueue {
  let running = 0;
  let waiting = 0;
  let refused = 0;
  /** How long work typically takes; 0 as long as none has ended. */
  let typicalMs = 0;
  /** The lanes that somebody waits in, the next one to be served first. */
  const lanes = new Map<string, Waiter[]>();
  /** Who was let pass and has not come yet, with his lane. */
  const expected = new Map<AbortSignal, string>();

  const refusal = (retryAfterMs: number) => {
    refused += 1;
    return new DomainError('RATE_LIMITED', { retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)) });
  };

  /** How many wait in each lane or are expected there. */
  function lengths(): Map<string, number> {
    const found = new Map([...lanes].map(([lane, line]) => [lane, line.length]));
    for (const lane of expected.values()) found.set(lane, (found.get(lane) ?? 0) + 1);
    return found;
  }

  /** Throws where there is no place for one more in the lane, or where his turn comes too late for him. */
  function assertRoom(lane: string, { leftMs }: Deadline): void {
    const ahead = waiting + expected.size;
    if (running + ahead < concurrency) return;
    const all = lengths();
    const own = all.get(lane) ?? 0;
    // The others have a turn each before every one of ours.
    const before = [...all].reduce(
      (sum, [name, length]) => sum + (name === lane ? own : Math.min(length, own + 1)),
      0,
    );
    const waitMs = (typicalMs * (before + 1)) / concurrency;
    if (waitMs > maxWaitMs || waitMs + typicalMs > leftMs()) throw refusal(waitMs);
    if (ahead >= maxWaiting && Math.max(...all.values()) <= own + 1) throw refusal(waitMs);
  }

  function take(lane: string, waiter: Waiter): void {
    const line = lanes.get(lane) ?? [];
    line.splice(line.indexOf(waiter), 1);
    waiting -= 1;
    if (line.length === 0) lanes.delete(lane);
  }

  /** Makes a place where there is none: the newest of the longest lane has to give up his. */
  function makePlace(): void {
    if (waiting < maxWaiting) return;
    const [name, longest] = [...lanes].reduce((a, b) => (b[1].length > a[1].length ? b : a));
    const newest = longest.at(-1);
    if (newest === undefined) return;
    take(name, newest);
    newest.refuse(refusal((typicalMs * maxWaiting) / concurrency));
  }

  async function enter(lane: string, deadline: Deadline): Promise<void> {
    expected.delete(deadline.signal);
    if (running < concurrency) {
      running += 1;
      return;
    }
    assertRoom(lane, deadline);
    makePlace();
    await new Promise<void>((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        deadline.signal.removeEventListener('abort', giveUp);
      };
      const waiter: Waiter = {
        start: () => {
          end();
          resolve();
        },
        refuse: (error) => {
          end();
          reject(error);
        },
      };
      const giveUp = () => {
        take(lane, waiter);
        waiter.refuse(refusal(maxWaitMs));
      };
      const timer = setTimeout(giveUp, maxWaitMs);
      deadline.signal.addEventListener('abort', giveUp, { once: true });
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
    admit(lane, deadline) {
      assertRoom(lane, deadline);
      if (deadline.signal.aborted) return;
      expected.set(deadline.signal, lane);
      deadline.signal.addEventListener('abort', () => expected.delete(deadline.signal), { once: true });
    },
    async run(lane, deadline, work) {
      await enter(lane, deadline);
      const startedAt = performance.now();
      try {
        return await work();
      } finally {
        const tookMs = performance.now() - startedAt;
        typicalMs = typicalMs === 0 ? tookMs : typicalMs + smoothing * (tookMs - typicalMs);
        leave();
      }
    },
    load: () => ({ running, waiting, refused }),
  };
}
