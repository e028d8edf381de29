import { createRequire } from 'node:module';
import type { QRCode } from 'jsqr';
import { generateSync } from 'otplib';
import { PNG } from 'pngjs';
import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorMethod } from '../../gen/manam/v1/session_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { matchTotp } from '../../src/domain/totp.ts';
import { defaultLimits, password, startTestApp, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import {
  bearer,
  type Enrolled,
  enrolSms,
  enrolTotp,
  type SignedIn,
  signUp,
  signUpByMobile,
} from '../support/journey.ts';

// Its declarations and its CommonJS do not agree about the default export.
const readQr = createRequire(import.meta.url)('jsqr') as (
  data: Uint8ClampedArray,
  width: number,
  height: number,
) => QRCode | null;

const testApp = useTestApp();
const wrongCode = failure('Unauthenticated', 'CODE_INVALID');
const wrongToken = failure('Unauthenticated', 'TOKEN_INVALID');
const two = (token: string) => testApp().client(TwoFactorService, bearer(token));
const view = (token = '') => testApp().client(ProfileService, bearer(token)).viewUser({});
const login = (email: string) => testApp().client(AuthService).login({ email, password });
const pendingOf = async (email: string) => (await login(email)).twoFactor?.twoFactorToken ?? '';
/** Sign-ins that wait, made one after the other: more than five at a time would count as guessing. */
async function pendingTokens(email: string, count: number): Promise<string[]> {
  const tokens: string[] = [];
  while (tokens.length < count) tokens.push(await pendingOf(email));
  return tokens;
}

const codeTo = async (to: string) => (await testApp().messagesTo(to))[0]?.code ?? '';
/** The next step of time, with a code that was not used yet. */
const nextStep = () => testApp().advance(30_000);
const other = (code: string) => (code === '000000' ? '000001' : '000000');
const missing = (step: string) => ({
  ...failure('FailedPrecondition', 'STEP_MISSING'),
  missingStep: `manam.v1.TwoFactorService/${step}`,
});

async function enrolled(): Promise<Enrolled> {
  return await enrolTotp(testApp(), await signUp(testApp()));
}

// RFC 6238, appendix B: the SHA-1 vectors, cut to six digits.
const rfcSeed = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
for (const [seconds, code] of [
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130'],
] as const) {
  test(`the code of RFC 6238 at ${seconds} s is right then, a step before and after, and no longer`, () => {
    const at = (shift: number) => matchTotp(rfcSeed, code, new Date((seconds + shift) * 1000));
    const step = Math.floor(seconds / 30);
    expect([at(0), at(30), at(-30)]).toEqual([step, step, step]);
    // The first vector lies in the second step of all time: there is nothing 61 s before it.
    const tooEarly = seconds > 61 ? at(-61) : undefined;
    expect([at(61), tooEarly]).toEqual([undefined, undefined]);
  });
}

test('TOTP is enrolled step by step, and the picture drives an independent authenticator', async () => {
  const user = await signUp(testApp());
  const client = two(user.accessToken);
  for (const [step, call] of [
    ['ConfirmTotpEmail', () => client.setupTotp({})],
    ['ConfirmTotpEmail', () => client.getTotpSetup({})],
    ['SetupTotp', () => client.getTotpQr({})],
    ['SetupTotp', () => client.confirmTotp({ code: '123456' })],
  ] as const) {
    expect(await failureOf(call())).toEqual(missing(step));
  }
  expect(await failureOf(client.sendTotpEmailVerification({ email: 'someone@example.com' }))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { email: 'EMAIL_NOT_OWN' }),
  );
  await client.sendTotpEmailVerification({ email: user.email.toUpperCase() });
  expect(await failureOf(client.confirmTotpEmail({ token: 'x' }))).toEqual(
    failure('Unauthenticated', 'CONFIRMATION_INVALID'),
  );
  await client.confirmTotpEmail({ token: await codeTo(user.email) });
  expect(await client.getTotpSetup({})).toMatchObject({ started: false });

  const first = await client.setupTotp({});
  expect(await client.setupTotp({}), 'a reload shows the seed that was scanned').toEqual(first);
  const { secret, otpauthUri } = await client.setupTotp({ replace: true });
  expect(secret).not.toBe(first.secret);
  const { image, contentType } = await client.getTotpQr({});
  const png = PNG.sync.read(Buffer.from(image));
  const uri = readQr(new Uint8ClampedArray(png.data), png.width, png.height)?.data ?? '';
  expect([contentType, uri]).toEqual(['image/png', otpauthUri]);
  const seen = new URL(uri).searchParams.get('secret') ?? '';
  const epoch = Math.floor(testApp().now().getTime() / 1000);
  expect(
    await failureOf(client.confirmTotp({ code: generateSync({ secret: first.secret, epoch }) })),
  ).toEqual(wrongCode);
  const { recoveryCodes } = await client.confirmTotp({ code: generateSync({ secret: seen, epoch }) });
  expect(recoveryCodes).toHaveLength(10);
  for (const code of recoveryCodes)
    expect(code).toMatch(/^[0-9a-hjkmnp-tv-z]{5}-[0-9a-hjkmnp-tv-z]{5}-[0-9a-hjkmnp-tv-z]{6}$/);
  expect(await failureOf(client.getTotpQr({}))).toEqual(missing('SetupTotp'));
  expect(await client.getTwoFactor({})).toMatchObject({
    methods: [TwoFactorMethod.TOTP],
    recoveryCodesLeft: 10,
    required: false,
  });
  expect((await testApp().messagesTo(user.email))[0]?.subject).toBe('Two-factor sign-in at Dev has changed');
});

test('a proof belongs to its session, and other sessions end when a factor is added', async () => {
  const user = await signUp(testApp());
  const second = (await login(user.email)).tokens?.accessToken ?? '';
  await two(user.accessToken).sendTotpEmailVerification({ email: user.email });
  expect(await failureOf(two(second).confirmTotpEmail({ token: await codeTo(user.email) }))).toEqual(
    failure('Unauthenticated', 'CONFIRMATION_INVALID'),
  );
  await enrolTotp(testApp(), user);
  expect(await failureOf(view(second))).toEqual(wrongToken);
  await view(user.accessToken);
});

test('a correct password yields only a token for the second factor', async () => {
  const user = await enrolled();
  const answer = await login(user.email);
  expect(answer).toMatchObject({
    tokens: { accessToken: '', refreshToken: '' },
    userId: '',
    location: '/auth/2fa/totp/validate',
  });
  expect(answer.account).toBeUndefined();
  expect(answer.twoFactor?.twoFactorMethods).toEqual([TwoFactorMethod.TOTP]);
  const token = answer.twoFactor?.twoFactorToken ?? '';
  expect(await failureOf(view(token))).toEqual(wrongToken);
  expect(await failureOf(two(token).getTwoFactor({}))).toEqual(wrongToken);
  expect(await failureOf(two(user.accessToken).validateTotp({ code: user.totp() }))).toEqual(wrongToken);
  const before = await testApp().sql(
    "SELECT COUNT(*) AS n FROM sessions WHERE user_id = UNHEX(REPLACE(?, '-', ''))",
    [user.userId],
  );
  expect(before[0]?.['n']).toBe(1);

  nextStep();
  const { tokens, account, userId } = await two(token).validateTotp({ code: user.totp() });
  expect([userId, account?.email]).toEqual([user.userId, user.email]);
  const claims = JSON.parse(Buffer.from(tokens?.accessToken.split('.')[1] ?? '', 'base64url').toString());
  expect(claims.amr).toEqual(['pwd', 'otp', 'mfa']);
  await view(tokens?.accessToken);
  expect(await failureOf(two(token).validateTotp({ code: user.totp() }))).toEqual(wrongToken);
});

test('a code is valid once: not after a wrong one, not after the enrolment, and for one of 20 parallel uses', async () => {
  const user = await enrolled();
  expect(
    await failureOf(two(await pendingOf(user.email)).validateTotp({ code: user.totp() })),
    'the enrolment code',
  ).toEqual(wrongCode);
  nextStep();
  const code = user.totp();
  const tokens = await pendingTokens(user.email, 20);
  const uses = await Promise.allSettled(tokens.map((token) => two(token).validateTotp({ code })));
  expect(uses.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  testApp().advance(900_000);
  const again = await pendingOf(user.email);
  const fresh = user.totp();
  await two(again).validateTotp({ code: fresh });
  const last = await pendingOf(user.email);
  expect(await failureOf(two(last).validateTotp({ code: other(fresh) }))).toEqual(wrongCode);
  expect(await failureOf(two(last).validateTotp({ code: fresh }))).toEqual(wrongCode);
});

test('of 50 parallel guesses at most five are checked, whatever factor they are for', async () => {
  const user = await enrolled();
  const { number } = await enrolSms(testApp(), user);
  nextStep();
  const token = await pendingOf(user.email);
  await two(token).sendSmsCode({});
  const guess = (index: number) => {
    if (index % 3 === 0) return two(token).validateTotp({ code: other(user.totp()) });
    if (index % 3 === 1) return two(token).validateSms({ code: '000000' });
    return two(token).validateTotp({ recoveryCode: 'aaaaa-aaaaa-aaaaaa' });
  };
  const guesses = await Promise.all(Array.from({ length: 50 }, (_, index) => failureOf(guess(index))));
  for (const answer of guesses) expect(answer).toEqual(wrongCode);
  const [row] = await testApp().sql(
    "SELECT failures FROM guess_counters WHERE kind = 'second-factor' AND subject = UNHEX(REPLACE(?, '-', ''))",
    [user.userId],
  );
  expect(row?.['failures']).toBeLessThanOrEqual(5);
  const right = { totp: user.totp(), sms: await codeTo(number), recovery: user.recoveryCodes[0] ?? '' };
  expect(await failureOf(two(token).validateTotp({ code: right.totp }))).toEqual(wrongCode);
  expect(await failureOf(two(token).validateSms({ code: right.sms }))).toEqual(wrongCode);
  expect(await failureOf(two(token).validateTotp({ recoveryCode: right.recovery }))).toEqual(wrongCode);
});

test('ten failures lock the second factor for 15 minutes, over all sign-ins, and a new sign-in resets nothing', async () => {
  const user = await enrolled();
  for (let count = 0; count < 10; count += 1) {
    expect(
      await failureOf(two(await pendingOf(user.email)).validateTotp({ code: other(user.totp()) })),
    ).toEqual(wrongCode);
  }
  nextStep();
  expect(await failureOf(two(await pendingOf(user.email)).validateTotp({ code: user.totp() }))).toEqual(
    wrongCode,
  );
  testApp().advance(900_000);
  await two(await pendingOf(user.email)).validateTotp({ code: user.totp() });
});

test('a recovery code works once and notifies; new codes invalidate the old', async () => {
  const user = await enrolled();
  const [first = '', second = '', third = ''] = user.recoveryCodes;
  const tokens = await pendingTokens(user.email, 5);
  const uses = await Promise.allSettled(
    tokens.map((token) => two(token).validateTotp({ recoveryCode: ` ${first.toUpperCase()} ` })),
  );
  expect(uses.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect((await testApp().messagesTo(user.email))[0]?.subject).toBe('A recovery code was used at Dev');
  const { tokens: opened } = await two(await pendingOf(user.email)).validateTotp({ recoveryCode: second });
  const own = two(opened?.accessToken ?? '');
  expect(await own.getTwoFactor({})).toMatchObject({ recoveryCodesLeft: 8 });
  const { recoveryCodes } = await own.regenerateRecoveryCodes({});
  expect(recoveryCodes).toHaveLength(10);
  expect(await failureOf(two(await pendingOf(user.email)).validateTotp({ recoveryCode: third }))).toEqual(
    wrongCode,
  );
  await two(await pendingOf(user.email)).validateTotp({ recoveryCode: recoveryCodes[0] ?? '' });
});

test('where both are sent the code alone decides, and the recovery code is kept', async () => {
  const user = await enrolled();
  const [recoveryCode = ''] = user.recoveryCodes;
  nextStep();
  expect(
    await failureOf(
      two(await pendingOf(user.email)).validateTotp({ code: other(user.totp()), recoveryCode }),
    ),
  ).toEqual(wrongCode);
  await two(await pendingOf(user.email)).validateTotp({ code: user.totp(), recoveryCode });
  await two(await pendingOf(user.email)).validateTotp({ recoveryCode });
});

test('SMS alone is sent at the sign-in, only its newest code counts, and only for that sign-in', async () => {
  const user = await signUp(testApp());
  const { number } = await enrolSms(testApp(), user);
  await testApp().client(ProfileService, bearer(user.accessToken)).editUser({ locale: 'fa' });
  const sent = async () => (await testApp().messagesTo(number)).length;
  const before = await sent();
  const answer = await login(user.email);
  expect(await sent()).toBe(before + 1);
  expect((await testApp().messagesTo(number))[0]?.text, 'in the language of the user').toMatch(
    /\p{Script=Arabic}/u,
  );
  expect(answer).toMatchObject({ location: '/auth/2fa/sms/validate' });
  expect(answer.twoFactor?.maskedPhoneNumber).toBe(`+********${number.slice(-4)}`);
  const token = answer.twoFactor?.twoFactorToken ?? '';
  const first = await codeTo(number);
  await two(token).sendSmsCode({});
  expect(await sent()).toBe(before + 2);
  const second = await codeTo(number);
  if (first !== second) expect(await failureOf(two(token).validateSms({ code: first }))).toEqual(wrongCode);
  const elsewhere = await pendingOf(user.email);
  if ((await codeTo(number)) !== second)
    expect(await failureOf(two(elsewhere).validateSms({ code: second }))).toEqual(wrongCode);
  const { tokens } = await two(token).validateSms({
    code: [...second].map((digit) => '٠١٢٣٤٥٦٧٨٩'[Number(digit)]).join(' '),
  });
  expect(
    JSON.parse(Buffer.from(tokens?.accessToken.split('.')[1] ?? '', 'base64url').toString()).amr,
  ).toEqual(['pwd', 'sms', 'mfa']);
  testApp().advance(1000);
  const late = await pendingOf(user.email);
  const code = await codeTo(number);
  testApp().advance(300_001);
  expect(await failureOf(two(late).validateSms({ code }))).toEqual(wrongToken);
});

test('with both factors the user picks, and SMS is sent only when asked for', async () => {
  const user = await enrolled();
  const { number, recoveryCodes } = await enrolSms(testApp(), user);
  expect(recoveryCodes).toEqual([]);
  const before = (await testApp().messagesTo(number)).length;
  const answer = await login(user.email);
  expect(answer.location).toBe('/auth/2fa/totp/validate');
  expect(answer.twoFactor?.twoFactorMethods).toEqual([TwoFactorMethod.TOTP, TwoFactorMethod.SMS]);
  expect((await testApp().messagesTo(number)).length).toBe(before);
  const token = answer.twoFactor?.twoFactorToken ?? '';
  await two(token).sendSmsCode({});
  await two(token).validateSms({ code: await codeTo(number) });
});

test('a factor is removed with its own code; with the last one go the recovery codes', async () => {
  const user = await enrolled();
  const attacker = await enrolled();
  nextStep();
  expect(await failureOf(two(attacker.accessToken).removeTotp({ code: user.totp() }))).toEqual(wrongCode);
  expect(await failureOf(two(user.accessToken).removeSms({ code: '123456' }))).toEqual(missing('SetupSms'));
  await two(user.accessToken).removeTotp({ code: user.totp() });
  expect(await two(user.accessToken).getTwoFactor({})).toMatchObject({ methods: [], recoveryCodesLeft: 0 });
  expect((await login(user.email)).tokens?.tokenType).toBe('Bearer');
  expect((await login(attacker.email)).tokens?.tokenType).toBe('');

  const bySms = await signUp(testApp());
  const { number } = await enrolSms(testApp(), bySms);
  await two(bySms.accessToken).sendSmsCode({});
  const code = await codeTo(number);
  const wrong = code === '000000' ? '111111' : '000000';
  expect(await failureOf(two(bySms.accessToken).removeSms({ code: wrong }))).toEqual(wrongCode);
  await two(bySms.accessToken).removeSms({ code });
  expect((await login(bySms.email)).tokens?.tokenType).toBe('Bearer');
});

test('a user without an address gets the proof by SMS', async () => {
  const user = await signUpByMobile(testApp());
  const client = two(user.accessToken);
  await client.sendTotpEmailVerification({});
  await client.confirmTotpEmail({ token: await codeTo(`+98${user.mobile.slice(1)}`) });
  expect((await client.setupTotp({})).secret).toHaveLength(32);
});

test('with a factor enrolled, to reauthenticate takes it too, and so does a password change that is not fresh', async () => {
  const user = await enrolled();
  const auth = testApp().client(AuthService, bearer(user.accessToken));
  nextStep();
  expect(await failureOf(auth.reauthenticate({ password }))).toEqual(wrongCode);
  await auth.reauthenticate({ password, code: user.totp() });
  testApp().advance(300_001);
  const change = () =>
    testApp()
      .client(RecoveryService, bearer(user.accessToken))
      .changePassword({ currentPassword: password, password: 'another-fine-one-48' });
  expect(await failureOf(change())).toMatchObject({ reason: 'REAUTHENTICATION_REQUIRED' });
  await auth.reauthenticate({ password, code: user.totp() });
  await change();
});

test('a recovered account still asks for its second factor', async () => {
  const user = await enrolled();
  await testApp().client(RecoveryService).recover({ email: user.email });
  await testApp()
    .client(RecoveryService)
    .endRecovery({ token: await codeTo(user.email), password: 'another-fine-one-48' });
  const answer = await testApp()
    .client(AuthService)
    .login({ email: user.email, password: 'another-fine-one-48' });
  expect([answer.tokens?.accessToken, answer.twoFactor?.twoFactorMethods]).toEqual([
    '',
    [TwoFactorMethod.TOTP],
  ]);
});

test('where the tenant demands a second factor, sessions without one are valid for enrolling only', async () => {
  const app = await startTestApp();
  const user: SignedIn = await signUp(app);
  const tenant = await app.app.store.tenants.findBySlug('dev');
  if (tenant === undefined) throw new Error('there is a tenant dev');
  const policy = { ...tenant.policy, requireSecondFactor: true };
  await app.app.store.tenants.update(tenant.id, { policy });
  const strict = await startTestApp({ sibling: app });
  const auth = strict.client(AuthService);
  const { tokens } = await auth.refreshToken({ refreshToken: user.refreshToken });
  const token = tokens?.accessToken ?? '';
  expect(await failureOf(strict.client(ProfileService, bearer(token)).viewUser({}))).toEqual(
    failure('PermissionDenied', 'TWO_FACTOR_ENROLMENT_REQUIRED'),
  );
  await enrolTotp(strict, { ...user, accessToken: token });
  const raised = await auth.refreshToken({ refreshToken: tokens?.refreshToken ?? '' });
  expect(
    (await strict.client(ProfileService, bearer(raised.tokens?.accessToken ?? '')).viewUser({})).user?.email,
  ).toBe(user.email);
  await strict.close();
  await app.close();
});

test('nothing secret is in any token or answer where it does not belong, nor in clear in the database', async () => {
  const user = await enrolled();
  const { number } = await enrolSms(testApp(), user);
  const answer = await login(user.email);
  const token = answer.twoFactor?.twoFactorToken ?? '';
  await two(token).sendSmsCode({});
  const smsCode = await codeTo(number);
  nextStep();
  const { tokens } = await two(token).validateSms({ code: smsCode });
  const held = [
    user.accessToken,
    user.refreshToken,
    token,
    tokens?.accessToken ?? '',
    tokens?.refreshToken ?? '',
  ];
  const decoded = held.flatMap((each) => [
    each,
    ...each.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1')),
  ]);
  const secrets = [user.secret, smsCode, number, user.email, password, ...user.recoveryCodes];
  for (const secret of secrets) expect(decoded.join('\n')).not.toContain(secret);
  expect(
    Object.keys(JSON.parse(decoded.find((text) => text.includes('urn:manam:2fa')) ?? '{}')).sort(),
  ).toEqual(['aud', 'exp', 'iat', 'iss', 'jti', 'sub', 'tid']);

  const dump: string[] = [];
  for (const table of [
    'authenticators',
    'recovery_codes',
    'challenges',
    'outbox',
    'events',
    'idempotency',
    'sessions',
  ]) {
    for (const row of await testApp().sql(`SELECT * FROM ${table}`)) {
      dump.push(
        ...Object.values(row).map((value) =>
          Buffer.isBuffer(value) ? value.toString('latin1') : String(value),
        ),
      );
    }
  }
  for (const secret of [user.secret, ...user.recoveryCodes, password])
    expect(dump.join('\n')).not.toContain(secret);
  expect(testApp().logLines.join('')).not.toContain(user.secret);
});

test('a seed that is moved to another user does not open', async () => {
  const [one, theirs] = [await enrolled(), await enrolled()];
  await testApp().sql(
    "UPDATE authenticators a JOIN authenticators b ON b.user_id = UNHEX(REPLACE(?, '-', '')) SET a.data = b.data WHERE a.user_id = UNHEX(REPLACE(?, '-', ''))",
    [theirs.userId, one.userId],
  );
  nextStep();
  expect(
    await failureOf(two(await pendingOf(one.email)).validateTotp({ code: theirs.totp() })),
  ).toMatchObject({ reason: 'INTERNAL' });
});

test('limits SMS per number; over the limit a recovery code still signs in', async () => {
  // The one of the enrolment counts too.
  const smsPerRecipient = { name: 'sms.recipient', max: 3, windowMs: 3_600_000 };
  const tight = await startTestApp({ config: { limits: { ...defaultLimits, smsPerRecipient } } });
  const user = await signUp(tight);
  const { number, recoveryCodes } = await enrolSms(tight, user);
  const before = (await tight.messagesTo(number)).length;
  const auth = tight.client(AuthService);
  const answers = [];
  for (let count = 0; count < 4; count += 1) answers.push(await auth.login({ email: user.email, password }));
  expect((await tight.messagesTo(number)).length - before).toBe(2);
  const token = answers.at(-1)?.twoFactor?.twoFactorToken ?? '';
  const pending = tight.client(TwoFactorService, bearer(token));
  expect(await failureOf(pending.sendSmsCode({}))).toMatchObject({ reason: 'RATE_LIMITED' });
  expect((await pending.validateSms({ recoveryCode: recoveryCodes[0] ?? '' })).tokens?.tokenType).toBe(
    'Bearer',
  );
  await tight.close();
});
