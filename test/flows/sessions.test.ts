import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { freshEmail, password, startTestApp, type TestApp, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { changePolicy } from '../support/federation.ts';
import { bearer, type SignedIn, signUp } from '../support/journey.ts';

const testApp = useTestApp();
const invalid = failure('Unauthenticated', 'TOKEN_INVALID');
const dayMs = 86_400_000;

const auth = (app: TestApp = testApp()) => app.client(AuthService);
const refresh = async (refreshToken: string) => (await auth().refreshToken({ refreshToken })).tokens;
const view = (token = '') => testApp().client(ProfileService, bearer(token)).viewUser({});
const own = ({ accessToken }: { accessToken: string }) => testApp().client(AuthService, bearer(accessToken));

test('a refresh token is valid once, and its successor opens the same session', async () => {
  const user = await signUp(testApp());
  const next = await refresh(user.refreshToken);
  expect(next).toMatchObject({ tokenType: 'Bearer', expiresIn: 600 });
  expect(next?.refreshToken).not.toBe(user.refreshToken);
  expect((await view(next?.accessToken)).user?.userId).toBe(user.userId);
});

test('50 parallel refreshes have one successor, and the session lives', async () => {
  const user = await signUp(testApp());
  const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(user.refreshToken)));
  const successors = new Set(answers.map((tokens) => tokens?.refreshToken));
  expect(successors.size).toBe(1);
  expect(await refresh([...successors][0] ?? '')).toMatchObject({ tokenType: 'Bearer' });
});

test('a lost answer can be had again within 10 s, and mints nothing new', async () => {
  const user = await signUp(testApp());
  const first = await refresh(user.refreshToken);
  testApp().advance(5000);
  const again = await refresh(user.refreshToken);
  expect(again?.refreshToken).toBe(first?.refreshToken);
});

test('the predecessor after the grace ends the session', async () => {
  const user = await signUp(testApp());
  const next = await refresh(user.refreshToken);
  testApp().advance(10_001);
  expect(await failureOf(refresh(user.refreshToken))).toEqual(invalid);
  expect(await failureOf(refresh(next?.refreshToken ?? ''))).toEqual(invalid);
  expect(await failureOf(view(next?.accessToken))).toEqual(invalid);
});

test('the grandparent inside the grace ends the session, and the audit log says so', async () => {
  const user = await signUp(testApp());
  const second = await refresh(user.refreshToken);
  const third = await refresh(second?.refreshToken ?? '');
  expect(await failureOf(refresh(user.refreshToken))).toEqual(invalid);
  expect(await failureOf(refresh(third?.refreshToken ?? ''))).toEqual(invalid);
  const rows = await testApp().sql(
    "SELECT type, outcome, reason FROM events WHERE user_id = UNHEX(REPLACE(?, '-', '')) ORDER BY id DESC LIMIT 1",
    [user.userId],
  );
  expect(rows.map((row) => `${row['type']} ${row['outcome']} ${row['reason']}`)).toEqual([
    'session.reuse_detected failure TOKEN_INVALID',
  ]);
});

test('a forged refresh token is rejected and does not harm the session', async () => {
  const user = await signUp(testApp());
  const bytes = Buffer.from(user.refreshToken, 'base64url');
  for (const at of [0, 17, 20, 51]) {
    const forged = Buffer.from(bytes);
    forged[at] = (forged[at] ?? 0) ^ 1;
    expect(await failureOf(refresh(forged.toString('base64url')))).toEqual(invalid);
  }
  for (const text of ['', 'x', user.refreshToken.slice(0, -1), `${user.refreshToken}=`, user.accessToken]) {
    expect(await failureOf(refresh(text))).toEqual(invalid);
  }
  const theirs = testApp().client(AuthService, { apieco_key: testApp().manam.publishable });
  expect(await failureOf(theirs.refreshToken({ refreshToken: user.refreshToken }))).toEqual(invalid);
  expect(await refresh(user.refreshToken)).toMatchObject({ tokenType: 'Bearer' });
});

test('a session ends after 7 days without use, and after 30 days with it', async () => {
  const app = await startTestApp();
  const idle = await signUp(app);
  app.advance(7 * dayMs + 1);
  expect(await failureOf(auth(app).refreshToken({ refreshToken: idle.refreshToken }))).toEqual(invalid);

  let { refreshToken } = await signUp(app);
  for (let day = 6; day <= 24; day += 6) {
    app.advance(6 * dayMs);
    refreshToken = (await auth(app).refreshToken({ refreshToken })).tokens?.refreshToken ?? '';
  }
  app.advance(6 * dayMs + 1);
  expect(await failureOf(auth(app).refreshToken({ refreshToken }))).toEqual(invalid);
  await app.close();
});

test('a user sees their sessions and ends this one, another one, or all others', async () => {
  const { client } = testApp();
  const first = await signUp(testApp());
  const login = async () => (await client(AuthService).login({ email: first.email, password })).tokens;
  const [second, third] = [await login(), await login()];

  const { sessions } = await own(first).listSessions({});
  expect(sessions.map(({ current }) => current)).toEqual([false, false, true]);
  const [newest] = sessions;
  await own(first).revokeSession({ sessionId: newest?.sessionId ?? '' });
  expect(await failureOf(view(third?.accessToken))).toEqual(invalid);
  expect(await failureOf(own(first).revokeSession({ sessionId: newest?.sessionId ?? '' }))).toEqual(
    failure('NotFound', 'NOT_FOUND'),
  );

  expect(await own(first).revokeOtherSessions({})).toMatchObject({ revoked: 1 });
  expect(await failureOf(view(second?.accessToken))).toEqual(invalid);
  await own(first).logout({});
  expect(await failureOf(view(first.accessToken))).toEqual(invalid);
});

test('no one ends a session of someone else', async () => {
  const [mine, theirs] = [await signUp(testApp()), await signUp(testApp())];
  const { sessions } = await own(theirs).listSessions({});
  for (const sessionId of [sessions[0]?.sessionId ?? '', 'x', '']) {
    expect(await failureOf(own(mine).revokeSession({ sessionId }))).toEqual(failure('NotFound', 'NOT_FOUND'));
  }
  await view(theirs.accessToken);
});

test('a user has at most 50 sessions: the oldest ends for one more', async () => {
  const user = await signUp(testApp());
  const { client } = testApp();
  for (let count = 0; count < 50; count += 1)
    await client(AuthService).login({ email: user.email, password });
  const last = await client(AuthService).login({ email: user.email, password });
  const { sessions } = await own({ accessToken: last.tokens?.accessToken ?? '' }).listSessions({});
  expect(sessions).toHaveLength(50);
  expect(await failureOf(view(user.accessToken))).toEqual(invalid);
});

/** The tokens that each event invalidates (R19). */
const events: Record<string, (user: SignedIn) => Promise<unknown>> = {
  logout: (user) => own(user).logout({}),
  'the end of all others, from another session': async (user) => {
    const { tokens } = await auth().login({ email: user.email, password });
    await own({ accessToken: tokens?.accessToken ?? '' }).revokeOtherSessions({});
  },
  'the user being disabled': (user) =>
    testApp().sql("UPDATE users SET status = 'disabled' WHERE id = UNHEX(REPLACE(?, '-', ''))", [
      user.userId,
    ]),
  'the address losing its confirmation': (user) =>
    testApp().sql('UPDATE identifiers SET confirmed_at = NULL WHERE canonical = ?', [user.email]),
  'the user being deleted': (user) =>
    testApp().sql("DELETE FROM users WHERE id = UNHEX(REPLACE(?, '-', ''))", [user.userId]),
};
const uses: Record<string, (user: SignedIn) => Promise<unknown>> = {
  'access token': ({ accessToken }) => view(accessToken),
  'refresh token': ({ refreshToken }) => refresh(refreshToken),
};
for (const [event, happen] of Object.entries(events)) {
  for (const [kind, use] of Object.entries(uses)) {
    test(`${event} ends the ${kind} at once, on every instance`, async () => {
      const user = await signUp(testApp());
      await view(user.accessToken);
      await happen(user);
      expect(await failureOf(use(user))).toEqual(invalid);
    });
  }
}

test('an instance learns at once of what another one has ended', async () => {
  const sibling = await startTestApp({ sibling: testApp() });
  const user = await signUp(testApp());
  await own(user).logout({});
  expect(await failureOf(sibling.client(ProfileService, bearer(user.accessToken)).viewUser({}))).toEqual(
    invalid,
  );
  await sibling.close();
});

test('Reauthenticate renews the session with the password, and a wrong one counts as a failed sign-in', async () => {
  const user = await signUp(testApp());
  expect(await failureOf(own(user).reauthenticate({ password: 'wrong-password-47' }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
  const { tokens } = await own(user).reauthenticate({ password });
  await view(tokens?.accessToken);
  for (let count = 0; count < 5; count += 1)
    await failureOf(own(user).reauthenticate({ password: 'wrong-password-47' }));
  expect(await failureOf(own(user).reauthenticate({ password }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
  expect(await failureOf(auth().login({ email: user.email, password }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
});

test('what the contract calls fresh needs an authentication of the last five minutes', async () => {
  const { client, advance } = testApp();
  const user = await signUp(testApp());
  const profile = (token: string) => client(ProfileService, bearer(token));
  const start = (token: string) => profile(token).startEmailChange({ email: freshEmail() });
  await start(user.accessToken);
  advance(300_001);
  expect(await failureOf(start(user.accessToken))).toEqual({
    ...failure('FailedPrecondition', 'REAUTHENTICATION_REQUIRED'),
    missingStep: 'manam.v1.AuthService/Reauthenticate',
  });
  const { tokens } = await own(user).reauthenticate({ password });
  await start(tokens?.accessToken ?? '');
});

test('introspection describes a live token and reports any other as inactive', async () => {
  const { client, dev, manam } = testApp();
  const user = await signUp(testApp());
  const secret = client(AuthService, { apieco_key: dev.secret });
  expect(await secret.introspectToken({ token: user.accessToken })).toMatchObject({
    active: true,
    sub: user.userId,
    tokenType: 'access_token',
    amr: ['pwd'],
  });
  const next = await refresh(user.refreshToken);
  expect(await secret.introspectToken({ token: next?.refreshToken ?? '' })).toMatchObject({
    active: true,
    tokenType: 'refresh_token',
  });

  const dead = { active: false, sub: '', sessionId: '', exp: 0 };
  for (const token of [user.refreshToken, 'x', `${user.accessToken}x`]) {
    expect(await secret.introspectToken({ token })).toMatchObject(dead);
  }
  const theirs = client(AuthService, { apieco_key: manam.secret });
  for (const token of [user.accessToken, next?.refreshToken ?? '']) {
    expect(await theirs.introspectToken({ token })).toMatchObject(dead);
  }
  await own(user).logout({});
  expect(await secret.introspectToken({ token: user.accessToken })).toMatchObject(dead);
  expect(await failureOf(auth().introspectToken({ token: user.accessToken }))).toEqual(
    failure('PermissionDenied', 'SECRET_KEY_REQUIRED'),
  );
});

test('a session lives as long as the policy says, and longer for who asked to stay signed in', async () => {
  const app = await startTestApp();
  const day = 1440;
  await changePolicy(app, (policy) => ({
    ...policy,
    sessions: {
      idleMinutes: day,
      absoluteMinutes: 2 * day,
      remembered: { idleMinutes: 10 * day, absoluteMinutes: 20 * day },
    },
  }));
  const { email } = await signUp(app);
  const login = async (remember: boolean) =>
    (await app.client(AuthService).login({ email, password, remember })).tokens?.refreshToken ?? '';
  const [short, long] = [await login(false), await login(true)];
  const refresh = async (refreshToken: string) =>
    (await app.client(AuthService).refreshToken({ refreshToken })).tokens?.refreshToken ?? '';
  const invalid = failure('Unauthenticated', 'TOKEN_INVALID');
  app.advance(25 * 3_600_000);
  expect(await failureOf(refresh(short))).toEqual(invalid);
  let renewed = await refresh(long);
  app.advance(9 * 86_400_000);
  renewed = await refresh(renewed);
  app.advance(9 * 86_400_000);
  renewed = await refresh(renewed);
  app.advance(2 * 86_400_000);
  expect(await failureOf(refresh(renewed))).toEqual(invalid);
  await app.close();
});
