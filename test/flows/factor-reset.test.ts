import { beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { password, startTestApp, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { changePolicy } from '../support/federation.ts';
import { bearer, enrolTotp, type SignedIn, signUp } from '../support/journey.ts';
import { addPasskey, atSite, passkeysOf } from '../support/passkeys.ts';

// The way back for users who lost every second factor: never in one step (acceptance table, passkeys).

const testApp = useTestApp({ config: atSite });
const hourMs = 3_600_000;
beforeAll(() => changePolicy(testApp(), (policy) => ({ ...policy, factorResetHours: 72 })));

/** A sign-in of which the first step was right. */
async function pendingOf({ email }: Pick<SignedIn, 'email'>, test = testApp()) {
  const { twoFactor } = await test.client(AuthService).login({ email, password });
  return test.client(RecoveryService, bearer(twoFactor?.twoFactorToken ?? ''));
}

const cancelToken = async (email: string) =>
  (await testApp().messagesTo(email)).find(({ link }) => link.includes('/cancel-reset?token='))?.code ?? '';

test('removes second factors after the waiting time, with a notice and without a session', async () => {
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  const early = await pendingOf(user);
  const { readyTime } = await early.startFactorReset({});
  expect(Number(readyTime?.seconds) * 1000).toBeGreaterThan(testApp().now().getTime() + 71 * hourMs);
  expect((await early.startFactorReset({})).readyTime).toEqual(readyTime);
  expect(await cancelToken(user.email)).not.toBe('');
  expect(await failureOf(early.finishFactorReset({}))).toMatchObject({ reason: 'FACTOR_RESET_WAITING' });
  testApp().advance(72 * hourMs);
  await (await pendingOf(user)).finishFactorReset({});
  const session = testApp().client(ProfileService, bearer(user.accessToken));
  expect(await failureOf(session.viewUser({}))).toEqual(failure('Unauthenticated', 'TOKEN_INVALID'));
  const { tokens } = await testApp().client(AuthService).login({ email: user.email, password });
  expect(tokens?.accessToken).not.toBe('');
  const own = testApp().client(TwoFactorService, bearer(tokens?.accessToken ?? ''));
  expect(await own.getTwoFactor({})).toMatchObject({ methods: [], recoveryCodesLeft: 0 });
});

test('any live session sees a waiting reset and can end it', async () => {
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  const thief = await pendingOf(user);
  await thief.startFactorReset({});
  const own = testApp().client(TwoFactorService, bearer(user.accessToken));
  expect((await own.getTwoFactor({})).factorResetTime).toBeDefined();
  await testApp().client(RecoveryService, bearer(user.accessToken)).cancelFactorReset({});
  expect((await own.getTwoFactor({})).factorResetTime).toBeUndefined();
  // The sign-in that asked for it is over.
  expect(await failureOf(thief.startFactorReset({}))).toEqual(failure('Unauthenticated', 'TOKEN_INVALID'));
  testApp().advance(72 * hourMs);
  expect(await failureOf((await pendingOf(user)).finishFactorReset({}))).toEqual(
    failure('NotFound', 'NOT_FOUND'),
  );
});

test('the link of the notice ends a reset once, and so does a working second factor', async () => {
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  await (await pendingOf(user)).startFactorReset({});
  const token = await cancelToken(user.email);
  await testApp().client(RecoveryService).rejectFactorReset({ token });
  expect(await failureOf(testApp().client(RecoveryService).rejectFactorReset({ token }))).toEqual(
    failure('Unauthenticated', 'RECOVERY_INVALID'),
  );
  await (await pendingOf(user)).startFactorReset({});
  testApp().advance(60_000);
  const { twoFactor } = await testApp().client(AuthService).login({ email: user.email, password });
  const second = testApp().client(TwoFactorService, bearer(twoFactor?.twoFactorToken ?? ''));
  await second.validateTotp({ code: user.totp() });
  testApp().advance(72 * hourMs);
  expect(await failureOf((await pendingOf(user)).finishFactorReset({}))).toEqual(
    failure('NotFound', 'NOT_FOUND'),
  );
});

test('a user without a password gets one back after the waiting time', async () => {
  const app = await startTestApp({ config: atSite });
  await changePolicy(app, (policy) => ({
    ...policy,
    factorResetHours: 24,
    passkeys: { ...policy.passkeys, passwordless: 'user' },
  }));
  const user = await addPasskey(app, await signUp(app));
  await passkeysOf(app, user).removePassword({});
  const recovery = app.client(RecoveryService);
  await recovery.recover({ email: user.email });
  const link = (await app.messagesTo(user.email)).find(({ link }) => link.includes('/recover?token='));
  await recovery.endRecovery({ token: link?.code ?? '', password });
  await (await pendingOf(user, app)).startFactorReset({});
  app.advance(25 * hourMs);
  await (await pendingOf(user, app)).finishFactorReset({});
  const { tokens } = await app.client(AuthService).login({ email: user.email, password });
  expect(tokens?.accessToken).not.toBe('');
  expect(
    (await passkeysOf(app, { accessToken: tokens?.accessToken ?? '' }).listPasskeys({})).passkeys,
  ).toEqual([]);
  await app.close();
});

test('of parallel ends one wins, and a tenant without a waiting time has no such way', async () => {
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  await (await pendingOf(user)).startFactorReset({});
  testApp().advance(73 * hourMs);
  const pending = [await pendingOf(user), await pendingOf(user), await pendingOf(user)];
  const ends = await Promise.all(
    pending.map((each) =>
      each.finishFactorReset({}).then(
        () => 'reset',
        () => 'refused',
      ),
    ),
  );
  expect(ends.filter((end) => end === 'reset')).toHaveLength(1);
  const app = await startTestApp();
  const other = await enrolTotp(app, await signUp(app));
  expect(await failureOf((await pendingOf(other, app)).startFactorReset({}))).toEqual(
    failure('FailedPrecondition', 'SIGN_IN_METHOD_DISABLED'),
  );
  await app.close();
});
