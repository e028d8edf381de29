import { expect, test, vi } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import type { BudgetRepository } from '../../src/domain/budget.ts';
import { sha256 } from '../../src/domain/token.ts';
import { createRefunds } from '../../src/flows/refunds.ts';
import { defaultLimits, password, startTestApp, useTestApp } from '../support/app.ts';
import { signUp } from '../support/journey.ts';

const testApp = useTestApp();
const guesses = { name: 'guess', max: 20, windowMs: 1000 };

function refundsOver(refund: BudgetRepository['refund']) {
  const errors: unknown[] = [];
  const store = { budgets: { charge: vi.fn(), refund } };
  return { ...createRefunds({ store, onError: (error) => errors.push(error) }), errors };
}

test('what is given back to a network in a moment is one statement, and each network has its own', async () => {
  const refund = vi.fn(async () => {});
  const { add, flush } = refundsOver(refund);
  for (const network of ['198.51.100.1', '198.51.100.2', '198.51.100.1']) add('tenant', guesses, network);
  add('other', guesses, '198.51.100.1');
  expect(refund).not.toHaveBeenCalled();
  await flush();
  const [first, second] = ['198.51.100.1', '198.51.100.2'].map(sha256);
  const given = { tenantId: 'tenant', name: 'guess', amount: 1 };
  expect(refund.mock.calls).toEqual([
    [{ ...given, subject: first, amount: 2 }],
    [{ ...given, subject: second }],
    [{ ...given, subject: first, tenantId: 'other' }],
  ]);
  await flush();
  expect(refund).toHaveBeenCalledTimes(3);
});

test('one refund is written at a time, and no one has to ask for it', async () => {
  const pending: (() => void)[] = [];
  const refund = vi.fn(() => new Promise<void>((resolve) => pending.push(resolve)));
  const { add, flush } = refundsOver(refund);
  add('tenant', guesses, 'first');
  await vi.waitFor(() => expect(refund).toHaveBeenCalledTimes(1));
  add('tenant', guesses, 'second');
  const done = flush();
  await Promise.resolve();
  expect(refund).toHaveBeenCalledTimes(1);
  pending[0]?.();
  await vi.waitFor(() => expect(refund).toHaveBeenCalledTimes(2));
  pending[1]?.();
  await done;
});

test('reports a refund that cannot be written and writes the others', async () => {
  const outage = new Error('no database');
  const refund = vi.fn<BudgetRepository['refund']>(async ({ tenantId }) => {
    if (tenantId === 'first') throw outage;
  });
  const { add, flush, errors } = refundsOver(refund);
  add('first', guesses, 'network');
  add('second', guesses, 'network');
  await flush();
  expect(refund).toHaveBeenCalledTimes(2);
  expect(errors).toEqual([outage]);
});

test('an instance that stops gives back what it has noted', async () => {
  const { email } = await signUp(testApp());
  await testApp().sql('UPDATE budgets SET used = 0');
  const stopping = await startTestApp({ sibling: testApp() });
  await stopping.client(AuthService).login({ email, password });
  await stopping.close();
  const { name } = defaultLimits.attemptsPerNetwork;
  expect(await testApp().sql('SELECT used FROM budgets WHERE name = ?', [name])).toEqual([{ used: 0 }]);
});

test('a sign-in does not fail because its network cannot be given back what it was charged', async () => {
  const { client, sql, logLines } = testApp();
  const { email } = await signUp(testApp());
  await sql(
    "CREATE TRIGGER no_refund BEFORE UPDATE ON budgets FOR EACH ROW IF NEW.used < OLD.used THEN SIGNAL SQLSTATE '45000'; END IF",
  );
  expect((await client(AuthService).login({ email, password })).userId).not.toBe('');
  await vi.waitFor(() => expect(logLines.join('')).toContain('a limit could not be given back its use'));
  await sql('DROP TRIGGER no_refund');
});
