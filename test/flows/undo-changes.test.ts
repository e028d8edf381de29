import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import {
  bearer,
  enrolTotp,
  freshMobile,
  moveTo,
  type SignedIn,
  signUp,
  signUpByMobile,
} from '../support/journey.ts';

// The acceptance table's row about changes that are not the owner's (ASVS 6.3.7).

const testApp = useTestApp();
const intrudersPassword = 'an-intruders-orbit-47';
const hourMs = 3_600_000;
const invalid = failure('Unauthenticated', 'RECOVERY_INVALID');
const wrong = failure('Unauthenticated', 'CREDENTIALS_INVALID');

const recovery = () => testApp().client(RecoveryService);
const auth = () => testApp().client(AuthService);
const as = ({ accessToken }: SignedIn) => ({
  profile: testApp().client(ProfileService, bearer(accessToken)),
  recovery: testApp().client(RecoveryService, bearer(accessToken)),
  twoFactor: testApp().client(TwoFactorService, bearer(accessToken)),
});
const signsIn = (email: string, its: string) =>
  auth()
    .login({ email, password: its })
    .then(
      () => true,
      () => false,
    );

/** The token of the newest notice with a link to undo what it tells of. */
async function undoToken(to: string): Promise<string> {
  const [notice] = (await testApp().messagesTo(to)).filter(({ link }) => link.includes('/undo?token='));
  return notice?.code ?? '';
}

async function addMobile(user: SignedIn): Promise<string> {
  const mobile = freshMobile();
  await as(user).profile.startMobileChange({ mobile });
  const [message] = await testApp().messagesTo(`+98${mobile.slice(1)}`);
  await as(user).profile.confirmMobileChange({ code: message?.code ?? '' });
  return mobile;
}

/** An intruder in a user's session takes the account over. */
async function takenOver() {
  const user = await signUp(testApp());
  await as(user).recovery.changePassword({ currentPassword: password, password: intrudersPassword });
  const theirs = freshEmail();
  await moveTo(testApp(), user, theirs);
  const mobile = await addMobile(user);
  return { user, theirs, mobile };
}

test('an owner freezes an account that was taken over and restores it', async () => {
  const { user, theirs, mobile } = await takenOver();
  const token = await undoToken(user.email);
  await recovery().freezeAccount({ token });
  expect(await failureOf(as(user).profile.viewUser({}))).toEqual(failure('Unauthenticated', 'TOKEN_INVALID'));
  await recovery().undoChanges({ token, password });
  expect(await signsIn(user.email, password)).toBe(true);
  expect(await signsIn(user.email, intrudersPassword)).toBe(false);
  expect(await signsIn(theirs, intrudersPassword)).toBe(false);
  const byNumber = auth().login({ type: IdentifierType.MOBILE, mobile, password });
  expect(await failureOf(byNumber)).toEqual(wrong);
  // What was undone cannot be undone again, and both sides hear of it.
  expect(await failureOf(recovery().undoChanges({ token, password }))).toEqual(invalid);
  for (const told of [user.email, theirs]) {
    const subjects = (await testApp().messagesTo(told)).map(({ subject }) => subject);
    expect(subjects).toContain('Changes of your account at Dev were undone');
  }
});

test('rejects changes and recoveries by the new identifier while an account is frozen', async () => {
  const { user, theirs } = await takenOver();
  await recovery().freezeAccount({ token: await undoToken(user.email) });
  const { tokens, userId } = await auth().login({ email: theirs, password: intrudersPassword });
  const intruder = { ...user, userId, accessToken: tokens?.accessToken ?? '' };
  const change = { currentPassword: intrudersPassword, password: 'one-more-orbit-49' };
  const frozen = { ...failure('FailedPrecondition', 'ACCOUNT_FROZEN'), retryable: true };
  expect(await failureOf(as(intruder).recovery.changePassword(change))).toMatchObject(frozen);
  expect(
    await failureOf(as(intruder).profile.removeIdentifier({ type: IdentifierType.MOBILE })),
  ).toMatchObject(frozen);
  expect(await failureOf(moveTo(testApp(), intruder, freshEmail()))).toMatchObject(frozen);
  expect(await failureOf(as(intruder).profile.deleteAccount({}))).toMatchObject(frozen);
  expect(await failureOf(enrolTotp(testApp(), { ...intruder, email: theirs }))).toMatchObject(frozen);
  await recovery().recover({ email: theirs });
  const [message] = await testApp().messagesTo(theirs);
  const end = recovery().endRecovery({ token: message?.code ?? '', password: 'one-more-orbit-49' });
  expect(await failureOf(end)).toEqual(invalid);
});

test('the holder of a mailbox that the owner has left gets nothing', async () => {
  const user = await signUp(testApp());
  const own = freshEmail();
  await moveTo(testApp(), user, own);
  const token = await undoToken(user.email);
  await recovery().freezeAccount({ token });
  for (let time = 0; time < 5; time += 1)
    expect(await failureOf(recovery().undoChanges({ token, password: `a-guessed-orbit-${time}` }))).toEqual(
      wrong,
    );
  expect(await failureOf(recovery().undoChanges({ token, password }))).toEqual(invalid);
  expect(await failureOf(recovery().undoChanges({ token }))).toMatchObject({ reason: 'REQUEST_INVALID' });
  expect(await signsIn(own, password)).toBe(true);
  expect(await signsIn(user.email, password)).toBe(false);
});

test('an authenticator app from before the change restores the account, and a later one does not', async () => {
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  testApp().advance(60_000);
  await as(user).recovery.changePassword({ currentPassword: password, password: intrudersPassword });
  const token = await undoToken(user.email);
  await recovery().undoChanges({ token, code: user.totp() });
  expect(await failureOf(auth().login({ email: user.email, password: intrudersPassword }))).toEqual(wrong);
  expect((await auth().login({ email: user.email, password })).twoFactor).toBeDefined();

  const other = await signUp(testApp());
  await as(other).recovery.changePassword({ currentPassword: password, password: intrudersPassword });
  testApp().advance(60_000);
  const enrolled = await enrolTotp(testApp(), other);
  testApp().advance(60_000);
  const code = enrolled.totp();
  expect(await failureOf(recovery().undoChanges({ token: await undoToken(other.email), code }))).toEqual(
    wrong,
  );
});

test('an undo is possible for 72 hours, and as long as a freeze lasts', async () => {
  const early = await signUp(testApp());
  await moveTo(testApp(), early, freshEmail());
  const late = await signUp(testApp());
  await moveTo(testApp(), late, freshEmail());
  const [first, second] = [await undoToken(early.email), await undoToken(late.email)];
  testApp().advance(71 * hourMs);
  await recovery().freezeAccount({ token: second });
  testApp().advance(2 * hourMs);
  expect(await failureOf(recovery().freezeAccount({ token: first }))).toEqual(invalid);
  expect(await failureOf(recovery().undoChanges({ token: first, password }))).toEqual(invalid);
  await recovery().undoChanges({ token: second, password });
  expect(await signsIn(late.email, password)).toBe(true);
});

test('an account with a number alone gets the link by SMS', async () => {
  const user = await signUpByMobile(testApp());
  const number = `+98${user.mobile.slice(1)}`;
  await as(user).recovery.changePassword({ currentPassword: password, password: intrudersPassword });
  const [notice] = await testApp().messagesTo(number);
  expect(notice?.text).toContain('/undo?token=');
  await recovery().undoChanges({ token: notice?.code ?? '', password });
  const { tokens } = await auth().login({ mobile: user.mobile, password });
  expect(tokens?.accessToken).not.toBe('');
});

test('an identifier that another user has proved since stays theirs', async () => {
  const user = await signUp(testApp());
  const own = freshEmail();
  await moveTo(testApp(), user, own);
  const token = await undoToken(user.email);
  await auth().register({ email: user.email, password: 'a-second-orbit-50' });
  const [message] = await testApp().messagesTo(user.email);
  await auth().confirmEmail({ cnf: message?.code ?? '' });
  expect(await failureOf(recovery().undoChanges({ token, password }))).toEqual(invalid);
  expect(await signsIn(user.email, 'a-second-orbit-50')).toBe(true);
  expect(await signsIn(own, password)).toBe(true);
});

test('an unproved claim does not keep the owner from the old address', async () => {
  const user = await signUp(testApp());
  await moveTo(testApp(), user, freshEmail());
  const token = await undoToken(user.email);
  await auth().register({ email: user.email, password: 'a-second-orbit-50' });
  await recovery().undoChanges({ token, password });
  expect(await signsIn(user.email, password)).toBe(true);
});

test('of parallel undos one wins, and ten GETs of the link change nothing', async () => {
  const user = await signUp(testApp());
  await moveTo(testApp(), user, freshEmail());
  const token = await undoToken(user.email);
  for (let time = 0; time < 10; time += 1)
    expect((await fetch(`${testApp().url}/account/dev/undo?token=${token}`)).status).toBe(200);
  const tries = Array.from({ length: 4 }, () =>
    recovery()
      .undoChanges({ token, password })
      .then(
        () => 'undone',
        () => 'refused',
      ),
  );
  expect((await Promise.all(tries)).filter((end) => end === 'undone')).toHaveLength(1);
  expect(await signsIn(user.email, password)).toBe(true);
});

test('a link that went to an address which came with the changes undoes nothing', async () => {
  const user = await signUpByMobile(testApp());
  const theirs = freshEmail();
  await moveTo(testApp(), user, theirs);
  await as(user).recovery.changePassword({ currentPassword: password, password: intrudersPassword });
  const token = await undoToken(theirs);
  expect(token).not.toBe('');
  // Whether the owner has recovered the account since, or not.
  expect(await failureOf(recovery().undoChanges({ token, password }))).toEqual(invalid);
  const { handle } = await recovery().recover({ mobile: user.mobile, withHandle: true });
  const [message] = await testApp().messagesTo(`+98${user.mobile.slice(1)}`);
  const owners = { mobile: user.mobile, token: message?.code ?? '', password: 'the-owners-orbit-48' };
  await recovery().endRecovery({ ...owners, ...(handle !== undefined && { handle }) });
  expect(await failureOf(recovery().undoChanges({ token, password }))).toEqual(invalid);
  expect(await failureOf(recovery().freezeAccount({ token }))).toEqual(invalid);
  expect(await signsIn(theirs, password)).toBe(false);
  const { tokens } = await auth().login({ mobile: user.mobile, password: 'the-owners-orbit-48' });
  expect(tokens?.accessToken).not.toBe('');
});

test.each([false, true])(
  'a report from an address that an intruder has put in takes no undo away, frozen: %s',
  async (isFrozen) => {
    const user = await signUp(testApp());
    const theirs = freshEmail();
    await moveTo(testApp(), user, theirs);
    const token = await undoToken(user.email);
    const signIn = await fetch(`${testApp().url}/auth/login`, {
      method: 'POST',
      headers: {
        apieco_key: testApp().dev.publishable,
        'content-type': 'application/json',
        'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
      },
      body: JSON.stringify({ email: theirs, password }),
    });
    expect(signIn.status).toBe(200);
    const [notice] = (await testApp().messagesTo(theirs)).filter(({ link }) =>
      link.includes('/report?token='),
    );
    if (isFrozen) await recovery().freezeAccount({ token });
    const report = recovery().reportSignIn({ token: notice?.code ?? '' });
    if (isFrozen) expect(await failureOf(report)).toEqual(invalid);
    else await report;
    await recovery().undoChanges({ token, password });
    expect(await signsIn(user.email, password)).toBe(true);
    expect(await signsIn(theirs, password)).toBe(false);
  },
);
