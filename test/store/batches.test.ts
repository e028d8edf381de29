import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inBatches } from '../../src/store/batches.ts';
import { thrownBy } from '../support/errors.ts';

test('questions of one turn are asked together, and each gets its own answer', async () => {
  const asked: (readonly number[])[] = [];
  const double = inBatches(3, async (numbers: readonly number[]) => {
    asked.push(numbers);
    return numbers.map((number) => 2 * number);
  });
  expect(await Promise.all([1, 2, 3, 4, 5].map(double))).toEqual([2, 4, 6, 8, 10]);
  expect(asked).toEqual([
    [1, 2, 3],
    [4, 5],
  ]);
});

test('a question joins no batch that was sent before it', async () => {
  const asked: (readonly string[])[] = [];
  let answer = () => {};
  const ask = inBatches(8, async (names: readonly string[]) => {
    asked.push(names);
    await new Promise<void>((resolve) => {
      answer = resolve;
    });
    return names;
  });
  const first = ask('early');
  await turn();
  await turn();
  const second = ask('late');
  answer();
  expect(await first).toBe('early');
  await turn();
  answer();
  expect(await second).toBe('late');
  expect(asked).toEqual([['early'], ['late']]);
});

test('a question that is refused fails for nobody else of its batch', async () => {
  const asked: (readonly string[])[] = [];
  const ask = inBatches(8, async (names: readonly string[]) => {
    asked.push(names);
    if (names.includes('bad')) throw new Error('unreadable');
    return names;
  });
  const answers = Promise.allSettled(['a', 'bad', 'c'].map(ask));
  expect((await answers).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(asked).toEqual([['a', 'bad', 'c'], ['a'], ['bad'], ['c']]);
  expect(await thrownBy(ask('bad'))).toMatchObject({ message: 'unreadable' });
});
