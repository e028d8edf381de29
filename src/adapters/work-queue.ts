import type { Deadline } from '../domain/deadline.ts';
import { DomainError } from '../domain/errors.ts';
import type { QueueLoad } from '../domain/password.ts';

export type WorkQueueOptions = {
  /** Number of tasks that run at a time. */
  readonly concurrency: number;
  /** Limit of waiting tasks over all lanes. */
  readonly maxWaiting: number;
  /** Longest wait before a task is rejected. */
  readonly maxWaitMs: number;
  /** First estimate of the duration of a task. Default 0: none is rejected for it. */
  readonly typicalMs?: number;
};

export type WorkQueue = {
  /**
   * Rejects what `run` would reject now. A caller that passes counts as waiting until it
   * comes or its call ends, so that a burst is not let pass as a whole; but only for a moment,
   * because a call whose body never comes would hold a place that others need.
   */
  admit(lane: string, deadline: Deadline): void;
  run<T>(lane: string, deadline: Deadline, work: () => Promise<T>): Promise<T>;
  load(): QueueLoad;
};

type Waiter = { readonly start: () => void; readonly refuse: (error: DomainError) => void };

/** Share of the places that one lane may fill, so that a task of another lane finds one. */
const laneShare = 0.75;
/** Time for which a place is reserved for an admitted caller. */
const expectedMs = 250;
/** Weight of a new duration in the estimate. */
const smoothing = 0.1;

/**
 * Runs tasks a few at a time and rejects those that would wait too long (R6). A task that waits
 * stands in a lane, and the lanes take turns: a storm in one lane fills that lane and
 * leaves the others their share. Where no place is left, the longest lane gives up its
 * newest for a lane that is shorter. A task whose turn would come after its deadline is refused
 * when it comes, and not when the deadline has passed.
 */
export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { concurrency, maxWaiting, maxWaitMs } = options;
  let running = 0;
  let waiting = 0;
  let refused = 0;
  let typicalMs = options.typicalMs ?? 0;
  /** The lanes that someone waits in, the next one to be served first. */
  const lanes = new Map<string, Waiter[]>();
  /** Admitted callers that have not arrived yet, in order. */
  const expected = new Map<AbortSignal, { readonly lane: string; readonly until: number }>();

  const refusal = (retryAfterMs: number) => {
    refused += 1;
    return new DomainError('RATE_LIMITED', { retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)) });
  };

  /** Throws where there is no place for one more in the lane, or where their turn comes too late for them. */
  function assertRoom(lane: string, { leftMs }: Deadline): void {
    const all = lengths();
    if (running + waiting + expected.size < concurrency) return;
    const own = all.get(lane) ?? 0;
    // The others have a turn each before every one of this service.
    const ahead = [...all].map(([name, length]) => (name === lane ? own : Math.min(length, own + 1)));
    const waitMs = (typicalMs * (ahead.reduce((sum, each) => sum + each, 0) + 1)) / concurrency;
    if (waitMs > maxWaitMs || waitMs + typicalMs > leftMs()) throw refusal(waitMs);
    const isFull = waiting + expected.size >= maxWaiting;
    if (own >= maxWaiting * laneShare) throw refusal(waitMs);
    if (isFull && Math.max(...all.values()) <= own + 1) throw refusal(waitMs);
  }

  /** Number of waiting and expected tasks in each lane; an expected one is dropped after a while. */
  function lengths(): Map<string, number> {
    const now = performance.now();
    const found = new Map([...lanes].map(([lane, line]) => [lane, line.length]));
    for (const [signal, { lane, until }] of expected) {
      if (until < now) expected.delete(signal);
      else found.set(lane, (found.get(lane) ?? 0) + 1);
    }
    return found;
  }

  function take(lane: string, waiter: Waiter): void {
    const line = lanes.get(lane) ?? [];
    line.splice(line.indexOf(waiter), 1);
    waiting -= 1;
    if (line.length === 0) lanes.delete(lane);
  }

  /** Makes a place in the lane where there is none: the newest of one that is longer has to give up its own. */
  function makePlace(lane: string): void {
    if (waiting < maxWaiting) return;
    const error = refusal((typicalMs * maxWaiting) / concurrency);
    const [name, longest] = [...lanes].reduce((a, b) => (b[1].length > a[1].length ? b : a));
    const newest = longest.at(-1);
    if (newest === undefined || longest.length <= (lanes.get(lane)?.length ?? 0) + 1) throw error;
    take(name, newest);
    newest.refuse(error);
  }

  async function enter(lane: string, deadline: Deadline): Promise<void> {
    if (deadline.signal.aborted) throw new DomainError('DEADLINE_EXCEEDED');
    expected.delete(deadline.signal);
    if (running < concurrency) {
      running += 1;
      return;
    }
    assertRoom(lane, deadline);
    makePlace(lane);
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
    admit(lane, deadline) {
      assertRoom(lane, deadline);
      if (deadline.signal.aborted) return;
      expected.set(deadline.signal, { lane, until: performance.now() + expectedMs });
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
        handOn();
      }
    },
    load: () => ({ running, waiting, refused }),
  };
}
