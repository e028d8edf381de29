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
  /** How long work typically takes, as far as it is known at first. Default 0: nobody is refused for it. */
  readonly typicalMs?: number;
};

export type WorkQueue = {
  /**
   * Refuses what `run` would refuse now. It keeps no place: a call that never sends its body
   * would hold one that others need.
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
export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { concurrency, maxWaiting, maxWaitMs } = options;
  let running = 0;
  let waiting = 0;
  let refused = 0;
  let typicalMs = options.typicalMs ?? 0;
  /** The lanes that somebody waits in, the next one to be served first. */
  const lanes = new Map<string, Waiter[]>();

  const refusal = (retryAfterMs: number) => {
    refused += 1;
    return new DomainError('RATE_LIMITED', { retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)) });
  };

  /** Throws where there is no place for one more in the lane, or where his turn comes too late for him. */
  function assertRoom(lane: string, { leftMs }: Deadline): void {
    if (running < concurrency) return;
    const own = lanes.get(lane)?.length ?? 0;
    // The others have a turn each before every one of ours.
    const ahead = [...lanes].map(([name, line]) => (name === lane ? own : Math.min(line.length, own + 1)));
    const waitMs = (typicalMs * (ahead.reduce((sum, each) => sum + each, 0) + 1)) / concurrency;
    if (waitMs > maxWaitMs || waitMs + typicalMs > leftMs()) throw refusal(waitMs);
    if (waiting >= maxWaiting && longestLane()[1].length <= own + 1) throw refusal(waitMs);
  }

  function longestLane(): [string, Waiter[]] {
    return [...lanes].reduce((a, b) => (b[1].length > a[1].length ? b : a));
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
    const [name, longest] = longestLane();
    const newest = longest.at(-1);
    if (newest === undefined) return;
    take(name, newest);
    newest.refuse(refusal((typicalMs * maxWaiting) / concurrency));
  }

  async function enter(lane: string, deadline: Deadline): Promise<void> {
    if (deadline.signal.aborted) throw new DomainError('DEADLINE_EXCEEDED');
    if (running < concurrency) {
      running += 1;
      return;
    }
    assertRoom(lane, deadline);
    makePlace();
    await new Promise<void>((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        deadline.signal.removeEventListener('abort', leave);
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
      const giveUp = (error: DomainError) => {
        take(lane, waiter);
        waiter.refuse(error);
      };
      const leave = () => giveUp(new DomainError('DEADLINE_EXCEEDED'));
      const timer = setTimeout(() => giveUp(refusal(maxWaitMs)), maxWaitMs);
      deadline.signal.addEventListener('abort', leave, { once: true });
      lanes.set(lane, [...(lanes.get(lane) ?? []), waiter]);
      waiting += 1;
    });
  }

  /** Hands the place on to the next lane's first, or gives it up. */
  function handOn(): void {
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
    admit: assertRoom,
    async run(lane, deadline, work) {
      await enter(lane, deadline);
      const startedAt = performance.now();
      try {
        return await work();
      } finally {
        const tookMs = performance.now() - startedAt;
        typicalMs = typicalMs === 0 ? tookMs : typicalMs + smoothing * (tookMs - typicalMs);
        handOn();
      }
    },
    load: () => ({ running, waiting, refused }),
  };
}
