import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { freshEmail, password } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import {
  beginAtGoogle,
  type FederatedApp,
  freshGoogleUser,
  signInWithGoogle,
  startFederatedApp,
  visit,
} from '../support/federation.ts';
import { freshMobile, register, signUp } from '../support/journey.ts';

// The G group of security.md, accounts: whose account a sign-in with Google opens, connects or takes over,
// and the ways of getting into another party's before they come (pre-hijacking).

let app: FederatedApp;
beforeAll(async () => {
  app = await startFederatedApp();
});
afterAll(() => app.close());
beforeEach(() => app.google.beHonest());

const auth = () => app.test.client(AuthService);

test('an address that Google does not host opens no account and makes none', async () => {
  const local = await signUp(app.test);
  for (const [user, reason] of [
    [freshGoogleUser({ email: local.email }), 'LOCAL_LOGIN_REQUIRED'],
    [freshGoogleUser({ email: freshEmail() }), 'REGISTRATION_REQUIRED'],
    [freshGoogleUser({ email: freshGoogleUser().email, email_verified: false }), 'REGISTRATION_REQUIRED'],
    [freshGoogleUser({ email: 'x@corp.example', hd: 'other.example' }), 'REGISTRATION_REQUIRED'],
    [freshGoogleUser({ email: '' }), 'REGISTRATION_REQUIRED'],
  ] as const)
    expect((await signInWithGoogle(app, user)).json).toMatchObject({ reason });
});

test('accepts Google’s claim about an address of a hosted domain', async () => {
  const user = freshGoogleUser({ email: `${freshEmail().split('@')[0]}@corp.example`, hd: 'corp.example' });
  expect((await signInWithGoogle(app, user)).json['email']).toBe(user.email);
});

test('connects the confirmed account of the address and notifies its owner', async () => {
  const user = freshGoogleUser();
  const cnf = await register(app.test, user.email);
  await auth().confirmEmail({ cnf });
  const { userId } = await auth().login({ email: user.email, password });
  expect((await signInWithGoogle(app, user)).json['user_id']).toBe(userId);
  const subjects = (await app.test.messagesTo(user.email)).map(({ subject }) => subject);
  expect(subjects).toContain('Another way to sign in at Dev');
  await auth().login({ email: user.email, password });
});

test('who is given an address later does not get the account that another Google account opens', async () => {
  const leaver = freshGoogleUser();
  const { json } = await signInWithGoogle(app, leaver);
  const successor = freshGoogleUser({ email: leaver.email });
  expect((await signInWithGoogle(app, successor)).json).toMatchObject({ reason: 'LOCAL_LOGIN_REQUIRED' });
  expect((await signInWithGoogle(app, leaver)).json['user_id']).toBe(json['user_id']);
});

test('of two Google accounts that come with one address at once one is connected', async () => {
  const { email } = freshGoogleUser();
  await auth().confirmEmail({ cnf: await register(app.test, email) });
  const callbacks = [
    await beginAtGoogle(app, freshGoogleUser({ email })),
    await beginAtGoogle(app, freshGoogleUser({ email })),
  ];
  const results = await Promise.all(callbacks.map((callback) => visit(callback)));
  expect(results.map(({ json }) => json['reason'] ?? 'in').sort()).toEqual(['LOCAL_LOGIN_REQUIRED', 'in']);
});

test('a disabled account of the address is neither connected nor taken over', async () => {
  for (const isConfirmed of [true, false]) {
    const user = freshGoogleUser();
    const cnf = await register(app.test, user.email);
    if (isConfirmed) await auth().confirmEmail({ cnf });
    const ofUser = '(SELECT user_id FROM identifiers WHERE canonical = ?)';
    await app.test.sql(`UPDATE users SET status = 'disabled' WHERE id = ${ofUser}`, [user.email]);
    expect((await signInWithGoogle(app, user)).json).toMatchObject({ reason: 'CREDENTIALS_INVALID' });
    expect(
      await app.test.sql(`SELECT subject FROM external_identities WHERE user_id = ${ofUser}`, [user.email]),
    ).toEqual([]);
    await app.test.sql(`UPDATE users SET status = 'active' WHERE id = ${ofUser}`, [user.email]);
    if (isConfirmed) await auth().login({ email: user.email, password });
    else await auth().confirmEmail({ cnf });
  }
});

test('pre-hijack 6, second address: a number that the maker left on the account is gone, and the takeover is on record', async () => {
  const user = freshGoogleUser();
  await register(app.test, user.email);
  const mobile = `+98${freshMobile().slice(1)}`;
  await app.test.sql(
    "INSERT INTO identifiers SELECT tenant_id, 'mobile', ?, user_id, ?, NULL, NOW(3) FROM identifiers WHERE canonical = ?",
    [mobile, mobile, user.email],
  );
  const { json } = await signInWithGoogle(app, user);
  expect(await app.test.sql('SELECT kind FROM identifiers WHERE canonical = ?', [mobile])).toEqual([]);
  expect(
    await app.test.sql(
      "SELECT outcome FROM events WHERE type = 'user.taken_over' AND user_id = UNHEX(REPLACE(?, '-', ''))",
      [json['user_id']],
    ),
  ).toHaveLength(1);
});

test('what a thief of a session connected goes with a new password by recovery', async () => {
  const owner = await signUp(app.test);
  const thief = freshGoogleUser({ email: 'thief@elsewhere.example' });
  await app.test.sql(
    "INSERT INTO external_identities SELECT tenant_id, 'https://accounts.google.com', ?, user_id, '{}', NOW(3), 'google' FROM identifiers WHERE canonical = ?",
    [thief.sub, owner.email],
  );
  expect((await signInWithGoogle(app, thief)).json['user_id']).toBe(owner.userId);
  const recovery = app.test.client(RecoveryService, { apieco_key: app.test.dev.publishable });
  await recovery.recover({ email: owner.email });
  const [message] = await app.test.messagesTo(owner.email);
  const replacement = 'another long passphrase 7';
  await recovery.endRecovery({
    token: message?.code ?? '',
    password: replacement,
    confirmPassword: replacement,
  });
  expect((await signInWithGoogle(app, thief)).json).toMatchObject({ reason: 'REGISTRATION_REQUIRED' });
});

// Five ways to be there before the owner of an address (arXiv 2205.10174).
test('pre-hijack 1, classic: the password of an account made before its owner came is gone', async () => {
  const user = freshGoogleUser();
  await register(app.test, user.email);
  const { json } = await signInWithGoogle(app, user);
  expect(json).toMatchObject({ email: user.email, fullname: 'Sara Ahmadi' });
  expect(await failureOf(auth().login({ email: user.email, password }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
});

test('pre-hijack 2, pending link: invalidates an earlier confirmation', async () => {
  const user = freshGoogleUser();
  const cnf = await register(app.test, user.email);
  await signInWithGoogle(app, user);
  expect(await failureOf(auth().confirmEmail({ cnf }))).toEqual(
    failure('Unauthenticated', 'CONFIRMATION_INVALID'),
  );
});

test('pre-hijack 3, unexpired session: no session of the maker outlives the owner’s arrival', async () => {
  const user = freshGoogleUser();
  await register(app.test, user.email);
  const [row] = await app.test.sql('SELECT HEX(user_id) AS id FROM identifiers WHERE canonical = ?', [
    user.email,
  ]);
  await app.test.sql(
    "INSERT INTO sessions (tenant_id, id, user_id, level, amr, auth_time, address, user_agent, refresh_counter, refresh_salt, refreshed_at, created_at, idle_expires_at, expires_at) SELECT tenant_id, UNHEX(REPLACE(UUID(), '-', '')), UNHEX(?), 'signed-in', '[\"pwd\"]', NOW(3), '', '', 0, REPEAT('x', 32), NOW(3), NOW(3), NOW(3) + INTERVAL 1 DAY, NOW(3) + INTERVAL 1 DAY FROM identifiers WHERE canonical = ?",
    [row?.['id'], user.email],
  );
  await signInWithGoogle(app, user);
  const live = await app.test.sql(
    'SELECT amr FROM sessions WHERE user_id = UNHEX(?) AND revoked_at IS NULL AND amr = \'["pwd"]\'',
    [row?.['id']],
  );
  expect(live).toEqual([]);
});

test('pre-hijack 4, trojan identity: what the maker had connected is gone', async () => {
  const user = freshGoogleUser();
  await register(app.test, user.email);
  const [row] = await app.test.sql(
    'SELECT HEX(user_id) AS id, HEX(tenant_id) AS t FROM identifiers WHERE canonical = ?',
    [user.email],
  );
  await app.test.sql(
    "INSERT INTO external_identities VALUES (UNHEX(?), 'https://accounts.google.com', 'trojan', UNHEX(?), '{}', NOW(3), 'google')",
    [row?.['t'], row?.['id']],
  );
  await signInWithGoogle(app, user);
  const trojan = freshGoogleUser({ sub: 'trojan', email: 'attacker@elsewhere.example' });
  expect((await signInWithGoogle(app, trojan)).json).toMatchObject({ reason: 'REGISTRATION_REQUIRED' });
});

test('pre-hijack 5, foreign address: an account that another party has proved in another way is not opened by its unproved address', async () => {
  const user = freshGoogleUser();
  const mobile = freshMobile();
  await auth().register({ type: IdentifierType.MOBILE, mobile, password });
  const [sms] = await app.test.messagesTo(`+98${mobile.slice(1)}`);
  await auth().confirmSms({ cnf: sms?.code ?? '' });
  const { userId } = await auth().login({ type: IdentifierType.MOBILE, mobile, password });
  await app.test.sql(
    "INSERT INTO identifiers SELECT tenant_id, 'email', ?, user_id, ?, NULL, NOW(3) FROM identifiers WHERE user_id = UNHEX(REPLACE(?, '-', ''))",
    [user.email, user.email, userId],
  );
  const { json } = await signInWithGoogle(app, user);
  expect(json['user_id'], 'the owner of the address gets an account').toEqual(expect.any(String));
  expect(json['user_id']).not.toBe(userId);
});
