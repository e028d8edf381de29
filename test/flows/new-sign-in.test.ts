import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { describeDevice, deviceOf, parseDevice } from '../../src/domain/device.ts';
import { password, startTestApp, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { changePolicy } from '../support/federation.ts';
import { bearer, freshMobile, signUp } from '../support/journey.ts';

const testApp = useTestApp();

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const chrome =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

/** Signs in over HTTP with a user agent; returns the access token. */
async function signIn(email: string, userAgent: string, test = testApp(), language = 'en'): Promise<string> {
  const response = await fetch(`${test.url}/auth/login`, {
    method: 'POST',
    headers: {
      apieco_key: test.dev.publishable,
      'content-type': 'application/json',
      'user-agent': userAgent,
      'accept-language': language,
    },
    body: JSON.stringify({ email, password }),
  });
  return String(((await response.json()) as { access_token: string }).access_token);
}

const noticesTo = async (email: string, test = testApp()) =>
  (await test.messagesTo(email)).filter(({ link }) => link.includes('/report?token='));

test('the owner is told of a sign-in on a device that the account has not used, and of no other', async () => {
  const { email } = await signUp(testApp());
  await signIn(email, firefox);
  const [notice, ...others] = await noticesTo(email);
  expect(others).toEqual([]);
  expect(notice?.text).toContain('Firefox on Linux');
  expect(notice?.text).toContain('127.0.0.1');
  await signIn(email, firefox.replaceAll('140', '141'));
  expect(await noticesTo(email)).toHaveLength(1);
  await signIn(email, chrome, testApp(), 'fa');
  const [second] = await noticesTo(email);
  expect(await noticesTo(email)).toHaveLength(2);
  expect(second?.text).toContain('Chrome در Windows');
});

test('ended sessions make a device known as well', async () => {
  const { email, accessToken } = await signUp(testApp());
  const token = await signIn(email, firefox);
  for (const each of [token, accessToken]) await testApp().client(AuthService, bearer(each)).logout({});
  // A young account is not told of its first sign-in.
  testApp().advance(25 * 3_600_000);
  await signIn(email, firefox);
  expect(await noticesTo(email)).toHaveLength(1);
});

test('a report ends every session and begins a recovery, once, also after what an intruder changed', async () => {
  const user = await signUp(testApp());
  const token = await signIn(user.email, firefox);
  const [notice] = await noticesTo(user.email);
  const recovery = testApp().client(RecoveryService);
  await testApp()
    .client(RecoveryService, bearer(token))
    .changePassword({ currentPassword: password, password: 'an-intruders-orbit-47' });
  const report = { token: notice?.code ?? '' };
  await recovery.reportSignIn(report);
  expect(await failureOf(testApp().client(AuthService, bearer(token)).listSessions({}))).toEqual(
    failure('Unauthenticated', 'TOKEN_INVALID'),
  );
  expect(await failureOf(recovery.reportSignIn(report))).toEqual(
    failure('Unauthenticated', 'RECOVERY_INVALID'),
  );
  // Whoever knows the password gets no further with it, and would be told of again.
  const intruder = await fetch(`${testApp().url}/auth/login`, {
    method: 'POST',
    headers: { apieco_key: testApp().dev.publishable, 'content-type': 'application/json' },
    body: JSON.stringify({ email: user.email, password: 'an-intruders-orbit-47' }),
  });
  expect(intruder.status).toBe(401);
  const [message] = await testApp().messagesTo(user.email);
  await recovery.endRecovery({ token: message?.code ?? '', password: 'the-owners-orbit-48' });
  const { tokens } = await testApp()
    .client(AuthService)
    .login({ email: user.email, password: 'the-owners-orbit-48' });
  expect(tokens?.accessToken).not.toBe('');
});

test('opening the link of a notice changes nothing, and it expires after seven days', async () => {
  const { email } = await signUp(testApp());
  const token = await signIn(email, firefox);
  const [notice] = await noticesTo(email);
  const { pathname, search } = new URL(notice?.link ?? '');
  for (let count = 0; count < 10; count += 1)
    expect((await fetch(`${testApp().url}${pathname}${search}`)).status).toBe(200);
  expect(await testApp().client(AuthService, bearer(token)).listSessions({})).toBeDefined();
  testApp().advance(7 * 86_400_000);
  expect(
    await failureOf(
      testApp()
        .client(RecoveryService)
        .reportSignIn({ token: notice?.code ?? '' }),
    ),
  ).toEqual(failure('Unauthenticated', 'RECOVERY_INVALID'));
});

test('a tenant can turn the notices off', async () => {
  const app = await startTestApp();
  await changePolicy(app, (policy) => ({ ...policy, newSignInNotice: false }));
  const { email } = await signUp(app);
  await signIn(email, firefox, app);
  expect(await noticesTo(email, app)).toEqual([]);
  await app.close();
});

test('sessions name browser and system in the language of the call', async () => {
  const { email } = await signUp(testApp());
  const token = await signIn(email, firefox);
  const { sessions } = await testApp().client(AuthService, bearer(token)).listSessions({});
  expect(sessions[0]?.device).toBe('Firefox on Linux');
  const inPersian = testApp().client(AuthService, { ...bearer(token), 'accept-language': 'fa' });
  expect((await inPersian.listSessions({})).sessions[0]?.device).toBe('Firefox در Linux');
});

test('a device is described by what its user agent says, and by nothing that breaks a page', () => {
  const said = (userAgent: string) => describeDevice(parseDevice(userAgent));
  expect(said(firefox)).toBe('Firefox on Linux');
  expect(said(chrome)).toBe('Chrome on Windows');
  expect(said('curl/8.14.1')).toBe('curl');
  expect(said('')).toBe('');
  expect(said('<script>alert(1)</script>/1')).toBe('scriptalert');
  expect(said('x'.repeat(256))).toHaveLength(40);
});

test('a device is known again by browser, system and neighbourhood', () => {
  const seen = (userAgent: string, address: string) => deviceOf({ userAgent, address });
  expect(seen(firefox, '192.0.2.1')).toBe(seen(firefox.replaceAll('140', '141'), '192.0.2.200'));
  expect(seen(firefox, '192.0.2.1')).not.toBe(seen(firefox, '198.51.100.1'));
  expect(seen(firefox, '2001:db8:1::1')).toBe(seen(firefox, '2001:db8:1:9::2'));
  expect(seen(firefox, '192.0.2.1')).not.toBe(seen(chrome, '192.0.2.1'));
});

test('a report leaves an intruder no other way in', async () => {
  const user = await signUp(testApp());
  const token = await signIn(user.email, firefox);
  const [notice] = await noticesTo(user.email);
  const mobile = freshMobile();
  const profile = testApp().client(ProfileService, bearer(token));
  await profile.startMobileChange({ mobile });
  const [sms] = await testApp().messagesTo(`+98${mobile.slice(1)}`);
  await profile.confirmMobileChange({ code: sms?.code ?? '' });
  await testApp()
    .client(RecoveryService)
    .reportSignIn({ token: notice?.code ?? '' });
  const { handle } = await testApp().client(AuthService).startCodeSignIn({ mobile });
  expect(await failureOf(testApp().client(AuthService).finishCodeSignIn({ handle, code: '000000' }))).toEqual(
    failure('Unauthenticated', 'CODE_INVALID'),
  );
  const [row] = await testApp().sql('SELECT COUNT(*) AS held FROM identifiers WHERE canonical LIKE ?', [
    `%98${mobile.slice(1)}`,
  ]);
  expect(Number(row?.['held'])).toBe(0);
});
