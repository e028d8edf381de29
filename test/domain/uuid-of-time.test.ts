import { expect, test } from 'vitest';
import { uuidOfTime } from '../../src/domain/token.ts';

test.each([
  ['2026-11-29T00:00:00Z', '01a22499-f800-7000-8000-000000000000'],
  ['1970-01-01T00:00:00Z', '00000000-0000-7000-8000-000000000000'],
  ['1926-12-23T00:00:00Z', '00000000-0000-7000-8000-000000000000'],
])('nothing is older than %s but what was made before', (time, uuid) => {
  expect(uuidOfTime(new Date(time))).toBe(uuid);
});
