import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorMethod } from '../../gen/manam/v1/session_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { freshEmail, password, startTestApp, useTestApp } from '../support/app.ts';
import { makeAuthenticator } from '../support/authenticator.ts';
import { failure, failureOf } from '../support/errors.ts';
import { changePolicy } from '../support/federation.ts';
import { bearer, enrolTotp, signUp } from '../support/journey.ts';
import {
  addPasskey,
  atSite,
  json,
  pageOrigin,
  passkeysOf,
  signInWithPasskey,
  signInWithPassword,
  signUpWithPasskey,
} from '../support/passkeys.ts';

const testApp = useTestApp({ config: atSite });
const invalid = failure('Unauthenticated', 'PASSKEY_INVALID');

/** How a session authenticated, by its access token. */
const amrOf = (accessToken: string): string[] =>
  [
    ...(JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()).amr as string[]),
  ].sort();

test('a user makes a passkey, signs in with it, renames it and removes it', async () => {
  const user = await signUpWithPasskey(testApp(), { aaguid: 'bada5566-a7aa-401f-bd96-45619a55120d' });
  expect(user.recoveryCodes).toHaveLength(10);
  const { tokens, userId } = await signInWithPasskey(testApp(), user);
  expect(userId).toBe(user.userId);
  const own = passkeysOf(testApp(), { accessToken: tokens?.accessToken ?? '' });
  const { passkeys } = await own.listPasskeys({});
  expect(passkeys).toMatchObject([
    {
      passkeyId: user.passkeyId,
      label: '1Password',
      synced: false,
      rpId: 'localhost',
      credentialId: user.authenticator.credentialId.toString('base64url'),
    },
  ]);
  expect(passkeys[0]?.lastUseTime).toBeDefined();
  await own.renamePasskey({ passkeyId: user.passkeyId, label: '  My phone ' });
  expect((await own.listPasskeys({})).passkeys[0]?.label).toBe('My phone');
  const { passkey } = await own.removePasskey({ passkeyId: user.passkeyId });
  expect(passkey?.passkeyId).toBe(user.passkeyId);
  expect((await own.listPasskeys({})).passkeys).toEqual([]);
  expect(await failureOf(signInWithPasskey(testApp(), user))).toEqual(invalid);
  expect(await failureOf(own.renamePasskey({ passkeyId: user.passkeyId, label: 'x' }))).toEqual(
    failure('NotFound', 'NOT_FOUND'),
  );
});

test('a notice tells of a new passkey, and other sessions end', async () => {
  const user = await signUp(testApp());
  const { tokens } = await signInWithPassword(testApp(), user);
  await addPasskey(testApp(), user);
  const subjects = (await testApp().messagesTo(user.email)).map(({ subject }) => subject);
  expect(subjects).toContain('The passkeys of your account at Dev have changed');
  const other = testApp().client(ProfileService, bearer(tokens?.accessToken ?? ''));
  expect(await failureOf(other.viewUser({}))).toEqual(failure('Unauthenticated', 'TOKEN_INVALID'));
});

test('a verified user counts as two factors, presence alone as one, and a synced key is told from a bound one', async () => {
  const bound = await signUpWithPasskey(testApp());
  const first = await signInWithPasskey(testApp(), bound);
  expect(amrOf(first.tokens?.accessToken ?? '')).toEqual(['hwk', 'mfa', 'user']);
  const synced = await signUpWithPasskey(testApp(), { isSynced: true, isVerified: false });
  const second = await signInWithPasskey(testApp(), synced);
  expect(amrOf(second.tokens?.accessToken ?? '')).toEqual(['swk', 'user']);
});

test('with another factor enrolled, a verified user is signed in, and presence alone is asked for more', async () => {
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  const verified = await addPasskey(testApp(), user);
  expect((await signInWithPasskey(testApp(), verified)).tokens?.accessToken).not.toBe('');
  const present = await addPasskey(testApp(), user, { isVerified: false });
  const { tokens, twoFactor } = await signInWithPasskey(testApp(), present);
  expect(tokens?.accessToken).toBe('');
  // What was the first factor is not the second as well.
  expect(twoFactor?.twoFactorMethods).toEqual([TwoFactorMethod.TOTP]);
});

test('a passkey is the second factor of a password, and renews freshness', async () => {
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  const holder = await addPasskey(testApp(), user, { isVerified: false });
  const verified = await addPasskey(testApp(), user);
  const { twoFactor } = await signInWithPassword(testApp(), user);
  expect(twoFactor?.twoFactorMethods).toEqual([TwoFactorMethod.PASSKEY, TwoFactorMethod.TOTP]);
  const pending = passkeysOf(testApp(), { accessToken: twoFactor?.twoFactorToken ?? '' });
  const { options } = await pending.startPasskeyVerification({});
  const answer = json(holder.authenticator.get(options ?? {}));
  const { tokens, userId } = await pending.finishPasskeySecondFactor(answer);
  expect(userId).toBe(user.userId);
  expect(amrOf(tokens?.accessToken ?? '')).toEqual(['hwk', 'mfa', 'pwd']);
  testApp().advance(6 * 60_000);
  const { tokens: later } = await testApp()
    .client(AuthService)
    .refreshToken({ refreshToken: tokens?.refreshToken ?? '' });
  const own = passkeysOf(testApp(), { accessToken: later?.accessToken ?? '' });
  expect(await failureOf(own.startPasskeyRegistration({}))).toMatchObject({
    reason: 'REAUTHENTICATION_REQUIRED',
  });
  const asked = (await own.startPasskeyVerification({})).options ?? {};
  expect(asked['userVerification']).toBe('required');
  // Presence alone does not renew the full level.
  expect(await failureOf(own.finishPasskeyStepUp(json(holder.authenticator.get(asked))))).toEqual(invalid);
  const again = (await own.startPasskeyVerification({})).options ?? {};
  await own.finishPasskeyStepUp(json(verified.authenticator.get(again)));
  await own.startPasskeyRegistration({});
});

test('a passkey is demanded after a password only if the user or the tenant says so', async () => {
  const user = await signUpWithPasskey(testApp());
  expect((await signInWithPassword(testApp(), user)).tokens?.accessToken).not.toBe('');
  const strict = await startTestApp({ config: atSite });
  await changePolicy(strict, (policy) => ({ ...policy, passkeys: { ...policy.passkeys, mode: 'required' } }));
  const held = await signUp(strict);
  // Signed in, but for enrolling a passkey alone.
  const view = strict.client(ProfileService, bearer(held.accessToken)).viewUser({});
  expect(await failureOf(view)).toMatchObject({ reason: 'TWO_FACTOR_ENROLMENT_REQUIRED' });
  const holder = await addPasskey(strict, held);
  const { tokens } = await strict.client(AuthService).refreshToken({ refreshToken: held.refreshToken });
  const entered = { ...held, accessToken: tokens?.accessToken ?? '' };
  await strict.client(ProfileService, bearer(entered.accessToken)).viewUser({});
  expect((await signInWithPassword(strict, held)).twoFactor?.twoFactorMethods).toEqual([
    TwoFactorMethod.PASSKEY,
  ]);
  expect((await signInWithPasskey(strict, holder)).tokens?.accessToken).not.toBe('');
  const own = passkeysOf(strict, entered);
  expect(await failureOf(own.removePasskey({ passkeyId: holder.passkeyId }))).toEqual(
    failure('FailedPrecondition', 'LAST_SIGN_IN'),
  );
  await strict.close();
});

test('a user who switches the password off needs the passkey or a recovery code on every way in', async () => {
  const app = await startTestApp({ config: atSite });
  await changePolicy(app, (policy) => ({
    ...policy,
    passkeys: { ...policy.passkeys, passwordless: 'user' },
  }));
  const plain = await signUp(app);
  expect(await failureOf(passkeysOf(app, plain).removePassword({}))).toMatchObject({
    reason: 'STEP_MISSING',
  });
  const user = await addPasskey(app, plain);
  const own = passkeysOf(app, user);
  await own.removePassword({});
  expect(await failureOf(signInWithPassword(app, user))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
  expect(await failureOf(own.removePasskey({ passkeyId: user.passkeyId }))).toEqual(
    failure('FailedPrecondition', 'LAST_SIGN_IN'),
  );
  // A mailed code alone does not renew a session of more than that.
  const auth = app.client(AuthService, bearer(user.accessToken));
  await auth.sendStepUpCode({});
  const [sent] = await app.messagesTo(user.email);
  expect(await failureOf(auth.reauthenticate({ ownCode: sent?.code ?? '' }))).toEqual(
    failure('Unauthenticated', 'CODE_INVALID'),
  );
  // A recovery by mail gives a password, and the level of the account stays.
  const recovery = app.client(RecoveryService);
  await recovery.recover({ email: user.email });
  const token = (await app.messagesTo(user.email)).find(({ link }) => link.includes('/recover?token='))?.code;
  await recovery.endRecovery({ token: token ?? '', password });
  const { tokens, twoFactor } = await signInWithPassword(app, user);
  expect(tokens?.accessToken).toBe('');
  expect(twoFactor?.twoFactorMethods).toEqual([TwoFactorMethod.PASSKEY]);
  const pending = app.client(TwoFactorService, bearer(twoFactor?.twoFactorToken ?? ''));
  const [recoveryCode = ''] = user.recoveryCodes;
  expect((await pending.validateTotp({ recoveryCode })).tokens?.accessToken).not.toBe('');
  await app.close();
});

test('a tenant without passwords has none to sign in with, to register or to change', async () => {
  const app = await startTestApp({ config: atSite });
  const user = await signUpWithPasskey(app);
  await changePolicy(app, (policy) => ({
    ...policy,
    passkeys: { ...policy.passkeys, passwordless: 'tenant' },
  }));
  const own = await startTestApp({ sibling: app, config: atSite });
  const off = failure('FailedPrecondition', 'SIGN_IN_METHOD_DISABLED');
  expect(await failureOf(signInWithPassword(own, user))).toEqual(off);
  expect(await failureOf(own.client(AuthService).register({ email: freshEmail(), password }))).toEqual(off);
  const change = { currentPassword: password, password: 'one-more-orbit-49' };
  expect(
    await failureOf(own.client(RecoveryService, bearer(user.accessToken)).changePassword(change)),
  ).toEqual(off);
  expect((await signInWithPasskey(own, user)).userId).toBe(user.userId);
  await own.close();
  await app.close();
});

test('one passkey works from two sites of a tenant', async () => {
  const app = await startTestApp({ config: atSite });
  const origins = ['https://shop.example.com', 'https://example.org'];
  await changePolicy(app, (policy) => ({
    ...policy,
    passkeys: { ...policy.passkeys, rpId: 'example.com', origins },
  }));
  const user = await signUp(app);
  const holder = await addPasskey(app, user, { origin: 'https://shop.example.com' });
  for (const origin of [...origins, pageOrigin]) {
    const { options = {} } = await passkeysOf(app).startPasskeySignIn({});
    const elsewhere = holder.authenticator.get(options, { clientData: { origin } });
    expect((await passkeysOf(app).finishPasskeySignIn(json(elsewhere))).userId).toBe(user.userId);
  }
  await app.close();
});

test('REST carries a registration and a sign-in as the documents say', async () => {
  const user = await signUp(testApp());
  const post = async (path: string, body: object, headers: object = {}) => {
    const response = await fetch(testApp().url + path, {
      method: 'POST',
      headers: {
        'x-api-key': testApp().dev.publishable,
        'content-type': 'application/json',
        ...headers,
      },
      body: JSON.stringify(body),
    });
    return { status: response.status, json: (await response.json()) as Record<string, never> };
  };
  const authenticator = makeAuthenticator({ origin: pageOrigin });
  const session = bearer(user.accessToken);
  const start = await post('/auth/passkeys/registration/start', {}, session);
  const made = { credential: authenticator.create(start.json['options'] ?? {}), label: 'Key' };
  const kept = await post('/auth/passkeys/registration/finish', made, session);
  expect(kept).toMatchObject({ status: 200, json: { passkey: { label: 'Key', rp_id: 'localhost' } } });
  const asked = await post('/auth/passkeys/sign-in/start', {});
  const proof = { credential: authenticator.get(asked.json['options'] ?? {}) };
  const signedIn = await post('/auth/passkeys/sign-in/finish', proof);
  expect(signedIn).toMatchObject({ status: 200, json: { user_id: user.userId, email: user.email } });
  expect(await post('/auth/passkeys/sign-in/finish', proof)).toMatchObject({
    status: 401,
    json: { reason: 'PASSKEY_INVALID' },
  });
});

test('the last way to sign in is not removed', async () => {
  const app = await startTestApp({ config: atSite });
  await changePolicy(app, (policy) => ({ ...policy, codeSignIn: { enabled: true, createAccounts: true } }));
  const email = freshEmail();
  const auth = app.client(AuthService);
  const { handle } = await auth.startCodeSignIn({ email });
  const [message] = await app.messagesTo(email);
  const { tokens, userId } = await auth.finishCodeSignIn({ handle, code: message?.code ?? '' });
  const user = { email, userId, accessToken: tokens?.accessToken ?? '', refreshToken: '' };
  const holder = await addPasskey(app, user);
  await changePolicy(app, (policy) => ({ ...policy, codeSignIn: { enabled: false, createAccounts: false } }));
  const strict = await startTestApp({ sibling: app, config: atSite });
  const own = passkeysOf(strict, user);
  expect(await failureOf(own.removePasskey({ passkeyId: holder.passkeyId }))).toEqual(
    failure('FailedPrecondition', 'LAST_SIGN_IN'),
  );
  const second = await addPasskey(strict, user);
  await own.removePasskey({ passkeyId: holder.passkeyId });
  expect((await signInWithPasskey(strict, second)).userId).toBe(userId);
  await strict.close();
  await app.close();
});

test('returns the same options for accounts without a passkey and for unknown ones', async () => {
  const holder = await signUpWithPasskey(testApp());
  const plain = await signUp(testApp());
  const start = async (email: string) =>
    (await passkeysOf(testApp()).startPasskeySignIn({ email })).options as Record<string, unknown>;
  const known = await start(holder.email);
  const keysOf = (options: object) => Object.keys(options).sort();
  for (const email of [plain.email, freshEmail()]) {
    const [first, second] = [await start(email), await start(email)];
    expect(keysOf(first)).toEqual(keysOf(known));
    const [listed] = first['allowCredentials'] as { id: string; type: string; transports: string[] }[];
    expect(Object.keys(listed ?? {}).sort()).toEqual(['id', 'transports', 'type']);
    expect(second['allowCredentials']).toEqual(first['allowCredentials']);
    expect(second['challenge']).not.toEqual(first['challenge']);
  }
});

test('a passkey signs in with the identifier of its owner, and with no other', async () => {
  const [own, other] = [await signUpWithPasskey(testApp()), await signUpWithPasskey(testApp())];
  const anyone = passkeysOf(testApp());
  const start = async (email: string) => (await anyone.startPasskeySignIn({ email })).options ?? {};
  const right = own.authenticator.get(await start(own.email), { userHandle: null });
  expect((await anyone.finishPasskeySignIn(json(right))).userId).toBe(own.userId);
  const swapped = own.authenticator.get(await start(other.email));
  expect(await failureOf(anyone.finishPasskeySignIn(json(swapped)))).toEqual(invalid);
});

test('a tenant without passkeys refuses them, and a disabled account is refused as an unknown credential', async () => {
  const app = await startTestApp({ config: atSite });
  const user = await signUpWithPasskey(app);
  const { options } = await passkeysOf(app).startPasskeySignIn({});
  await app.app.store.users.setStatus(
    (await app.app.store.tenants.findBySlug('dev'))?.id ?? '',
    user.userId,
    'disabled',
  );
  expect(
    await failureOf(passkeysOf(app).finishPasskeySignIn(json(user.authenticator.get(options ?? {})))),
  ).toEqual(invalid);
  await changePolicy(app, (policy) => ({ ...policy, passkeys: { ...policy.passkeys, mode: 'off' } }));
  const off = await startTestApp({ sibling: app, config: atSite });
  expect(await failureOf(passkeysOf(off).startPasskeySignIn({}))).toEqual(
    failure('FailedPrecondition', 'SIGN_IN_METHOD_DISABLED'),
  );
  await off.close();
  await app.close();
});

test('a tenant’s own site is the relying party, and each passkey knows which it was made for', async () => {
  const app = await startTestApp({ config: atSite });
  const before = await signUpWithPasskey(app);
  await changePolicy(app, (policy) => ({
    ...policy,
    passkeys: { ...policy.passkeys, rpId: 'example.com', origins: ['https://shop.example.com'] },
  }));
  const moved = await startTestApp({ sibling: app, config: atSite });
  expect(await failureOf(signInWithPasskey(moved, before))).toEqual(invalid);
  const user = await signUp(moved);
  const holder = await addPasskey(moved, user, { origin: 'https://shop.example.com' });
  expect((await signInWithPasskey(moved, holder)).userId).toBe(user.userId);
  const elsewhere = makeAuthenticator({ origin: 'https://shop.example.org' });
  const own = passkeysOf(moved, user);
  const { options } = await own.startPasskeyRegistration({});
  expect(await failureOf(own.finishPasskeyRegistration(json(elsewhere.create(options ?? {}))))).toEqual(
    invalid,
  );
  await moved.close();
  await app.close();
});

test('user handles are random, short and the same for all passkeys of a user', async () => {
  const user = await signUp(testApp());
  const own = passkeysOf(testApp(), user);
  const handleOf = async () =>
    String(((await own.startPasskeyRegistration({})).options?.['user'] as { id: string } | undefined)?.id);
  const handle = await handleOf();
  expect(Buffer.from(handle, 'base64url').length).toBe(32);
  expect(handle).not.toContain(user.userId);
  await addPasskey(testApp(), user);
  expect(await handleOf()).toBe(handle);
});
