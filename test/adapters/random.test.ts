import { validate, version } from 'uuid';
import { expect, test } from 'vitest';
import { systemRandom } from '../../src/adapters/random.ts';

test('ids are of version 7, each greater than the one before, over many draws of random bytes', () => {
  const ids = Array.from({ length: 10_000 }, () => systemRandom.uuid());
  expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  expect(ids).toEqual(ids.toSorted());
  expect(new Set(ids).size).toBe(ids.length);
  // The random ends differ as well: no draw is handed out twice.
  expect(new Set(ids.map((id) => id.slice(-12))).size).toBe(ids.length);
});
