import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorMethod } from '../../gen/manam/v1/session_pb.js';
import type { TenantPolicy } from '../../src/domain/policy.ts';
import { freshEmail, password, startTestApp, type TestApp, useTestApp } from '../support/app.ts';
import { makeAuthenticator } from '../support/authenticator.ts';
import { signUpByCode, startCode } from '../support/codes.ts';
import { failure, failureOf } from '../support/errors.ts';
import { changePolicy } from '../support/federation.ts';
import { bearer, enrolTotp, moveTo, type SignedIn, signUp } from '../support/journey.ts';
import {
  addPasskey,
  atSite,
  json,
  pageOrigin,
  passkeysOf,
  signInWithPasskey,
  signInWithPassword,
} from '../support/passkeys.ts';

// Passkeys that an intruder with the password made, and policies that change later.

const testApp = useTestApp({ config: atSite });
const invalid = failure('Unauthenticated', 'PASSKEY_INVALID');
const codeOf = async (to: string, part: string, test = testApp()) =>
  (await test.messagesTo(to)).find(({ link }) => link.includes(part))?.code ?? '';

/** An app whose tenant has this policy from its first call on. */
async function withPolicy(change: (policy: TenantPolicy) => TenantPolicy): Promise<TestApp> {
  const app = await startTestApp({ config: atSite });
  await changePolicy(app, change);
  return app;
}

const withPasskeys = (changes: Partial<TenantPolicy['passkeys']>) => (policy: TenantPolicy) => ({
  ...policy,
  passkeys: { ...policy.passkeys, ...changes },
});

/** Signs a user in at another instance, which knows the policy of now. */
async function later(app: TestApp, user: SignedIn) {
  const own = await startTestApp({ sibling: app, config: atSite });
  return { own, answer: await signInWithPassword(own, user) };
}

test('a passkey that an intruder made goes with a recovery, unless its owner keeps it', async () => {
  for (const keepRecent of [false, true]) {
    const user = await signUp(testApp());
    const intruder = await addPasskey(testApp(), user);
    const recovery = testApp().client(RecoveryService);
    await recovery.recover({ email: user.email });
    const token = await codeOf(user.email, '/recover?token=');
    await recovery.endRecovery({ token, password: 'the-owners-orbit-48', keepRecent });
    const ends = await signInWithPasskey(testApp(), intruder).then(
      () => 'signed in',
      () => 'refused',
    );
    expect([keepRecent, ends]).toEqual([keepRecent, keepRecent ? 'signed in' : 'refused']);
  }
});

test('an undo that nobody proved keeps the passkey that an account asks for', async () => {
  const app = await withPolicy((policy) => ({
    ...withPasskeys({ passwordless: 'user' })(policy),
    factorResetHours: 48,
    codeSignIn: { enabled: true, createAccounts: true },
  }));
  const user = await signUpByCode(app);
  await addPasskey(app, user);
  await passkeysOf(app, user).removePassword({});
  // Somebody reads the owner's mails.
  const recovery = app.client(RecoveryService);
  await recovery.startUndo({ token: await codeOf(user.email, '/undo?token=', app) });
  // The owner hears of it in the same mailbox.
  expect(await codeOf(user.email, '/undo?step=reject&token=', app)).not.toBe('');
  app.advance(48 * 3_600_000);
  await recovery.undoChanges({ token: await codeOf(user.email, '/undo?step=restore&token=', app) });
  const { handle, code } = await startCode(app, user.email);
  const answer = await app.client(AuthService).finishCodeSignIn({ handle, code });
  expect(answer.tokens?.accessToken).toBe('');
  expect(answer.twoFactor?.twoFactorMethods).toEqual([TwoFactorMethod.PASSKEY]);
  await app.close();
});

test('an undo that nobody proved takes a young passkey away where an older one is left', async () => {
  const app = await withPolicy((policy) => ({
    ...withPasskeys({ passwordless: 'user' })(policy),
    factorResetHours: 48,
    codeSignIn: { enabled: true, createAccounts: true },
  }));
  const user = await signUpByCode(app);
  const owner = await addPasskey(app, user);
  await passkeysOf(app, user).removePassword({});
  app.advance(73 * 3_600_000);
  const { tokens } = await signInWithPasskey(app, owner);
  const stolen = { ...user, accessToken: tokens?.accessToken ?? '' };
  const intruder = await addPasskey(app, stolen);
  await moveTo(app, stolen, freshEmail());
  const recovery = app.client(RecoveryService);
  await recovery.startUndo({ token: await codeOf(user.email, '/undo?token=', app) });
  app.advance(48 * 3_600_000);
  await recovery.undoChanges({ token: await codeOf(user.email, '/undo?step=restore&token=', app) });
  expect(await failureOf(signInWithPasskey(app, intruder))).toEqual(invalid);
  expect((await signInWithPasskey(app, owner)).tokens?.accessToken).not.toBe('');
  await app.close();
});

test('an intruder who switches the password off is undone with the password of before', async () => {
  const app = await withPolicy(withPasskeys({ passwordless: 'user' }));
  const user = await signUp(app);
  const intruder = await addPasskey(app, user);
  await passkeysOf(app, user).removePassword({});
  const token = await codeOf(user.email, '/undo?token=', app);
  const recovery = app.client(RecoveryService);
  await recovery.freezeAccount({ token });
  await recovery.undoChanges({ token, password });
  expect(await failureOf(signInWithPasskey(app, intruder))).toEqual(invalid);
  // The password opens the account again, and by itself.
  expect((await signInWithPassword(app, user)).tokens?.accessToken).not.toBe('');
  await app.close();
});

test('the link of a change freezes the account once, and a recovery ends that', async () => {
  const user = await signUp(testApp());
  const session = testApp().client(ProfileService, bearer(user.accessToken));
  const own = freshEmail();
  await session.startEmailChange({ email: own });
  await session.confirmEmailChange({ token: (await testApp().messagesTo(own))[0]?.code ?? '' });
  const recovery = testApp().client(RecoveryService);
  const token = await codeOf(user.email, '/undo?token=');
  await recovery.freezeAccount({ token });
  testApp().advance(72 * 3_600_000 - 60_000);
  await recovery.freezeAccount({ token });
  testApp().advance(120_000);
  // It has ended, although the link was pressed again.
  const { tokens } = await testApp().client(AuthService).login({ email: own, password });
  const signedIn = testApp().client(RecoveryService, bearer(tokens?.accessToken ?? ''));
  await signedIn.changePassword({ currentPassword: password, password: 'one-more-orbit-49' });
});

test('a registration and a spent challenge do not distinguish a decoy from a passkey', async () => {
  const holder = await addPasskey(testApp(), await signUp(testApp()));
  const anyone = passkeysOf(testApp());
  const idOf = async (email: string) => {
    const { options } = await anyone.startPasskeySignIn({ email });
    const [listed] = (options as unknown as { allowCredentials: { id: string }[] }).allowCredentials;
    return Buffer.from(listed?.id ?? '', 'base64url');
  };
  const other = await addPasskey(testApp(), await signUp(testApp()));
  for (const email of [holder.email, freshEmail(), freshEmail(), freshEmail(), freshEmail()]) {
    const credentialId = await idOf(email);
    const own = passkeysOf(testApp(), await signUp(testApp()));
    const made = makeAuthenticator({ origin: pageOrigin });
    const asked = (await own.startPasskeyRegistration({})).options ?? {};
    const kept = own.finishPasskeyRegistration(json(made.create(asked, { credentialId })));
    expect(await failureOf(kept)).toEqual(failure('AlreadyExists', 'PASSKEY_TAKEN'));
    const { options = {} } = await anyone.startPasskeySignIn({});
    const garbage = anyone.finishPasskeySignIn(json(made.get(options, { credentialId })));
    expect(await failureOf(garbage)).toEqual(invalid);
    const again = anyone.finishPasskeySignIn(json(other.authenticator.get(options)));
    expect(await failureOf(again)).toEqual(invalid);
  }
});

test('passkeys go on as the second factor of their users when a tenant ends them', async () => {
  const app = await withPolicy(withPasskeys({ mode: 'required' }));
  const user = await addPasskey(app, await signUp(app));
  await changePolicy(app, (policy) => ({
    ...withPasskeys({ mode: 'off' })(policy),
    requireSecondFactor: true,
  }));
  const { own, answer } = await later(app, user);
  expect(answer.twoFactor?.twoFactorMethods).toEqual([TwoFactorMethod.PASSKEY]);
  const pending = passkeysOf(own, { accessToken: answer.twoFactor?.twoFactorToken ?? '' });
  const { options = {} } = await pending.startPasskeyVerification({});
  const { tokens } = await pending.finishPasskeySecondFactor(json(user.authenticator.get(options)));
  expect(tokens?.accessToken).not.toBe('');
  expect(await failureOf(signInWithPasskey(own, user))).toEqual(
    failure('FailedPrecondition', 'SIGN_IN_METHOD_DISABLED'),
  );
  await own.close();
  await app.close();
});

test('a passkey of the relying party of before is still the second factor', async () => {
  const app = await withPolicy((policy) => ({ ...policy, requireSecondFactor: true }));
  const user = await addPasskey(app, await signUp(app));
  await changePolicy(app, withPasskeys({ rpId: 'example.com' }));
  const { own, answer } = await later(app, user);
  const pending = passkeysOf(own, { accessToken: answer.twoFactor?.twoFactorToken ?? '' });
  const { options = {} } = await pending.startPasskeyVerification({});
  expect(options['rpId']).toBe('localhost');
  const { tokens } = await pending.finishPasskeySecondFactor(json(user.authenticator.get(options)));
  expect(tokens?.accessToken).not.toBe('');
  await own.close();
  await app.close();
});

test('a refresh keeps the level of users with a passkey and lowers it without a required one', async () => {
  const app = await withPolicy((policy) => ({ ...policy, requireSecondFactor: true }));
  const user = await addPasskey(app, await signUp(app));
  const { tokens } = await signInWithPasskey(app, user);
  const refreshed = await app.client(AuthService).refreshToken({ refreshToken: tokens?.refreshToken ?? '' });
  const session = app.client(ProfileService, bearer(refreshed.tokens?.accessToken ?? ''));
  expect((await session.viewUser({})).user?.userId).toBe(user.userId);
  await changePolicy(app, withPasskeys({ mode: 'required' }));
  const own = await startTestApp({ sibling: app, config: atSite });
  // An app is no way around a passkey that the tenant demands.
  const other = await signUp(own);
  const enrolled = await enrolTotp(own, other);
  const after = await own.client(AuthService).refreshToken({ refreshToken: enrolled.refreshToken });
  const view = own.client(ProfileService, bearer(after.tokens?.accessToken ?? '')).viewUser({});
  expect(await failureOf(view)).toMatchObject({ reason: 'TWO_FACTOR_ENROLMENT_REQUIRED' });
  await own.close();
  await app.close();
});

test('a passkey that counts as one factor is never the second one as well', async () => {
  const app = await withPolicy(withPasskeys({ assurance: 'one-factor' }));
  const user = await addPasskey(app, await enrolTotp(app, await signUp(app)));
  const plain = await addPasskey(app, await signUp(app));
  expect((await signInWithPasskey(app, user)).twoFactor?.twoFactorMethods).toEqual([TwoFactorMethod.TOTP]);
  const { tokens } = await signInWithPasskey(app, plain);
  const own = passkeysOf(app, { accessToken: tokens?.accessToken ?? '' });
  const { options = {} } = await own.startPasskeyVerification({});
  expect(await failureOf(own.finishPasskeyStepUp(json(plain.authenticator.get(options))))).toEqual(
    failure('FailedPrecondition', 'SIGN_IN_METHOD_UNFIT'),
  );
  await app.close();
});
