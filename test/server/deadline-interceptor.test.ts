import { expect, test } from 'vitest';
import { deadlineInterceptor } from '../../src/server/interceptors.ts';
import { thrownBy } from '../support/errors.ts';

type Next = Parameters<typeof deadlineInterceptor>[0];
type Request = Parameters<Next>[0];

test('rejects a call whose caller left before it began, and runs nothing of it', async () => {
  let isCalled = false;
  const next: Next = async () => {
    isCalled = true;
    throw new Error('unreachable');
  };
  const call = deadlineInterceptor(next)({ signal: AbortSignal.abort() } as Request);
  expect(await thrownBy(call)).toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
  expect(isCalled).toBe(false);
});
