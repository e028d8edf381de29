import type { ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { RetryInfoSchema } from '../../gen/google/rpc/error_details_pb.js';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { defaultLimits, password, startTestApp, type TestApp, type TestAppOptions } from '../support/app.ts';
import { type ErrorShape, failure, failureOf, thrownBy } from '../support/errors.ts';
import { freshMobile, signUpByMobile } from '../support/journey.ts';

// The part of the I group of security.md that R45 asks for: no one makes a tenant pay for
// SMS that no one wants, and what a limit says is the same for known and unknown numbers.

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const type = IdentifierType.MOBILE;
const limited: ErrorShape = { ...failure('ResourceExhausted', 'RATE_LIMITED'), retryable: true };
const budget = (name: string, max: number, windowMs: number) => ({ name, max, windowMs });

const recover = (app: TestApp, mobile: string) => app.client(RecoveryService).recover({ type, mobile });

/** The retry delay of a rejected call, in seconds; 0 if the call passes. */
async function waitOf(call: Promise<unknown>): Promise<number> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown as ConnectError,
  );
  const [retry] = error?.findDetails(RetryInfoSchema) ?? [];
  return Number(retry?.retryDelay?.seconds ?? 0);
}

test('the second SMS to a number waits a minute, the next twice as long up to 32 minutes, and a quiet day begins anew', async () => {
  const app = await startTestApp({ config: { limits: { ...defaultLimits, smsResendDelayS: 60 } } });
  const known = await signUpByMobile(app);
  app.advance(2 * day);
  for (const mobile of [known.mobile, freshMobile()]) {
    await recover(app, mobile);
    const waits: number[] = [];
    for (let count = 0; count < 7; count += 1) {
      const wait = await waitOf(recover(app, mobile));
      waits.push(Math.round(wait / 60));
      app.advance(wait * 1000 - 10_000);
      expect(await failureOf(recover(app, mobile))).toEqual(limited);
      app.advance(11_000);
      await recover(app, mobile);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 32]);
    app.advance(2 * day);
    await recover(app, mobile);
    expect(Math.round((await waitOf(recover(app, mobile))) / 60)).toBe(1);
  }
  await app.close();
}, 60_000);

test('twenty calls at once for one number get one SMS', async () => {
  const app = await startTestApp({ config: { limits: { ...defaultLimits, smsResendDelayS: 60 } } });
  const { mobile } = await signUpByMobile(app);
  app.advance(2 * day);
  const calls = await Promise.allSettled(Array.from({ length: 20 }, () => recover(app, mobile)));
  expect(calls.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const texts = (await app.messagesTo(`+98${mobile.slice(1)}`)).filter(({ text }) =>
    text.includes('password'),
  );
  expect(texts).toHaveLength(1);
  await app.close();
});

test('a number has five SMS an hour and ten a day, whatever they are for', async () => {
  const app = await startTestApp({
    config: {
      limits: {
        ...defaultLimits,
        smsPerRecipient: budget('sms.recipient', 5, hour),
        smsPerRecipientDay: budget('sms.recipient.day', 10, day),
      },
    },
  });
  // Windows begin with the hour and the day.
  app.advance(day - (app.now().getTime() % day) + minute);
  const mobile = freshMobile();
  const auth = app.client(AuthService);
  await auth.register({ type, mobile, password });
  await auth.sendConfirmSms({ mobile });
  for (let count = 0; count < 3; count += 1) await recover(app, mobile);
  const calls = [
    () => recover(app, mobile),
    () => auth.sendConfirmSms({ mobile }),
    () => auth.register({ type, mobile, password }),
  ];
  for (const call of calls) expect(await failureOf(call())).toEqual(limited);
  app.advance(hour);
  for (let count = 0; count < 5; count += 1) await recover(app, mobile);
  app.advance(hour);
  expect(await failureOf(recover(app, mobile))).toEqual(limited);
  expect(await waitOf(recover(app, mobile))).toBeGreaterThan(20 * 3600);
  await app.close();
});

test('numbers that differ in their last four digits share a budget, and so do the calls of a network', async () => {
  const app = await startTestApp({
    config: { limits: { ...defaultLimits, smsPerPrefix: budget('sms.prefix', 3, hour) } },
  });
  for (const last of ['0001', '0002', '0003']) await recover(app, `0917192${last}`);
  expect(await failureOf(recover(app, '09171920004'))).toEqual(limited);
  await recover(app, '09171930004');
  await app.close();

  const network = await startTestApp({
    config: { limits: { ...defaultLimits, smsPerNetwork: budget('sms.network', 3, hour) } },
  });
  for (let count = 0; count < 3; count += 1) await recover(network, freshMobile());
  expect(await failureOf(recover(network, freshMobile()))).toEqual(limited);
  await network.close();
});

/** An app whose tenant `dev` has other limits for SMS. */
async function startWithSmsPolicy(
  sms: { dailyMessages?: number; dailyBudget?: number; prices?: Record<string, number> },
  config: TestAppOptions['config'] = {},
) {
  const app = await startTestApp();
  const tenant = await app.app.store.tenants.findBySlug('dev');
  if (tenant === undefined) throw new Error('there is a tenant dev');
  const policy = { ...tenant.policy, sms: { ...tenant.policy.sms, ...sms } };
  await app.app.store.tenants.update(tenant.id, { policy });
  const other = await startTestApp({ sibling: app, config });
  return { app: other, close: async () => Promise.all([other.close(), app.close()]) };
}

test('a tenant has so many SMS a day and no more, and calls that are rejected use none up', async () => {
  const limits = { ...defaultLimits, smsResendDelayS: 60 };
  const { app, close } = await startWithSmsPolicy({ dailyMessages: 3 }, { limits });
  const first = freshMobile();
  await recover(app, first);
  // Refused for the number's sake.
  for (let count = 0; count < 5; count += 1) expect(await failureOf(recover(app, first))).toEqual(limited);
  for (let count = 0; count < 2; count += 1) await recover(app, freshMobile());
  expect(await failureOf(recover(app, freshMobile()))).toEqual(limited);
  await close();
});

test('a tenant’s day costs no more than its budget, by the price of each country', async () => {
  const { app, close } = await startWithSmsPolicy({ dailyBudget: 100, prices: { IR: 10, DE: 45 } });
  await recover(app, '+4915112345678');
  // A country without a price is too dear, and uses nothing up.
  expect(await failureOf(recover(app, '+447400123456'))).toEqual(limited);
  await recover(app, '+4915112345679');
  expect(await failureOf(recover(app, '+4915112345679'))).toEqual(limited);
  await recover(app, freshMobile());
  // Too dear by itself, and not owed: what is cheaper still goes.
  for (let count = 0; count < 3; count += 1)
    expect(await failureOf(recover(app, '+4915112345670'))).toEqual(limited);
  expect(await failureOf(recover(app, freshMobile()))).toEqual(limited);
  await close();
});

test('where fewer than a fifth of fifty codes are typed the country is closed, and others stay open', async () => {
  const app = await startTestApp();
  const { smsUsage, tenants } = app.app.store;
  const tenantId = (await tenants.findBySlug('dev'))?.id ?? '';
  const thisHour = new Date(Math.floor(app.now().getTime() / hour) * hour);
  const period = { country: 'IR', hour: thisHour, audience: 'anonymous' } as const;
  for (let count = 0; count < 49; count += 1) await smsUsage.countSent(tenantId, period, 1);
  for (let count = 0; count < 9; count += 1) await smsUsage.countConfirmed(tenantId, period);
  await recover(app, freshMobile());
  await smsUsage.countSent(tenantId, period, 1);
  expect(await failureOf(recover(app, freshMobile()))).toEqual(limited);
  expect(await thrownBy(recover(app, freshMobile()))).toHaveProperty('code', 8);
  await recover(app, '+4915112345678');
  await smsUsage.countConfirmed(tenantId, period);
  await recover(app, freshMobile());
  await smsUsage.countSent(tenantId, period, 1);
  expect(await failureOf(recover(app, freshMobile()))).toEqual(limited);
  // The breaker looks back over this hour and the one before.
  app.advance(2 * hour);
  await recover(app, freshMobile());
  await app.close();
});

test('a code that someone types counts for the breaker, and ends the wait of their number', async () => {
  const app = await startTestApp({ config: { limits: { ...defaultLimits, smsResendDelayS: 60 } } });
  const { mobile } = await signUpByMobile(app);
  await recover(app, mobile);
  expect(await failureOf(recover(app, mobile))).toEqual(limited);
  const [row] = await app.sql('SELECT SUM(confirmed) AS n FROM sms_counters WHERE country = ?', ['IR']);
  expect(Number(row?.['n'])).toBe(1);
  await app.close();
});

test('an address that begins like a number is no number', async () => {
  const app = await startTestApp();
  const email = `+989171929716@example.com`;
  const auth = app.client(AuthService);
  await auth.register({ email, password });
  const [message] = await app.messagesTo(email);
  await auth.confirmEmail({ cnf: message?.code ?? '' });
  expect(await app.sql('SELECT * FROM sms_counters')).toEqual([]);
  await app.close();
});

test('without its tables the guard allows no SMS', async () => {
  const app = await startTestApp({ config: { limits: { ...defaultLimits, smsResendDelayS: 60 } } });
  await app.sql('RENAME TABLE sms_backoffs TO away');
  const mobile = freshMobile();
  expect((await failureOf(recover(app, mobile))).code).toBe('Internal');
  expect(await app.messagesTo(`+98${mobile.slice(1)}`)).toEqual([]);
  await app.close();
});

test('a code to sign in counts against the budgets of strangers, for known and unknown numbers', async () => {
  const app = await startTestApp({
    config: {
      limits: { ...defaultLimits, smsPerRecipient: budget('sms.recipient', 2, hour) },
    },
  });
  const known = await signUpByMobile(app);
  app.advance(2 * hour);
  for (const mobile of [known.mobile, freshMobile()]) {
    const start = () => app.client(AuthService).startCodeSignIn({ type, mobile });
    await start();
    await recover(app, mobile);
    expect(await failureOf(start())).toEqual(limited);
    expect(await failureOf(recover(app, mobile))).toEqual(limited);
  }
  await app.close();
});
