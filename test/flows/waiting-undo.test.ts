import { beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import type { Message } from '../../src/domain/message.ts';
import { freshEmail, startTestApp, useTestApp } from '../support/app.ts';
import { signUpByCode, startCode } from '../support/codes.ts';
import { failure, failureOf } from '../support/errors.ts';
import { changePolicy } from '../support/federation.ts';
import { bearer, enrolTotp, freshMobile, moveTo, signUp } from '../support/journey.ts';

// The waiting recovery of the acceptance table, for owners of accounts that had nothing to prove.

const testApp = useTestApp();
const hourMs = 3_600_000;
const invalid = failure('Unauthenticated', 'RECOVERY_INVALID');

beforeAll(() =>
  changePolicy(testApp(), (policy) => ({
    ...policy,
    factorResetHours: 48,
    codeSignIn: { enabled: true, createAccounts: true },
  })),
);

const recovery = () => testApp().client(RecoveryService);

/** The newest message to somebody whose link leads to that step of the page. */
async function linked(to: string, step: 'notice' | 'restore' | 'reject'): Promise<Message | undefined> {
  const query = step === 'notice' ? 'token=' : `step=${step}&token=`;
  return (await testApp().messagesTo(to)).find(({ link }) => link.includes(`/undo?${query}`));
}
const tokenOf = async (...of: Parameters<typeof linked>) => (await linked(...of))?.code ?? '';

/** A sign-in by a code to an address. */
async function tokensAt(email: string): Promise<{ readonly userId: string; readonly accessToken: string }> {
  const { handle, code } = await startCode(testApp(), email);
  const { userId, tokens } = await testApp().client(AuthService).finishCodeSignIn({ handle, code });
  return { userId, accessToken: tokens?.accessToken ?? '' };
}
const userAt = async (email: string) => (await tokensAt(email)).userId;

/** An intruder in the session of a user who signs in with codes alone has moved the account to an address of theirs. */
async function takenOver() {
  const user = await signUpByCode(testApp());
  const theirs = freshEmail();
  await moveTo(testApp(), user, theirs);
  const token = await tokenOf(user.email, 'notice');
  await recovery().freezeAccount({ token });
  return { user, theirs, token };
}

test('an owner without a password gets the account back after the waiting time', async () => {
  const { user, theirs, token } = await takenOver();
  const { readyTime } = await recovery().startUndo({ token });
  expect(Number(readyTime?.seconds) * 1000).toBeGreaterThan(testApp().now().getTime() + 47 * hourMs);
  const restore = await tokenOf(user.email, 'restore');
  expect(await failureOf(recovery().undoChanges({ token: restore }))).toMatchObject({
    ...failure('FailedPrecondition', 'UNDO_WAITING'),
    retryable: true,
  });
  expect((await linked(theirs, 'reject'))?.subject).toBe(
    'Someone wants changes of your account at Dev undone',
  );
  testApp().advance(48 * hourMs);
  await recovery().undoChanges({ token: restore });
  expect(await userAt(user.email)).toBe(user.userId);
  expect(await userAt(theirs)).not.toBe(user.userId);
  expect(await failureOf(recovery().undoChanges({ token: restore }))).toEqual(invalid);
});

test('who has the account rejects every undo that waits, by the link of the notice or in a session', async () => {
  const { user, theirs, token } = await takenOver();
  await recovery().startUndo({ token });
  const restore = await tokenOf(user.email, 'restore');
  const reject = await tokenOf(theirs, 'reject');
  await recovery().rejectUndo({ token: reject });
  testApp().advance(48 * hourMs);
  expect(await failureOf(recovery().undoChanges({ token: restore }))).toEqual(invalid);
  expect(await failureOf(recovery().rejectUndo({ token: reject }))).toEqual(invalid);
  // Each notice asks once.
  expect(await failureOf(recovery().startUndo({ token }))).toEqual(invalid);
  expect(await userAt(theirs)).toBe(user.userId);

  const next = await takenOver();
  await recovery().startUndo({ token: next.token });
  const session = bearer((await tokensAt(next.theirs)).accessToken);
  const factors = testApp().client(TwoFactorService, session);
  expect((await factors.getTwoFactor({})).undoTime).toBeDefined();
  await testApp().client(RecoveryService, session).cancelUndo({});
  expect((await factors.getTwoFactor({})).undoTime).toBeUndefined();
  testApp().advance(48 * hourMs);
  const late = recovery().undoChanges({ token: await tokenOf(next.user.email, 'restore') });
  expect(await failureOf(late)).toEqual(invalid);
});

test('an objection that comes too late is refused', async () => {
  const { user, theirs, token } = await takenOver();
  await recovery().startUndo({ token });
  testApp().advance(48 * hourMs);
  const tries = await Promise.allSettled([
    recovery().undoChanges({ token: await tokenOf(user.email, 'restore') }),
    recovery().rejectUndo({ token: await tokenOf(theirs, 'reject') }),
  ]);
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('a rejected undo leaves nothing that a later one would bring back', async () => {
  const { user, theirs: own, token } = await takenOver();
  await recovery().startUndo({ token });
  await recovery().rejectUndo({ token: await tokenOf(own, 'reject') });
  testApp().advance(5 * 24 * hourMs);
  const session = await tokensAt(own);
  const intruders = freshEmail();
  await moveTo(testApp(), session, intruders);
  await recovery().startUndo({ token: await tokenOf(own, 'notice') });
  testApp().advance(48 * hourMs);
  await recovery().undoChanges({ token: await tokenOf(own, 'restore') });
  expect(await userAt(own)).toBe(user.userId);
  expect(await userAt(user.email)).not.toBe(user.userId);
});

test('an account that had a password, or an app for 72 hours, is not restored by waiting', async () => {
  const withPassword = await signUp(testApp());
  await moveTo(testApp(), withPassword, freshEmail());
  const start = async (email: string) => recovery().startUndo({ token: await tokenOf(email, 'notice') });
  const refused = failure('Unauthenticated', 'CREDENTIALS_INVALID');
  expect(await failureOf(start(withPassword.email))).toEqual(refused);

  // An intruder may have set the app up before the change.
  const intruders = await enrolTotp(testApp(), await signUpByCode(testApp()));
  await moveTo(testApp(), intruders, freshEmail());
  expect((await start(intruders.email)).readyTime).toBeDefined();

  const withApp = await enrolTotp(testApp(), await signUpByCode(testApp()));
  testApp().advance(73 * hourMs);
  const { handle, code } = await startCode(testApp(), withApp.email);
  const { twoFactor } = await testApp().client(AuthService).finishCodeSignIn({ handle, code });
  const second = testApp().client(TwoFactorService, bearer(twoFactor?.twoFactorToken ?? ''));
  const { tokens } = await second.validateTotp({ code: withApp.totp() });
  await moveTo(testApp(), { accessToken: tokens?.accessToken ?? '' }, freshEmail());
  expect(await failureOf(start(withApp.email))).toEqual(refused);
});

test('what proved the account before a change counts, and not what it has now', async () => {
  const user = await signUp(testApp());
  await moveTo(testApp(), user, freshEmail());
  const token = await tokenOf(user.email, 'notice');
  // As the report of a sign-in leaves it.
  const { users, accountChanges, tenants } = testApp().app.store;
  const tenantId = (await tenants.findBySlug('dev'))?.id ?? '';
  await users.deletePassword(tenantId, user.userId);
  await accountChanges.forget(tenantId, user.userId, 'password');
  expect(await failureOf(recovery().startUndo({ token }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
});

test("an intruder's later changes are undone as well, however long the undo waited", async () => {
  const user = await signUpByCode(testApp());
  const theirs = freshEmail();
  await moveTo(testApp(), user, theirs);
  await recovery().startUndo({ token: await tokenOf(user.email, 'notice') });
  testApp().advance(hourMs);
  const { accessToken } = await tokensAt(theirs);
  const secret = 'an-intruders-orbit-47';
  await testApp().client(RecoveryService, bearer(accessToken)).changePassword({ password: secret });
  const profile = testApp().client(ProfileService, bearer(accessToken));
  const mobile = freshMobile();
  await profile.startMobileChange({ mobile });
  const [message] = await testApp().messagesTo(`+98${mobile.slice(1)}`);
  await profile.confirmMobileChange({ code: message?.code ?? '' });
  testApp().advance(80 * hourMs);
  await recovery().undoChanges({ token: await tokenOf(user.email, 'restore') });
  for (const its of [{ email: user.email }, { mobile }])
    expect(
      await failureOf(
        testApp()
          .client(AuthService)
          .login({ ...its, password: secret }),
      ),
    ).toEqual(failure('Unauthenticated', 'CREDENTIALS_INVALID'));
});

test('the link of a notice from before an undo asks for no other one', async () => {
  const { theirs, token } = await takenOver();
  testApp().advance(73 * hourMs);
  await moveTo(testApp(), await tokensAt(theirs), freshEmail());
  const old = await tokenOf(theirs, 'notice');
  expect(await failureOf(recovery().startUndo({ token }))).toEqual(invalid);
  await recovery().startUndo({ token: old });
  testApp().advance(48 * hourMs);
  await recovery().undoChanges({ token: await tokenOf(theirs, 'restore') });
  await moveTo(testApp(), await tokensAt(theirs), freshEmail());
  for (const before of [old, token]) {
    expect(await failureOf(recovery().startUndo({ token: before }))).toEqual(invalid);
    expect(await failureOf(recovery().freezeAccount({ token: before }))).toEqual(invalid);
  }
});

test('after a rejection the other notices of an account ask in vain', async () => {
  const user = await signUpByCode(testApp());
  const own = testApp().client(RecoveryService, bearer(user.accessToken));
  await own.changePassword({ password: 'the-owners-orbit-48' });
  const theirs = freshEmail();
  const first = await tokenOf(user.email, 'notice');
  await moveTo(testApp(), user, theirs);
  const second = await tokenOf(user.email, 'notice');
  await recovery().startUndo({ token: first });
  await recovery().rejectUndo({ token: await tokenOf(theirs, 'reject') });
  expect(await failureOf(recovery().startUndo({ token: second }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
});

test("an intruder's password makes no account one that could prove itself", async () => {
  const user = await signUpByCode(testApp());
  const own = testApp().client(RecoveryService, bearer(user.accessToken));
  await own.changePassword({ password: 'an-intruders-orbit-47' });
  testApp().advance(71 * hourMs);
  const { accessToken } = await tokensAt(user.email);
  await moveTo(testApp(), { accessToken }, freshEmail());
  testApp().advance(2 * hourMs);
  expect(
    (await recovery().startUndo({ token: await tokenOf(user.email, 'notice') })).readyTime,
  ).toBeDefined();
});

test('an address that the tenant has set is taken back by nobody', async () => {
  const { user, token } = await takenOver();
  const byKey = testApp().client(ProfileService, { 'x-api-key': testApp().dev.secret });
  const given = freshEmail();
  await byKey.editUser({ userId: user.userId, email: given });
  expect(await failureOf(recovery().startUndo({ token }))).toEqual(invalid);
});

test('a link that waits undoes no change that came after an undo', async () => {
  const { user, theirs, token } = await takenOver();
  await recovery().startUndo({ token });
  const restore = await tokenOf(user.email, 'restore');
  testApp().advance(48 * hourMs);
  const rejected = await tokenOf(theirs, 'reject');
  await recovery().undoChanges({ token: restore });
  // What the owner does later is no matter of any link of before.
  const later = freshEmail();
  await moveTo(testApp(), await tokensAt(user.email), later);
  expect(await failureOf(recovery().rejectUndo({ token: rejected }))).toEqual(invalid);
  for (const old of [restore, token])
    expect(await failureOf(recovery().undoChanges({ token: old }))).toEqual(invalid);
  expect(await userAt(later)).toBe(user.userId);
});

test('of parallel undos that have waited one wins, and the link ends seven days later', async () => {
  const { user, token } = await takenOver();
  await recovery().startUndo({ token });
  const restore = await tokenOf(user.email, 'restore');
  testApp().advance(48 * hourMs);
  const tries = await Promise.allSettled(
    Array.from({ length: 4 }, () => recovery().undoChanges({ token: restore })),
  );
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const late = await takenOver();
  await recovery().startUndo({ token: late.token });
  const itsLink = await tokenOf(late.user.email, 'restore');
  testApp().advance((48 + 7 * 24) * hourMs);
  expect(await failureOf(recovery().undoChanges({ token: itsLink }))).toEqual(invalid);
});

test('an account with a number alone gets its links by SMS', async () => {
  const mobile = freshMobile();
  const { handle, code } = await startCode(testApp(), mobile);
  const { tokens } = await testApp().client(AuthService).finishCodeSignIn({ handle, code });
  const profile = testApp().client(ProfileService, bearer(tokens?.accessToken ?? ''));
  const theirs = freshMobile();
  const [old, now] = [mobile, theirs].map((number) => `+98${number.slice(1)}`) as [string, string];
  await profile.startMobileChange({ mobile: theirs });
  await profile.confirmMobileChange({ code: (await testApp().messagesTo(now))[0]?.code ?? '' });
  await recovery().startUndo({ token: await tokenOf(old, 'notice') });
  expect((await linked(now, 'reject'))?.text).toContain('If you made them:');
  testApp().advance(48 * hourMs);
  await recovery().undoChanges({ token: await tokenOf(old, 'restore') });
  const again = await startCode(testApp(), mobile);
  expect(await testApp().client(AuthService).finishCodeSignIn(again)).toMatchObject({ isNew: false });
});

test('there is no such way where the tenant has none', async () => {
  const test = await startTestApp();
  try {
    await changePolicy(test, (policy) => ({
      ...policy,
      codeSignIn: { enabled: true, createAccounts: true },
    }));
    const user = await signUpByCode(test);
    await moveTo(test, user, freshEmail());
    const [notice] = await test.messagesTo(user.email);
    const start = test.client(RecoveryService).startUndo({ token: notice?.code ?? '' });
    expect(await failureOf(start)).toEqual(failure('FailedPrecondition', 'SIGN_IN_METHOD_DISABLED'));
  } finally {
    await test.close();
  }
});
