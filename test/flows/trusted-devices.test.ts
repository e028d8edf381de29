import { beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { password, startTestApp, type TestApp, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { changePolicy } from '../support/federation.ts';
import { bearer, type Enrolled, enrolSms, enrolTotp, signUp } from '../support/journey.ts';
import { makeDevice } from '../support/proofs.ts';

const testApp = useTestApp();
beforeAll(() => changePolicy(testApp(), (policy) => ({ ...policy, rememberDeviceDays: 30 })));

type Device = ReturnType<typeof makeDevice>;

const keyHeader = (app: TestApp) => ({ apieco_key: app.dev.publishable });

/** Signs in on a device; the refresh token alone is bound, so that tests may call as a bearer. */
async function login(user: { email: string }, device: Device, app = testApp()) {
  const headers = { ...keyHeader(app), ...(await device('AuthService/Login')), 'dpop-bind': 'refresh_token' };
  return await app.client(AuthService, headers).login({ email: user.email, password });
}

/** The second step, which asks for the device to be remembered. */
async function validate(user: Enrolled, device: Device, token: string, app = testApp()) {
  app.advance(60_000);
  const headers = {
    ...bearer(token),
    ...(await device('TwoFactorService/ValidateTotp')),
    'dpop-bind': 'refresh_token',
  };
  return await app
    .client(TwoFactorService, headers)
    .validateTotp({ code: user.totp(), rememberDevice: true });
}

/** A user with a second factor and a device that was remembered. */
async function remembered(app = testApp()) {
  const user = await enrolTotp(app, await signUp(app));
  const device = makeDevice(app);
  const { twoFactor } = await login(user, device, app);
  const { tokens } = await validate(user, device, twoFactor?.twoFactorToken ?? '', app);
  return { user, device, accessToken: tokens?.accessToken ?? '' };
}

const amrOf = (token = '') =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).amr as string[];

test('a remembered device is spared the second factor, and the session says so', async () => {
  const { user, device } = await remembered();
  const { tokens, twoFactor } = await login(user, device);
  expect(twoFactor).toBeUndefined();
  expect(amrOf(tokens?.accessToken)).toEqual(['pwd']);
  const renewed = testApp().client(AuthService, {
    ...keyHeader(testApp()),
    ...(await device('AuthService/RefreshToken')),
  });
  const next = await renewed.refreshToken({ refreshToken: tokens?.refreshToken ?? '' });
  expect(amrOf(next.tokens?.accessToken)).toEqual(['pwd']);
});

test('another key, no key, another user and a later month are asked', async () => {
  const { user, device } = await remembered();
  const asked = async (answer: ReturnType<typeof login>) =>
    (await answer).twoFactor?.twoFactorToken !== undefined;
  expect(await asked(login(user, makeDevice(testApp())))).toBe(true);
  expect(await asked(testApp().client(AuthService).login({ email: user.email, password }))).toBe(true);
  const other = await enrolTotp(testApp(), await signUp(testApp()));
  expect(await asked(login(other, device))).toBe(true);
  testApp().advance(31 * 86_400_000);
  expect(await asked(login(user, device))).toBe(true);
});

test('it stands for no step-up, until the second factor is proved', async () => {
  const { user, device } = await remembered();
  const token = (await login(user, device)).tokens?.accessToken ?? '';
  const two = testApp().client(TwoFactorService, bearer(token));
  const stepUp = {
    ...failure('FailedPrecondition', 'REAUTHENTICATION_REQUIRED'),
    missingStep: 'manam.v1.AuthService/Reauthenticate',
  };
  expect(await failureOf(two.regenerateRecoveryCodes({}))).toEqual(stepUp);
  const auth = testApp().client(AuthService, bearer(token));
  expect(await failureOf(auth.reauthenticate({ password }))).toEqual(
    failure('Unauthenticated', 'CODE_INVALID'),
  );
  testApp().advance(60_000);
  const { tokens } = await auth.reauthenticate({ password, code: user.totp() });
  expect(amrOf(tokens?.accessToken)).toEqual(['pwd', 'otp', 'mfa']);
  expect((await two.regenerateRecoveryCodes({})).recoveryCodes).toHaveLength(10);
});

test('its owner sees it and removes it, with the sessions that it opened', async () => {
  const { user, device, accessToken } = await remembered();
  const opened = (await login(user, device)).tokens?.accessToken ?? '';
  const two = testApp().client(TwoFactorService, bearer(accessToken));
  const { devices } = await two.listTrustedDevices({});
  expect(devices).toHaveLength(1);
  const [{ deviceId } = { deviceId: '' }] = devices;
  const stranger = testApp().client(TwoFactorService, bearer((await signUp(testApp())).accessToken));
  const missing = failure('NotFound', 'NOT_FOUND');
  expect(await failureOf(stranger.removeTrustedDevice({ deviceId }))).toEqual(missing);
  expect(await failureOf(two.removeTrustedDevice({ deviceId: 'x' }))).toEqual(missing);
  await two.removeTrustedDevice({ deviceId });
  expect((await two.listTrustedDevices({})).devices).toEqual([]);
  const ended = testApp().client(TwoFactorService, bearer(opened));
  expect(await failureOf(ended.getTwoFactor({}))).toEqual(failure('Unauthenticated', 'TOKEN_INVALID'));
  expect((await login(user, device)).twoFactor).toBeDefined();
});

test('a change of credentials ends it', async () => {
  const { user, device, accessToken } = await remembered();
  const next = 'another-quiet-orbit-47';
  await testApp()
    .client(RecoveryService, bearer(accessToken))
    .changePassword({ currentPassword: password, password: next });
  const headers = { ...keyHeader(testApp()), ...(await device('AuthService/Login')) };
  const answer = await testApp().client(AuthService, headers).login({ email: user.email, password: next });
  expect(answer.twoFactor).toBeDefined();
});

test('without the policy, and without a key, nothing is remembered', async () => {
  const off = await startTestApp();
  const { user, device } = await remembered(off);
  expect((await login(user, device, off)).twoFactor).toBeDefined();
  await off.close();
  const own = await enrolTotp(testApp(), await signUp(testApp()));
  const { twoFactor } = await testApp().client(AuthService).login({ email: own.email, password });
  testApp().advance(60_000);
  const { tokens } = await testApp()
    .client(TwoFactorService, bearer(twoFactor?.twoFactorToken ?? ''))
    .validateTotp({ code: own.totp(), rememberDevice: true });
  const two = testApp().client(TwoFactorService, bearer(tokens?.accessToken ?? ''));
  expect((await two.listTrustedDevices({})).devices).toEqual([]);
});

test('a code by SMS lets a device be remembered as well', async () => {
  const user = await signUp(testApp());
  const { number } = await enrolSms(testApp(), user);
  const device = makeDevice(testApp());
  testApp().advance(60_000);
  const { twoFactor } = await login(user, device);
  const headers = {
    ...bearer(twoFactor?.twoFactorToken ?? ''),
    ...(await device('TwoFactorService/ValidateSms')),
    'dpop-bind': 'refresh_token',
  };
  const [message] = await testApp().messagesTo(number);
  await testApp()
    .client(TwoFactorService, headers)
    .validateSms({ code: message?.code ?? '', rememberDevice: true });
  expect((await login(user, device)).tokens?.accessToken).not.toBe('');
});
