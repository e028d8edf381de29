import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { freshEmail, password, startTestApp, useTestApp } from '../support/app.ts';
import { startCode } from '../support/codes.ts';
import { failure, failureOf } from '../support/errors.ts';
import { changePolicy } from '../support/federation.ts';
import { bearer, enrolTotp, register, signUp, signUpByMobile } from '../support/journey.ts';

const testApp = useTestApp();
const auth = (headers?: Record<string, string>) => testApp().client(AuthService, headers);

const invalid = failure('Unauthenticated', 'CODE_INVALID');

const wrong = (code: string) => (code === '000000' ? '000001' : '000000');

const claimsOf = (token = '') =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { amr: string[] };

test('a code signs its owner in, once', async () => {
  const { email, userId } = await signUp(testApp());
  const { handle, code, message } = await startCode(testApp(), email);
  expect(handle).toHaveLength(64);
  expect(code).toMatch(/^\d{6}$/);
  expect(message?.subject).not.toContain(code);
  const answer = await auth().finishCodeSignIn({ handle, code });
  expect(answer).toMatchObject({ userId, isNew: false, location: '/', account: { email } });
  expect(claimsOf(answer.tokens?.accessToken).amr).toEqual(['otp']);
  expect(await failureOf(auth().finishCodeSignIn({ handle, code }))).toEqual(invalid);
});

test('a code by SMS signs its owner in, in Persian digits as well', async () => {
  const { mobile, userId } = await signUpByMobile(testApp());
  const { handle, code } = await startCode(testApp(), mobile);
  const persian = code.replace(/\d/g, (digit) => '۰۱۲۳۴۵۶۷۸۹'[Number(digit)] ?? '');
  const answer = await auth().finishCodeSignIn({ handle, code: persian });
  expect(answer.userId).toBe(userId);
  expect(claimsOf(answer.tokens?.accessToken).amr).toEqual(['sms']);
});

test('the token of the link signs in with the handle of the page that asked, and with no other', async () => {
  const { email, userId } = await signUp(testApp());
  const asked = await startCode(testApp(), email);
  const { origin, pathname, search } = new URL(asked.message?.link ?? '');
  expect([origin, pathname, search]).toEqual(['http://localhost:0', '/account/dev/sign-in', '']);
  const another = await startCode(testApp(), email);
  for (const handle of [another.handle, 'x', asked.token])
    expect(await failureOf(auth().finishCodeSignIn({ handle, token: asked.token }))).toEqual(invalid);
  const { handle, token } = asked;
  expect((await auth().finishCodeSignIn({ handle, token })).userId).toBe(userId);
  // Its code is used up with it.
  expect(await failureOf(auth().finishCodeSignIn({ handle, code: asked.code }))).toEqual(invalid);
});

test('a code expires after 10 minutes and five attempts of its handle', async () => {
  const { email } = await signUp(testApp());
  const late = await startCode(testApp(), email);
  testApp().advance(600_000);
  expect(await failureOf(auth().finishCodeSignIn(late))).toEqual(invalid);
  const { handle, code } = await startCode(testApp(), email);
  for (let attempt = 0; attempt < 5; attempt += 1)
    expect(await failureOf(auth().finishCodeSignIn({ handle, code: wrong(code) }))).toEqual(invalid);
  expect(await failureOf(auth().finishCodeSignIn({ handle, code }))).toEqual(invalid);
});

test("no one spends the attempts of another's handle", async () => {
  const { email, userId } = await signUp(testApp());
  const own = await startCode(testApp(), email);
  const strangers = [];
  for (let count = 0; count < 5; count += 1) strangers.push(await startCode(testApp(), email));
  for (const { handle } of strangers)
    for (let attempt = 0; attempt < 5; attempt += 1)
      expect(await failureOf(auth().finishCodeSignIn({ handle, code: wrong(own.code) }))).toEqual(invalid);
  expect((await auth().finishCodeSignIn({ handle: own.handle, code: own.code })).userId).toBe(userId);
  // Spent handles make room.
  const later = await startCode(testApp(), email);
  expect((await auth().finishCodeSignIn({ handle: later.handle, code: later.code })).userId).toBe(userId);
});

test('five codes of an address are live at most, all of them good', async () => {
  const { email } = await signUp(testApp());
  const started = [];
  for (let count = 0; count < 5; count += 1) started.push(await startCode(testApp(), email));
  const before = (await testApp().messagesTo(email)).length;
  const { handle } = await auth().startCodeSignIn({ email });
  expect((await testApp().messagesTo(email)).length).toBe(before);
  expect(handle).toHaveLength(64);
  for (const { handle, code } of started)
    expect((await auth().finishCodeSignIn({ handle, code })).tokens?.accessToken).not.toBe('');
});

test('a burst of requests gets at most five codes', async () => {
  const { email } = await signUp(testApp());
  const before = (await testApp().messagesTo(email)).length;
  await Promise.all(Array.from({ length: 8 }, () => auth().startCodeSignIn({ email })));
  expect((await testApp().messagesTo(email)).length - before).toBe(5);
});

test('the account of a registration that was never confirmed becomes the owner’s, without its password', async () => {
  const email = freshEmail();
  await register(testApp(), email);
  const { handle, code } = await startCode(testApp(), email);
  const answer = await auth().finishCodeSignIn({ handle, code });
  expect(answer).toMatchObject({ isNew: true, account: { email, firstName: '' } });
  expect(await failureOf(auth().login({ email, password }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
});

test('a disabled user gets no code and no session', async () => {
  const { email, userId } = await signUp(testApp());
  const { handle, code } = await startCode(testApp(), email);
  await testApp().sql("UPDATE users SET status = 'disabled' WHERE id = UNHEX(?)", [
    userId.replaceAll('-', ''),
  ]);
  expect(await failureOf(auth().finishCodeSignIn({ handle, code }))).toEqual(invalid);
  const before = (await testApp().messagesTo(email)).length;
  await auth().startCodeSignIn({ email });
  expect((await testApp().messagesTo(email)).length).toBe(before);
});

test('a change of the password ends the codes that are on their way', async () => {
  const user = await signUp(testApp());
  const { handle, code } = await startCode(testApp(), user.email);
  await testApp()
    .client(RecoveryService, bearer(user.accessToken))
    .changePassword({ currentPassword: password, password: 'another-quiet-orbit-47' });
  expect(await failureOf(auth().finishCodeSignIn({ handle, code }))).toEqual(invalid);
});

test('the second factor comes after a code as after a password', async () => {
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  testApp().advance(60_000);
  const { handle, code } = await startCode(testApp(), user.email);
  const answer = await auth().finishCodeSignIn({ handle, code });
  expect(answer).toMatchObject({ userId: '', tokens: { accessToken: '' } });
  expect(answer.account).toBeUndefined();
  const pending = testApp().client(TwoFactorService, bearer(answer.twoFactor?.twoFactorToken ?? ''));
  const { tokens } = await pending.validateTotp({ code: user.totp() });
  expect(claimsOf(tokens?.accessToken).amr).toEqual(['otp', 'mfa']);
});

test('a code of another session renews no freshness, and after five attempts none does', async () => {
  const [own, other] = [await signUp(testApp()), await signUp(testApp())];
  await auth(bearer(other.accessToken)).sendStepUpCode({});
  const [theirs] = await testApp().messagesTo(other.email);
  const session = auth(bearer(own.accessToken));
  expect(await failureOf(session.reauthenticate({ ownCode: theirs?.code ?? '' }))).toEqual(invalid);
  await session.sendStepUpCode({});
  const code = (await testApp().messagesTo(own.email))[0]?.code ?? '';
  for (let attempt = 0; attempt < 5; attempt += 1)
    expect(await failureOf(session.reauthenticate({ ownCode: wrong(code) }))).toEqual(invalid);
  expect(await failureOf(session.reauthenticate({ ownCode: code }))).toEqual(invalid);
});

test('after fifty wrong codes in a row the codes of an address are longer, known or not', async () => {
  const { email, userId } = await signUp(testApp());
  for (let count = 0; count < 10; count += 1) {
    const { handle, code } = await startCode(testApp(), email);
    for (let attempt = 0; attempt < 5; attempt += 1)
      expect(await failureOf(auth().finishCodeSignIn({ handle, code: wrong(code) }))).toEqual(invalid);
  }
  const long = await startCode(testApp(), email);
  expect(long.code).toMatch(/^\d{12}$/);
  expect((await auth().finishCodeSignIn({ handle: long.handle, code: long.code })).userId).toBe(userId);
  expect((await startCode(testApp(), email)).code).toMatch(/^\d{6}$/);
});

test('an unknown address gets no message and no account', async () => {
  const email = freshEmail();
  const { handle } = await auth().startCodeSignIn({ email });
  expect(await testApp().messagesTo(email)).toEqual([]);
  expect(await failureOf(auth().finishCodeSignIn({ handle, code: '000000' }))).toEqual(invalid);
});

test('a tenant without code sign-in refuses it', async () => {
  const { email } = await signUp(testApp());
  const { handle, code } = await startCode(testApp(), email);
  await changePolicy(testApp(), (policy) => ({
    ...policy,
    codeSignIn: { enabled: false, createAccounts: true },
  }));
  const without = await startTestApp({ sibling: testApp() });
  const refused = failure('FailedPrecondition', 'SIGN_IN_METHOD_DISABLED');
  expect(await failureOf(without.client(AuthService).startCodeSignIn({ email }))).toEqual(refused);
  expect(await failureOf(without.client(AuthService).finishCodeSignIn({ handle, code }))).toEqual(refused);
  await without.close();
});
