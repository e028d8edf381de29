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

test('a batch that fails fails for all that are in it, and the next one does not', async () => {
  let isDown = true;
  const ask = inBatches(8, async (names: readonly string[]) => {
    if (isDown) throw new Error('away');
    return names;
  });
  const errors = await Promise.all(['a', 'b'].map((name) => thrownBy(ask(name))));
  expect(errors).toMatchObject([{ message: 'away' }, { message: 'away' }]);
  isDown = false;
  expect(await ask('c')).toBe('c');
});
