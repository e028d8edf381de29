import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createWorkQueue } from '../../src/adapters/work-queue.ts';
import type { Deadline } from '../../src/domain/deadline.ts';
import { createDeadline } from '../support/deadline.ts';
import { thrownBy } from '../support/errors.ts';

/** Work that ends on demand and records its start order. */
function createJobs(limits: { concurrency: number; maxWaiting: number; maxWaitMs?: number }) {
  const { run, admit, load } = createWorkQueue({ maxWaitMs: 60_000, ...limits });
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const start = (lane: string, name: string, deadline: Deadline = createDeadline()) =>
    run(lane, deadline, () => {
      begun.push(name);
      return new Promise<string>((resolve) => ends.push(() => resolve(name)));
    });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const endNext = async () => {
    await settled();
    ends.shift()?.();
    await settled();
  };
  return { start, admit, load, begun, endNext };
}

test('lanes take turns, whatever their lengths', async () => {
  const { start, begun, endNext } = createJobs({ concurrency: 1, maxWaiting: 10 });
  const all = ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2'].map((name) => start(name.slice(0, 1), name));
  for (let count = 0; count < all.length; count += 1) {
    await endNext();
  }
  await Promise.all(all);
  expect(begun).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
});

test('a full queue drops the newest of the longest lane for a shorter lane', async () => {
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

test('rejects a caller that waited too long, and keeps the places of others', async () => {
  const { start, begun, endNext } = createJobs({ concurrency: 1, maxWaiting: 3, maxWaitMs: 50 });
  const running = start('a', 'a0');
  expect(await thrownBy(start('a', 'a1'))).toMatchObject({
    reason: 'RATE_LIMITED',
  });
  const next = start('b', 'b1');
  await endNext();
  await endNext();
  await Promise.all([running, next]);
  expect(begun).toEqual(['a0', 'b1']);
});

const refusal = { reason: 'RATE_LIMITED', details: { retryAfterMs: expect.any(Number) } };

test('rejects a caller on arrival whose turn would come after its deadline', async () => {
  const { start, admit, load, endNext } = createJobs({ concurrency: 1, maxWaiting: 10 });
  // No durations are measured yet, so nothing is refused for the expected wait.
  const first = start('a', 'a0');
  const second = start('a', 'a1', createDeadline(1));
  await pause(30);
  await endNext();
  expect(() => admit('a', createDeadline(20))).toThrow(expect.objectContaining(refusal));
  expect(await thrownBy(start('a', 'a2', createDeadline(20)))).toMatchObject(refusal);
  const patient = start('a', 'a3', createDeadline(10_000));
  expect(load()).toMatchObject({ running: 1, waiting: 1, refused: 2 });
  await endNext();
  await endNext();
  await Promise.all([first, second, patient]);
});

test('admits a caller to an empty queue, however short its deadline', async () => {
  const { start, admit, endNext } = createJobs({ concurrency: 1, maxWaiting: 10 });
  const slow = start('a', 'a0');
  await pause(30);
  await endNext();
  await slow;
  admit('a', createDeadline(1));
});

test('admits a burst up to the free places, and an ended call frees its place', async () => {
  const { start, admit, endNext } = createJobs({ concurrency: 1, maxWaiting: 2 });
  const running = start('a', 'a0');
  const burst = [createDeadline(), createDeadline()];
  for (const deadline of burst) admit('a', deadline);
  expect(() => admit('a', createDeadline())).toThrow(expect.objectContaining(refusal));
  // Another lane is shorter by more than one: it has a claim to a place.
  admit('b', createDeadline());
  for (const { end } of burst) end();
  admit('a', createDeadline());
  await endNext();
  await running;
});

test('no lane may have all the places', async () => {
  const { start, load, endNext } = createJobs({ concurrency: 1, maxWaiting: 4 });
  const ours = ['a0', 'a1', 'a2', 'a3'].map((name) => start('a', name));
  expect(await thrownBy(start('a', 'a4'))).toMatchObject(refusal);
  const other = start('b', 'b0');
  expect(load()).toMatchObject({ running: 1, waiting: 4 });
  for (let count = 0; count < 5; count += 1) await endNext();
  await Promise.all([...ours, other]);
});

test('releases the reservation of an admitted caller who never arrives', async () => {
  const { start, admit, endNext } = createJobs({ concurrency: 1, maxWaiting: 1 });
  const running = start('a', 'a0');
  admit('a', createDeadline());
  expect(() => admit('a', createDeadline())).toThrow(expect.objectContaining(refusal));
  await pause(300);
  admit('a', createDeadline());
  await endNext();
  await running;
});

test('counts an admitted caller once', async () => {
  const { start, admit, load, endNext } = createJobs({ concurrency: 1, maxWaiting: 1 });
  const running = start('a', 'a0');
  const deadline = createDeadline();
  admit('a', deadline);
  const waiting = start('a', 'a1', deadline);
  expect(load()).toMatchObject({ running: 1, waiting: 1, refused: 0 });
  await endNext();
  await endNext();
  await Promise.all([running, waiting]);
});

test('passes the place of a cancelled waiter to the next one', async () => {
  const { start, load, begun, endNext } = createJobs({ concurrency: 1, maxWaiting: 5 });
  const running = start('a', 'a0');
  const gone = createDeadline();
  const left = thrownBy(start('a', 'a1', gone));
  const next = start('a', 'a2');
  gone.end();
  expect(await left).toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
  expect(load()).toMatchObject({ refused: 0 });
  expect(await thrownBy(start('a', 'a3', gone))).toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
  await endNext();
  await endNext();
  await Promise.all([running, next]);
  expect(begun).toEqual(['a0', 'a2']);
});
