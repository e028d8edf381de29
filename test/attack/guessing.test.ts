import { Code, type ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { parseNetworks } from '../../src/domain/network.ts';
import { networkSubject } from '../../src/flows/password-check.ts';
import {
  defaultLimits,
  freshEmail,
  password,
  startTestApp,
  type TestApp,
  useTestApp,
} from '../support/app.ts';
import { failure, failureOf, shapeOf, thrownBy } from '../support/errors.ts';
import { signUp } from '../support/journey.ts';

const testApp = useTestApp();
const wrong = 'wrong-password-47';
const refused = failure('Unauthenticated', 'CREDENTIALS_INVALID');
const limited = { ...failure('ResourceExhausted', 'RATE_LIMITED'), retryable: true as const };

const login = (email: string, secret: string, app: TestApp = testApp()) =>
  app.client(AuthService).login({ email, password: secret });

test('of 50 parallel wrong passwords at most five are compared with the real one', async () => {
  const { email, userId } = await signUp(testApp());
  const answers = await Promise.allSettled(Array.from({ length: 50 }, () => login(email, wrong)));
  expect(answers.every(({ status }) => status === 'rejected')).toBe(true);
  const [row] = await testApp().sql(
    "SELECT failures FROM guess_counters WHERE kind = 'password' AND subject = UNHEX(REPLACE(?, '-', ''))",
    [networkSubject(userId, { client: { address: '', userAgent: '' } })],
  );
  expect(row?.['failures']).toBe(5);
});

test('rejects the right password during a lockout and accepts it after the delay', async () => {
  const { advance, takeStatements } = testApp();
  const { email } = await signUp(testApp());
  for (let count = 0; count < 5; count += 1) await failureOf(login(email, wrong));
  await takeStatements();
  const locked = await thrownBy(login(email, password));
  const statements = await takeStatements();
  const wrongAgain = await thrownBy(login(email, wrong));
  expect(shapeOf(locked)).toEqual(refused);
  expect(await takeStatements()).toEqual(statements);
  const bytes = (error: unknown) => JSON.stringify([String(error), [...(error as ConnectError).metadata]]);
  expect(bytes(locked)).toBe(bytes(wrongAgain));
  advance(30_000);
  await login(email, password);
});

test('an attempt during a lockout is written like any other, so it takes the same time', async () => {
  const { advance, sql } = testApp();
  const { email, userId } = await signUp(testApp());
  for (let count = 0; count < 5; count += 1) await failureOf(login(email, wrong));
  const counter = async () => {
    const [row] = await sql(
      "SELECT failures, next_attempt_at, attempted_at FROM guess_counters WHERE kind = 'password' AND subject = UNHEX(REPLACE(?, '-', ''))",
      [networkSubject(userId, { client: { address: '', userAgent: '' } })],
    );
    return row;
  };
  const before = await counter();
  advance(1000);
  await failureOf(login(email, password));
  const after = await counter();
  expect(after).toEqual({ ...before, attempted_at: expect.any(Date) });
  expect(after?.['attempted_at'].getTime()).toBeGreaterThan(before?.['attempted_at'].getTime());
});

test('each further failure doubles the delay, up to an hour, and a success forgets them', async () => {
  const { advance } = testApp();
  const { email } = await signUp(testApp());
  for (let count = 0; count < 5; count += 1) await failureOf(login(email, wrong));
  for (const delayS of [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]) {
    advance(delayS * 1000 - 10_000);
    expect(await failureOf(login(email, password)), `before ${delayS} s`).toEqual(refused);
    advance(10_000);
    expect(await failureOf(login(email, wrong)), `after ${delayS} s`).toEqual(refused);
  }
  advance(3_600_000);
  await login(email, password);
  for (let count = 0; count < 4; count += 1) await failureOf(login(email, wrong));
  await login(email, password);
});

test('after 100 failures in a row the password is not tried any more', async () => {
  const { email, userId } = await signUp(testApp());
  await failureOf(login(email, wrong));
  await testApp().sql("UPDATE guess_counters SET failures = 100 WHERE subject = UNHEX(REPLACE(?, '-', ''))", [
    userId,
  ]);
  testApp().advance(3_600_000 * 24);
  expect(await failureOf(login(email, password))).toEqual(refused);
});

test('an unknown address is counted and costs the same statements as a known one', async () => {
  const { takeStatements, sql } = testApp();
  const { email } = await signUp(testApp());
  await takeStatements();
  await failureOf(login(email, wrong));
  const known = await takeStatements();
  const before = await sql('SELECT COUNT(*) AS n FROM guess_counters');
  await failureOf(login(freshEmail(), wrong));
  expect(await takeStatements()).toEqual(known);
  const after = await sql('SELECT COUNT(*) AS n FROM guess_counters');
  expect(Number(after[0]?.['n'])).toBe(Number(before[0]?.['n']) + 2);
});

test('failures are shared by two instances and survive a restart', async () => {
  const { email } = await signUp(testApp());
  const sibling = await startTestApp({ sibling: testApp() });
  for (let count = 0; count < 3; count += 1) await failureOf(login(email, wrong));
  for (let count = 0; count < 2; count += 1) await failureOf(login(email, wrong, sibling));
  expect(await failureOf(login(email, password))).toEqual(refused);
  await sibling.close();
  const restarted = await startTestApp({ sibling: testApp() });
  expect(await failureOf(login(email, password, restarted))).toEqual(refused);
  await restarted.close();
});

const budget = (name: string, max: number, windowMs: number) => ({ name, max, windowMs });
const tight = {
  ...defaultLimits,
  attemptsPerNetwork: budget('guess.network', 20, 600_000),
  attemptsPerTenant: budget('guess.tenant', 30, 600_000),
  messagesPerNetwork: budget('message.network', 1000, 3_600_000),
  messagesPerTenant: budget('message.tenant', 1000, 3_600_000),
  emailsPerRecipient: budget('email.recipient', 3, 3_600_000),
  smsPerRecipient: budget('sms.recipient', 3, 3_600_000),
  smsPerRecipientDay: budget('sms.recipient.day', 10, 86_400_000),
  smsPerPrefix: budget('sms.prefix', 1000, 3_600_000),
  smsPerNetwork: budget('sms.network', 1000, 3_600_000),
  loginStartsPerNetwork: budget('login.start', 1000, 3_600_000),
  smsResendDelayS: 0,
};

/** A call over the socket, so that it comes from an address. */
async function post(app: TestApp, rpc: string, body: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${app.url}/manam.v1.${rpc}`, {
    method: 'POST',
    headers: { apieco_key: app.dev.publishable, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    text: await response.text(),
  };
}

test('stops a spray of one network after 20 failures, whatever its headers claim', async () => {
  const app = await startTestApp({ config: { limits: tight } });
  const spray = (count: number) =>
    post(
      app,
      'AuthService/Login',
      { email: `spray${count}@example.com`, password: wrong },
      {
        'x-forwarded-for': `198.51.100.${count % 250}`,
        forwarded: `for=198.51.100.${count % 250}`,
        'x-real-ip': `198.51.100.${count % 250}`,
      },
    );
  const statuses: number[] = [];
  for (let count = 0; count < 40; count += 1) statuses.push((await spray(count)).status);
  expect(statuses.filter((status) => status === 401)).toHaveLength(20);
  expect(statuses.filter((status) => status === 429)).toHaveLength(20);
  const last = await spray(99);
  expect(last.text).toContain('RATE_LIMITED');
  expect(Number(last.retryAfter)).toBeGreaterThan(0);
  await app.close();
});

test('a burst from one network passes no more than the limit', async () => {
  const app = await startTestApp({ config: { limits: tight } });
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, count) =>
      post(app, 'AuthService/Login', { email: `burst${count}@example.com`, password: wrong }),
    ),
  );
  expect(answers.filter(({ status }) => status === 401).length).toBeLessThanOrEqual(20);
  await app.close();
});

test('a network is what configured proxies say it is, and successes do not count', async () => {
  const app = await startTestApp({ config: { limits: tight, proxies: parseNetworks(['127.0.0.1']) } });
  const { email } = await signUp(app);
  const from = (address: string, secret: string) =>
    post(app, 'AuthService/Login', { email, password: secret }, { 'x-forwarded-for': address });
  for (let count = 0; count < 30; count += 1) expect((await from('203.0.113.1', password)).status).toBe(200);
  for (let count = 0; count < 20; count += 1) {
    await post(
      app,
      'AuthService/Login',
      { email: freshEmail(), password: wrong },
      { 'x-forwarded-for': '203.0.113.2' },
    );
  }
  expect((await from('203.0.113.2', password)).status).toBe(429);
  expect((await from('203.0.113.3', password)).status).toBe(200);
  await app.close();
});

test('slow guessing from many networks ends at the ceiling of the tenant', async () => {
  const app = await startTestApp({ config: { limits: tight, proxies: parseNetworks(['127.0.0.1']) } });
  const from = (count: number) =>
    post(
      app,
      'AuthService/Login',
      { email: `slow${count}@example.com`, password: wrong },
      { 'x-forwarded-for': `203.0.113.${count}` },
    );
  const statuses: number[] = [];
  for (let count = 0; count < 40; count += 1) statuses.push((await from(count)).status);
  expect(statuses.filter((status) => status === 401)).toHaveLength(31);
  await app.close();
});

test('a recipient gets at most three messages of a kind an hour, known or not', async () => {
  const app = await startTestApp({ config: { limits: tight } });
  const auth = app.client(AuthService);
  for (const email of [freshEmail(), (await signUp(app)).email]) {
    for (let count = 0; count < 3; count += 1) await auth.sendConfirmEmail({ email });
    expect(await failureOf(auth.sendConfirmEmail({ email: email.toUpperCase() }))).toEqual(limited);
  }
  app.advance(3_600_000);
  await auth.sendConfirmEmail({ email: freshEmail() });
  await app.close();
});

test('limits fail closed: without their table nothing is guessed and nothing is sent', async () => {
  const app = await startTestApp();
  const { email } = await signUp(app);
  await app.settled();
  await app.sql('RENAME TABLE budgets TO lost');
  const auth = app.client(AuthService);
  for (const call of [() => auth.login({ email, password }), () => auth.sendConfirmEmail({ email })]) {
    const error = await thrownBy(call());
    expect([Code.Internal, Code.Unavailable]).toContain((error as ConnectError).code);
  }
  await app.close();
});

test('refresh and reads are not slowed by a storm of sign-ins', async () => {
  const { client } = testApp();
  const user = await signUp(testApp());
  const storm = Promise.allSettled(Array.from({ length: 60 }, () => login(freshEmail(), wrong)));
  const { tokens } = await client(AuthService).refreshToken({ refreshToken: user.refreshToken });
  await client(ProfileService, { authorization: `Bearer ${tokens?.accessToken}` }).viewUser({});
  await storm;
});
