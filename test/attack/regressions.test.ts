import { connect as connectSocket } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { createWorkQueue } from '../../src/adapters/work-queue.ts';
import { freshEmail, password, startTestApp, type TestApp, useTestApp } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { failure, failureOf, thrownBy } from '../support/errors.ts';
import { bearer, freshMobile, signUp } from '../support/journey.ts';

// Defects that a review found, each with the attack that it allowed.

const testApp = useTestApp();
const refused = failure('Unauthenticated', 'CREDENTIALS_INVALID');

test('a budget is whole again in its next window', async () => {
  const { app, now } = testApp();
  const tenant = await app.store.tenants.findBySlug('dev');
  const budget = { name: 'window', max: 2, windowMs: 1000 };
  const charge = (window: number) =>
    app.store.budgets.charge(tenant?.id ?? '', budget, Buffer.from('x'), new Date(window));
  const start = Math.floor(now().getTime() / 1000) * 1000;
  expect([await charge(start), await charge(start), await charge(start), await charge(start)]).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect([await charge(start + 1000), await charge(start + 1000), await charge(start + 1000)]).toEqual([
    true,
    true,
    false,
  ]);
  await app.store.budgets.refund(tenant?.id ?? '', 'window', Buffer.from('x'), new Date(start + 1000));
  await app.store.budgets.refund(tenant?.id ?? '', 'window', Buffer.from('x'), new Date(start + 1000));
  expect(await charge(start + 1000), 'what was refused is not owed').toBe(true);
});

test('nobody takes an account over by registering a number that it holds unconfirmed', async () => {
  const { client, dev } = testApp();
  const user = await signUp(testApp());
  const mobile = freshMobile();
  await client(ProfileService, { apieco_key: dev.secret }).editUser({ userId: user.userId, mobile });
  await client(AuthService).register({ type: IdentifierType.MOBILE, mobile, password: 'evil-password-4711' });
  expect(
    await failureOf(client(AuthService).login({ email: user.email, password: 'evil-password-4711' })),
  ).toEqual(refused);
  expect((await client(AuthService).login({ email: user.email, password })).userId).toBe(user.userId);
});

test('registering again does not enable a disabled account', async () => {
  const { client, sql, messagesTo } = testApp();
  const email = freshEmail();
  await client(AuthService).register({ email, password });
  await sql(
    "UPDATE users JOIN identifiers ON identifiers.user_id = users.id SET users.status = 'disabled' WHERE canonical = ?",
    [email],
  );
  await client(AuthService).register({ email, password });
  const [message] = await messagesTo(email);
  await client(AuthService).confirmEmail({ cnf: message?.code ?? '' });
  expect(await failureOf(client(AuthService).login({ email, password }))).toEqual(refused);
});

test('a sign-in whose password is replaced while it is compared mints no session', async () => {
  const { app } = testApp();
  const user = await signUp(testApp());
  const tenant = await app.store.tenants.findBySlug('dev');
  const tenantId = tenant?.id ?? '';
  const old = (await app.store.users.findPasswordHash(tenantId, user.userId)) ?? '';
  await app.store.guesses.count(
    tenantId,
    { kind: 'password', free: 5, firstDelayS: 1, maxDelayS: 1, cap: 9 },
    user.userId,
    new Date(),
  );
  expect(await app.store.guesses.resetForPassword(tenantId, 'password', user.userId, old)).toBe(true);
  await app.store.users.updatePasswordHash(tenantId, user.userId, `${old}x`);
  expect(await app.store.guesses.resetForPassword(tenantId, 'password', user.userId, old)).toBe(false);
});

test('instances that start together on an empty database share one key', async () => {
  const database = await createTestDatabase();
  const apps = await Promise.all(Array.from({ length: 3 }, () => startTestApp({ database: database.url })));
  const [first] = apps as [TestApp];
  expect(await first.sql('SELECT id FROM data_keys')).toHaveLength(1);
  expect(await first.sql('SELECT id FROM signing_keys')).toHaveLength(1);
  await Promise.all(apps.map((app) => app.close()));
  await database.drop();
});

test('a call that finds no place in the hash queue has guessed nothing', async () => {
  const run = createWorkQueue({ concurrency: 1, maxWaiting: 1, maxWaitMs: 50 });
  const slow = run(() => new Promise((resolve) => setTimeout(resolve, 200)));
  const late = thrownBy(run(async () => 1));
  expect(await thrownBy(run(async () => 1))).toMatchObject({ reason: 'RATE_LIMITED' });
  expect(await late).toMatchObject({ reason: 'RATE_LIMITED', details: { retryAfterMs: 50 } });
  await slow;
  expect(await run(async () => 2)).toBe(2);

  const { app } = testApp();
  const tenant = await app.store.tenants.findBySlug('dev');
  const { userId } = await signUp(testApp());
  const policy = { kind: 'password', free: 5, firstDelayS: 30, maxDelayS: 60, cap: 100 } as const;
  const count = () => app.store.guesses.count(tenant?.id ?? '', policy, userId, new Date());
  for (const expected of [1, 2, 3, 4, 5]) expect(await count()).toBe(expected);
  expect(await count()).toBeUndefined();
  await app.store.guesses.uncount(tenant?.id ?? '', 'password', userId);
  expect(await count()).toBe(5);
});

test('a value that JSON cannot say is refused by name', async () => {
  const { client } = testApp();
  const user = await signUp(testApp());
  const profile = client(ProfileService, bearer(user.accessToken));
  const values = [
    create(ValueSchema),
    create(ValueSchema, { kind: { case: 'numberValue', value: Number.NaN } }),
  ];
  for (const customFields of values) {
    expect(await failureOf(profile.editUser({ customFields }))).toEqual(
      failure('InvalidArgument', 'REQUEST_INVALID', { custom_fields: 'CUSTOM_FIELDS_INVALID' }),
    );
  }
});

test('a long password in another Unicode form still signs in', async () => {
  const { client, messagesTo } = testApp();
  const email = freshEmail();
  const long = '한'.repeat(150);
  await client(AuthService).register({ email, password: long });
  const [message] = await messagesTo(email);
  await client(AuthService).confirmEmail({ cnf: message?.code ?? '' });
  await client(AuthService).login({ email, password: long.normalize('NFD') });
});

test('the fifth failure costs the same statements whether or not there is somebody to tell', async () => {
  const { client, takeStatements, messagesTo } = testApp();
  const { email } = await signUp(testApp());
  const fifth: string[][] = [];
  for (const address of [email, freshEmail()]) {
    for (let count = 0; count < 4; count += 1)
      await failureOf(client(AuthService).login({ email: address, password: 'wrong-one-47' }));
    takeStatements();
    await failureOf(client(AuthService).login({ email: address, password: 'wrong-one-47' }));
    fifth.push(takeStatements());
  }
  expect(fifth[0]).toEqual(fifth[1]);
  expect((await messagesTo(email))[0]?.subject).toBe('Wrong passwords for your account at Dev');
});

let idle: TestApp;
beforeAll(async () => {
  idle = await startTestApp();
});
afterAll(() => idle.close());

for (const greeting of ['', 'P']) {
  test(`a connection that says nothing more than '${greeting}' is closed`, async () => {
    const socket = connectSocket(Number(new URL(idle.url).port), '127.0.0.1').on('error', () => {});
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    if (greeting !== '') socket.write(greeting);
    await closed;
  }, 20_000);
}
