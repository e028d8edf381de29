import { expect, test } from 'vitest';
import { createWorkQueue } from '../../src/adapters/work-queue.ts';
import { thrownBy } from '../support/errors.ts';

/** Work that ends when it is told to; notes the order in which it was begun. */
function createJobs(limits: { concurrency: number; maxWaiting: number; maxWaitMs?: number }) {
  const { run } = createWorkQueue({ maxWaitMs: 60_000, ...limits });
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const start = (lane: string, name: string) =>
    run(lane, () => {
      begun.push(name);
      return new Promise<string>((resolve) => ends.push(() => resolve(name)));
    });
  const endNext = async () => {
    ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { start, begun, endNext };
}

test('lanes take turns, whatever the length of the others', async () => {
  const { start, begun, endNext } = createJobs({ concurrency: 1, maxWaiting: 10 });
  const all = ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2'].map((name) => start(name.slice(0, 1), name));
  for (let count = 0; count < all.length; count += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    await endNext();
  }
  await Promise.all(all);
  expect(begun).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
});

test('where no place is left the longest lane gives up its newest for a shorter one', async () => {
  const { start, begun, endNext } = createJobs({ concurrency: 1, maxWaiting: 3 });
  const running = start('a', 'a0');
  const waiting = [start('a', 'a1'), start('a', 'a2')];
  const newest = thrownBy(start('a', 'a3'));
  expect(await thrownBy(start('a', 'a4'))).toMatchObject({ reason: 'RATE_LIMITED' });
  const other = start('b', 'b1');
  expect(await newest).toMatchObject({ reason: 'RATE_LIMITED' });
  for (let count = 0; count < 4; count += 1) await endNext();
  await Promise.all([running, ...waiting, other]);
  expect(begun).toEqual(['a0', 'a1', 'b1', 'a2']);
});

test('who has waited too long is refused, and the others keep their places', async () => {
  const { start, begun, endNext } = createJobs({ concurrency: 1, maxWaiting: 3, maxWaitMs: 50 });
  const running = start('a', 'a0');
  expect(await thrownBy(start('a', 'a1'))).toMatchObject({
    reason: 'RATE_LIMITED',
    details: { retryAfterMs: 50 },
  });
  const next = start('b', 'b1');
  await endNext();
  await endNext();
  await Promise.all([running, next]);
  expect(begun).toEqual(['a0', 'b1']);
});
