import { DomainError } from '../domain/errors.ts';

export type WorkQueueOptions = {
  /** How many run at a time. */
  readonly concurrency: number;
  /** How many may wait; one more is refused at once. */
  readonly maxWaiting: number;
  /** How long one waits before it is refused. */
  readonly maxWaitMs: number;
};

/** Runs work a few at a time, first come, first served, and refuses what would wait too long (R6). */
export function createWorkQueue({ concurrency, maxWaiting, maxWaitMs }: WorkQueueOptions) {
  let running = 0;
  const waiting: { start: () => void; timer: NodeJS.Timeout }[] = [];
  const refusal = () => new DomainError('RATE_LIMITED', { retryAfterMs: maxWaitMs });

  async function enter(): Promise<void> {
    if (running < concurrency) {
      running += 1;
      return;
    }
    if (waiting.length >= maxWaiting) throw refusal();
    await new Promise<void>((resolve, reject) => {
      const entry = {
        start: resolve,
        timer: setTimeout(() => {
          waiting.splice(waiting.indexOf(entry), 1);
          reject(refusal());
        }, maxWaitMs),
      };
      waiting.push(entry);
    });
  }

  /** Hands the place on to the next in line, or gives it up. */
  function leave(): void {
    const next = waiting.shift();
    if (next === undefined) {
      running -= 1;
    } else {
      clearTimeout(next.timer);
      next.start();
    }
  }

  return async function run<T>(work: () => Promise<T>): Promise<T> {
    await enter();
    try {
      return await work();
    } finally {
      leave();
    }
  };
}
