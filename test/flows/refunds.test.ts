import { expect, test, vi } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import type { Budget, BudgetRepository } from '../../src/domain/budget.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { sha256 } from '../../src/domain/token.ts';
import type { Limiter } from '../../src/flows/limits.ts';
import { createRefunds } from '../../src/flows/refunds.ts';
import { defaultLimits, password, startTestApp, useTestApp } from '../support/app.ts';
import { signUp } from '../support/journey.ts';

const testApp = useTestApp();
const guesses = { name: 'guess', max: 20, windowMs: 600_000 };
const start = new Date('2026-11-30T12:00:00Z');
const later = (ms: number) => new Date(start.getTime() + ms);

function refundsOver(refund: BudgetRepository['refund']) {
  const errors: unknown[] = [];
  const store = { budgets: { charge: vi.fn(), refund } };
  let now = start;
  const clock = () => now;
  const pass = (ms: number) => {
    now = later(ms);
  };
  const charge = vi.fn<Limiter['charge']>(async () => now);
  const refunds = createRefunds({
    store,
    limiter: { charge },
    clock,
    onError: (error) => errors.push(error),
  });
  return { ...refunds, errors, pass, charge };
}

test('what is given back to a network in a moment is one statement, and each network has its own', async () => {
  const refund = vi.fn(async () => {});
  const { add, flush } = refundsOver(refund);
  for (const network of ['198.51.100.1', '198.51.100.2', '198.51.100.1'])
    add('tenant', guesses, network, start);
  add('other', guesses, '198.51.100.1', start);
  expect(refund).not.toHaveBeenCalled();
  await flush();
  const [first, second] = ['198.51.100.1', '198.51.100.2'].map(sha256);
  const given = { tenantId: 'tenant', name: 'guess', uses: [start] };
  expect(refund.mock.calls).toEqual([
    [{ ...given, subject: first, uses: [start, start] }],
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
  add('tenant', guesses, 'first', start);
  await vi.waitFor(() => expect(refund).toHaveBeenCalledTimes(1));
  add('tenant', guesses, 'second', start);
  const done = flush();
  await Promise.resolve();
  expect(refund).toHaveBeenCalledTimes(1);
  pending[0]?.();
  await vi.waitFor(() => expect(refund).toHaveBeenCalledTimes(2));
  pending[1]?.();
  await done;
});

test('a call takes over what waits to be given back to its own network, and counts anew where nothing does', async () => {
  const refund = vi.fn(async () => {});
  const { add, use, flush, charge, pass } = refundsOver(refund);
  for (const network of ['first', 'first', 'second']) add('tenant', guesses, network, start);
  pass(1);
  expect(await use('tenant', guesses, 'first')).toEqual(start);
  expect(await use('tenant', guesses, 'second')).toEqual(start);
  expect(charge).not.toHaveBeenCalled();
  const anew: [string, Budget, string][] = [
    ['other', guesses, 'first'],
    ['tenant', { ...guesses, name: 'guess.user' }, 'first'],
    ['tenant', guesses, 'third'],
    ['tenant', guesses, 'second'],
  ];
  for (const asked of anew) expect(await use(...asked)).toEqual(later(1));
  expect(charge.mock.calls).toEqual(anew);
  await flush();
  expect(refund.mock.calls).toEqual([
    [{ tenantId: 'tenant', name: 'guess', subject: sha256('first'), uses: [start] }],
  ]);
  expect(await use('tenant', guesses, 'first')).toEqual(later(1));
});

test('what was counted long ago is given back, and not passed on from call to call for ever', async () => {
  const refund = vi.fn(async () => {});
  const { add, use, flush, pass } = refundsOver(refund);
  add('tenant', guesses, 'network', start);
  pass(5999);
  const passedOn = await use('tenant', guesses, 'network');
  expect(passedOn).toEqual(start);
  add('tenant', guesses, 'network', passedOn);
  pass(6000);
  expect(await use('tenant', guesses, 'network')).toEqual(later(6000));
  add('tenant', guesses, 'network', later(5000));
  expect(await use('tenant', guesses, 'network')).toEqual(later(5000));
  await flush();
  expect(refund).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ uses: [start] }));
});

test('a call whose network has nothing left is refused, and holds no use', async () => {
  const refund = vi.fn(async () => {});
  const { use, flush, charge } = refundsOver(refund);
  const refusal = new DomainError('RATE_LIMITED', { retryAfterMs: 1000 });
  charge.mockRejectedValueOnce(refusal);
  await expect(use('tenant', guesses, 'network')).rejects.toBe(refusal);
  await flush();
  expect(refund).not.toHaveBeenCalled();
});

test('reports a refund that cannot be written and writes the others', async () => {
  const outage = new Error('no database');
  const refund = vi.fn<BudgetRepository['refund']>(async ({ tenantId }) => {
    if (tenantId === 'first') throw outage;
  });
  const { add, flush, errors } = refundsOver(refund);
  add('first', guesses, 'network', start);
  add('second', guesses, 'network', start);
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

test('of sign-ins that follow each other from a network the failures alone stay counted', async () => {
  const { client, sql, settled } = testApp();
  const { email } = await signUp(testApp());
  await settled();
  await sql('UPDATE budgets SET used = 0');
  const signIn = async (typed: string) => await client(AuthService).login({ email, password: typed });
  await Promise.all([password, password, password].map(signIn));
  await expect(signIn('a wrong one')).rejects.toThrow();
  await signIn(password);
  await expect(signIn('another wrong one')).rejects.toThrow();
  await settled();
  const { name } = defaultLimits.attemptsPerNetwork;
  expect(await sql('SELECT used FROM budgets WHERE name = ?', [name])).toEqual([{ used: 2 }]);
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
