import { connect as connectSocket } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { createWorkQueue } from '../../src/adapters/work-queue.ts';
import {
  defaultLimits,
  freshEmail,
  password,
  startTestApp,
  type TestApp,
  useTestApp,
} from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { createDeadline } from '../support/deadline.ts';
import { failure, failureOf, thrownBy } from '../support/errors.ts';
import { bearer, enrolSms, enrolTotp, freshMobile, signUp, signUpByMobile } from '../support/journey.ts';

// Defects that a review found, each with the attack that it allowed.

const testApp = useTestApp();
const refused = failure('Unauthenticated', 'CREDENTIALS_INVALID');

test('a budget fades over its next window, and a burst at the boundary gets none of it twice', async () => {
  const { app, now } = testApp();
  const tenant = await app.store.tenants.findBySlug('dev');
  const budget = { name: 'window', max: 2, windowMs: 1000 };
  const charge = (window: number) =>
    app.store.budgets.charge(tenant?.id ?? '', budget, Buffer.from('x'), new Date(window));
  const start = Math.floor(now().getTime() / 1000) * 1000;
  // One early, one late: each is valid again one second later.
  expect([await charge(start), await charge(start + 900), await charge(start + 950)]).toEqual([0, 0, 500]);
  expect([await charge(start + 1000), await charge(start + 1449)]).toEqual([450, 1]);
  expect([await charge(start + 1450), await charge(start + 1500)]).toEqual([0, 400]);
  expect([await charge(start + 1900), await charge(start + 1900)]).toEqual([0, 550]);
  expect(await charge(start + 9000)).toBe(0);
  expect(await charge(start + 9000)).toBe(0);
  expect(await charge(start + 9000)).toBeGreaterThan(0);
  await app.store.budgets.refund({
    tenantId: tenant?.id ?? '',
    name: budget.name,
    subject: Buffer.from('x'),
    uses: [new Date(start + 9000), new Date(start + 9000)],
  });
  expect(await charge(start + 9000), 'what was refused is not owed').toBe(0);
});

test('no one takes an account over by registering a number that it holds unconfirmed', async () => {
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
  await app.store.attempts.count(
    tenantId,
    { kind: 'password', free: 5, firstDelayS: 1, maxDelayS: 1, cap: 9 },
    user.userId,
    new Date(),
  );
  const counters = [{ kind: 'password', subject: user.userId }] as const;
  expect(await app.store.attempts.resetForPassword(tenantId, counters, user.userId, old)).toBe(true);
  await app.store.users.updatePasswordHash(tenantId, user.userId, `${old}x`);
  expect(await app.store.attempts.resetForPassword(tenantId, counters, user.userId, old)).toBe(false);
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
  const { run } = createWorkQueue({ concurrency: 1, maxWaiting: 1, maxWaitMs: 50 });
  const slow = run('a', createDeadline(), () => new Promise((resolve) => setTimeout(resolve, 200)));
  const late = thrownBy(run('a', createDeadline(), async () => 1));
  expect(await thrownBy(run('a', createDeadline(), async () => 1))).toMatchObject({ reason: 'RATE_LIMITED' });
  expect(await late).toMatchObject({ reason: 'RATE_LIMITED' });
  await slow;
  expect(await run('a', createDeadline(), async () => 2)).toBe(2);

  const { app } = testApp();
  const tenant = await app.store.tenants.findBySlug('dev');
  const { userId } = await signUp(testApp());
  const policy = { kind: 'password', free: 5, firstDelayS: 30, maxDelayS: 60, cap: 100 } as const;
  const count = () => app.store.attempts.count(tenant?.id ?? '', policy, userId, new Date());
  for (const expected of [1, 2, 3, 4, 5]) expect(await count()).toBe(expected);
  expect(await count(), 'five are under way').toBe('busy');
  await app.store.attempts.uncount(tenant?.id ?? '', { kind: 'password', subject: userId });
  expect(await count()).toBe(5);
});

test('a value that JSON cannot say is rejected by name', async () => {
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
  const letter = (_: unknown, index: number) => String.fromCodePoint(0xac00 + ((index * 7919) % 11_172));
  const long = Array.from({ length: 110 }, letter).join('');
  await client(AuthService).register({ email, password: long });
  const [message] = await messagesTo(email);
  await client(AuthService).confirmEmail({ cnf: message?.code ?? '' });
  await client(AuthService).login({ email, password: long.normalize('NFD') });
});

test('the fifth failure runs the same statements with and without a user to notify', async () => {
  const { client, takeStatements, messagesTo } = testApp();
  const { email } = await signUp(testApp());
  const fifth: string[][] = [];
  for (const address of [email, freshEmail()]) {
    for (let count = 0; count < 4; count += 1)
      await failureOf(client(AuthService).login({ email: address, password: 'wrong-one-47' }));
    await takeStatements();
    await failureOf(client(AuthService).login({ email: address, password: 'wrong-one-47' }));
    fifth.push(await takeStatements());
  }
  expect(fifth[0]).toEqual(fifth[1]);
  expect((await messagesTo(email))[0]?.subject).toBe('Wrong passwords for your account at Dev');
});

let idle: TestApp;
beforeAll(async () => {
  idle = await startTestApp();
});
afterAll(() => idle.close());

test.concurrent.for(['', 'P'])(
  "a connection that says nothing more than '%s' is closed",
  async (greeting) => {
    const socket = connectSocket(Number(new URL(idle.url).port), '127.0.0.1').on('error', () => {});
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    if (greeting !== '') socket.write(greeting);
    await closed;
  },
);

test('keeps a confirmed account that a key moves to a new address and notifies the old one', async () => {
  const { client, dev, messagesTo } = testApp();
  const user = await signUp(testApp());
  await client(RecoveryService).recover({ email: user.email });
  const [recovery] = await messagesTo(user.email);
  const email = freshEmail();
  await client(ProfileService, { apieco_key: dev.secret }).editUser({ userId: user.userId, email });
  expect((await messagesTo(user.email))[0]?.subject).toBe('Your sign-in details at Dev have changed');

  await client(AuthService).register({ email, password: 'evil-password-4711', firstName: 'Eve' });
  // The new address is unproved: the account does not block it, and is not touched.
  expect((await messagesTo(email))[0]?.subject).toBe('Confirm your e-mail address for Dev');
  const { user: seen } = await client(ProfileService, { apieco_key: dev.secret }).viewUser({
    userId: user.userId,
  });
  expect(seen?.firstName).toBe('Sara');
  expect(
    await failureOf(
      client(RecoveryService).endRecovery({ token: recovery?.code ?? '', password: 'evil-password-4711' }),
    ),
  ).toEqual(failure('Unauthenticated', 'RECOVERY_INVALID'));
});

test('a session that began before the second factor was there and ended after is no session', async () => {
  const { client, sql } = testApp();
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  await sql("UPDATE sessions SET amr = '[\"pwd\"]' WHERE user_id = UNHEX(REPLACE(?, '-', ''))", [
    user.userId,
  ]);
  const wrong = failure('Unauthenticated', 'TOKEN_INVALID');
  expect(await failureOf(client(ProfileService, bearer(user.accessToken)).viewUser({}))).toEqual(wrong);
  expect(await failureOf(client(AuthService).refreshToken({ refreshToken: user.refreshToken }))).toEqual(
    wrong,
  );
});

test('an edit that changes the number counts as a message of its network', async () => {
  const messagesPerNetwork = { name: 'message.network', max: 6, windowMs: 3_600_000 };
  const tight = await startTestApp({ config: { limits: { ...defaultLimits, messagesPerNetwork } } });
  const user = await signUp(tight);
  const profile = tight.client(ProfileService, bearer(user.accessToken));
  const answers = [];
  for (let count = 0; count < 8; count += 1) {
    answers.push(
      await profile.editUser({ mobile: freshMobile() }).then(
        () => 'sent',
        () => 'refused',
      ),
    );
  }
  expect(answers.filter((answer) => answer === 'sent')).toHaveLength(6);
  await tight.close();
});

test('the second factor of an account is open again after a recovery, and a hundred wrong codes do not end it for ever', async () => {
  const { client, sql, messagesTo, advance } = testApp();
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  await sql(
    "INSERT INTO guess_counters (tenant_id, kind, subject, failures) VALUES ((SELECT tenant_id FROM users WHERE id = UNHEX(REPLACE(?, '-', ''))), 'second-factor', UNHEX(REPLACE(?, '-', '')), 100)",
    [user.userId, user.userId],
  );
  advance(30_000);
  const validate = async (secret: string) => {
    const { twoFactor } = await client(AuthService).login({ email: user.email, password: secret });
    return client(TwoFactorService, bearer(twoFactor?.twoFactorToken ?? '')).validateTotp({
      code: user.totp(),
    });
  };
  expect(await failureOf(validate(password))).toEqual(failure('Unauthenticated', 'CODE_INVALID'));
  await client(RecoveryService).recover({ email: user.email });
  const [message] = await messagesTo(user.email);
  await client(RecoveryService).endRecovery({ token: message?.code ?? '', password: 'another-fine-one-48' });
  // It gives attempts back, and not at once.
  advance(900_000);
  expect((await validate('another-fine-one-48')).tokens?.tokenType).toBe('Bearer');
});

test('codes by SMS for a recovery are counted by account, over all codes', async () => {
  const { client, messagesTo, advance } = testApp();
  const user = await signUpByMobile(testApp());
  const recovery = client(RecoveryService);
  const end = (token: string) =>
    failureOf(recovery.endRecovery({ token, mobile: user.mobile, password: 'another-fine-one-48' }));
  for (let count = 0; count < 12; count += 1) {
    if (count % 4 === 0) await recovery.recover({ mobile: user.mobile });
    const [message] = await messagesTo(`+98${user.mobile.slice(1)}`);
    await end(message?.code === '000000' ? '000001' : '000000');
  }
  await recovery.recover({ mobile: user.mobile });
  const newest = async () => (await messagesTo(`+98${user.mobile.slice(1)}`))[0]?.code ?? '';
  expect(await end(await newest())).toEqual(failure('Unauthenticated', 'RECOVERY_INVALID'));
  advance(3_600_000);
  await recovery.recover({ mobile: user.mobile });
  await recovery.endRecovery({ token: await newest(), mobile: user.mobile, password: 'another-fine-one-48' });
});

test('a proof for a second factor goes to confirmed addresses alone', async () => {
  const { client, dev, messagesTo } = testApp();
  const user = await signUpByMobile(testApp());
  const email = freshEmail();
  await client(ProfileService, { apieco_key: dev.secret }).editUser({ userId: user.userId, email });
  const { tokens } = await client(AuthService).login({ mobile: user.mobile, password });
  await client(TwoFactorService, bearer(tokens?.accessToken ?? '')).sendTotpEmailVerification({});
  expect(await messagesTo(email)).toEqual([]);
  expect((await messagesTo(`+98${user.mobile.slice(1)}`))[0]?.text).toContain('set up two-factor sign-in');
});

test('every wrong code and token leaves an audit line', async () => {
  const { client, app } = testApp();
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  const own = bearer(user.accessToken);
  await failureOf(client(AuthService, own).reauthenticate({ password, code: '000000' }));
  await failureOf(client(TwoFactorService, own).removeTotp({ code: '000000' }));
  await failureOf(client(ProfileService, own).confirmEmailChange({ token: 'x' }));
  await failureOf(
    client(RecoveryService, own).changePassword({
      currentPassword: 'wrong-one-47',
      password: 'another-fine-48',
    }),
  );
  await failureOf(client(TwoFactorService, own).confirmSmsEmail({ token: 'x' }));
  const tenant = await app.store.tenants.findBySlug('dev');
  const events = await app.store.events.list(
    { tenantId: tenant?.id ?? '', userId: user.userId, outcome: 'failure' },
    10,
  );
  expect(events.reverse().map(({ type, reason }) => `${type} ${reason}`)).toEqual([
    'step_up.failed CODE_INVALID',
    'authenticator.removal_failed CODE_INVALID',
    'identifier.change_failed CONFIRMATION_INVALID',
    'credential.change_failed CREDENTIALS_INVALID',
    'authenticator.enrolment_failed CONFIRMATION_INVALID',
  ]);
});

test('factors that are removed at the same moment leave no recovery codes behind', async () => {
  for (let round = 0; round < 4; round += 1) {
    const user = await enrolTotp(testApp(), await signUp(testApp()));
    await enrolSms(testApp(), user);
    const two = testApp().client(TwoFactorService, bearer(user.accessToken));
    const [first = '', second = ''] = user.recoveryCodes;
    await Promise.all([two.removeTotp({ recoveryCode: first }), two.removeSms({ recoveryCode: second })]);
    expect(await two.getTwoFactor({})).toMatchObject({ methods: [], recoveryCodesLeft: 0 });
  }
});

test('recovery codes that are made anew at the same moment are ten', async () => {
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  const two = testApp().client(TwoFactorService, bearer(user.accessToken));
  await Promise.all(Array.from({ length: 8 }, () => two.regenerateRecoveryCodes({})));
  expect(await two.getTwoFactor({})).toMatchObject({ recoveryCodesLeft: 10 });
});
