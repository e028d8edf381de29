import { beforeAll, expect, test } from 'vitest';
import { UserState } from '../../gen/manam/admin/v1/admin_service_pb.js';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { type Admin, connectAdmin, makeTenant } from '../support/admin.ts';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { bearer, enrolTotp, register, signUp, signUpByMobile } from '../support/journey.ts';

const testApp = useTestApp({ config: { admin: { host: '127.0.0.1', port: 0 } } });
const tenant = 'dev';
let admin: Admin;
beforeAll(async () => {
  admin = await connectAdmin(testApp());
});

test('finds a user by id, address and number, within their tenant only', async () => {
  const user = await signUp(testApp());
  const byMobile = await signUpByMobile(testApp());
  for (const name of [user.userId, user.email, user.email.toUpperCase()]) {
    expect((await admin.getUser({ tenant, user: name })).user).toMatchObject({
      userId: user.userId,
      email: user.email,
      emailConfirmed: true,
      state: UserState.ACTIVE,
      firstName: 'Sara',
    });
  }
  expect((await admin.getUser({ tenant, user: byMobile.mobile })).user?.userId).toBe(byMobile.userId);
  for (const user of [byMobile.userId, byMobile.mobile, 'nobody@example.com', 'nonsense', '']) {
    expect(await failureOf(admin.getUser({ tenant: 'manam', user })), user).toEqual(
      failure('NotFound', 'NOT_FOUND'),
    );
  }
});

test('searches users by the beginning of an address, page by page, without wildcards', async () => {
  const { publishable } = await makeTenant(admin, 'searched');
  const key = { apieco_key: publishable.text };
  const emails = ['anna@x.example', 'anne@x.example', 'an_e@x.example', 'bob@x.example'];
  for (const email of emails) await register(testApp(), email, key);
  const search = async (query: string) => {
    const found: string[] = [];
    let pageToken = '';
    do {
      const page = await admin.searchUsers({ tenant: 'searched', query, pageSize: 2, pageToken });
      found.push(...page.users.map(({ email }) => email));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    return found;
  };
  expect(await search('')).toEqual(emails);
  expect(await search('ANN')).toEqual(['anna@x.example', 'anne@x.example']);
  expect(await search('an_')).toEqual(['an_e@x.example']);
  expect(await search('%')).toEqual([]);
  const first = await admin.searchUsers({ tenant: 'searched', query: 'an', pageSize: 1 });
  const stolen = { tenant: 'dev', query: 'an', pageToken: first.nextPageToken };
  expect(await failureOf(admin.searchUsers(stolen))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { page_token: 'FIELD_INVALID' }),
  );
});

test('an operator confirms, and the user can sign in', async () => {
  const email = freshEmail();
  await register(testApp(), email);
  const { user } = await admin.confirmUser({ tenant, user: email });
  expect(user?.emailConfirmed).toBe(true);
  expect((await testApp().client(AuthService).login({ email, password })).userId).toBe(user?.userId);
});

test('a disabled user loses access at once until enabled', async () => {
  const { email, accessToken, refreshToken } = await signUp(testApp());
  const auth = testApp().client(AuthService);
  expect((await admin.disableUser({ tenant, user: email })).user?.state).toBe(UserState.DISABLED);
  const view = () => testApp().client(ProfileService, bearer(accessToken)).viewUser({});
  const dead = failure('Unauthenticated', 'TOKEN_INVALID');
  expect(await failureOf(view())).toEqual(dead);
  expect(await failureOf(auth.refreshToken({ refreshToken }))).toEqual(dead);
  expect(await failureOf(auth.login({ email, password }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
  expect((await admin.enableUser({ tenant, user: email })).user?.state).toBe(UserState.ACTIVE);
  expect((await auth.login({ email, password })).tokens?.accessToken).not.toBe('');
  expect(await failureOf(view())).toEqual(dead);
});

test('deletes a user with every row, notifies them, and lets them register again', async () => {
  const { email, userId, accessToken } = await signUp(testApp());
  await admin.deleteUser({ tenant, user: email });
  expect(await failureOf(admin.getUser({ tenant, user: userId }))).toEqual(failure('NotFound', 'NOT_FOUND'));
  expect(await failureOf(testApp().client(ProfileService, bearer(accessToken)).viewUser({}))).toEqual(
    failure('Unauthenticated', 'TOKEN_INVALID'),
  );
  const [notice] = await testApp().messagesTo(email);
  expect(notice?.subject).toContain('deleted');
  await register(testApp(), email);
  expect((await admin.getUser({ tenant, user: email })).user?.userId).not.toBe(userId);
});

test('roles are those that the tenant declares, and the user’s permissions follow', async () => {
  const { email, accessToken } = await signUp(testApp());
  const { user } = await admin.setUserRoles({ tenant, user: email, roles: ['admin', 'user'] });
  expect(user?.roles).toEqual(['admin', 'user']);
  const view = await testApp().client(ProfileService, bearer(accessToken)).viewUser({});
  expect(view.user?.permissions).toEqual(['users.read', 'users.write']);
  expect(await failureOf(admin.setUserRoles({ tenant, user: email, roles: ['king'] }))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { roles: 'ROLE_UNKNOWN' }),
  );
  expect((await admin.setUserRoles({ tenant, user: email })).user?.roles).toEqual([]);
});

test('creates a user, who sets a password, and ends one session or all of them', async () => {
  const email = freshEmail();
  const { user } = await admin.createUser({ tenant, email, firstName: 'Leila' });
  expect(user).toMatchObject({ email, emailConfirmed: false, firstName: 'Leila' });
  expect(await failureOf(admin.createUser({ tenant, email }))).toEqual(
    failure('AlreadyExists', 'IDENTIFIER_TAKEN'),
  );

  const signedIn = await signUp(testApp());
  const auth = testApp().client(AuthService);
  await auth.login({ email: signedIn.email, password });
  const of = { tenant, user: signedIn.email };
  const { sessions } = await admin.listUserSessions(of);
  expect(sessions).toHaveLength(2);
  expect(await admin.endUserSessions({ ...of, sessionId: sessions[0]?.sessionId ?? '' })).toMatchObject({
    ended: 1,
  });
  expect(await admin.endUserSessions(of)).toMatchObject({ ended: 1 });
  expect((await admin.listUserSessions(of)).sessions).toEqual([]);
});

test('resets the second factors of a user, who signs in without them', async () => {
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  const of = { tenant, user: user.email };
  expect((await admin.getUserFactors(of)).recoveryCodesLeft).toBe(10);
  await admin.resetUserFactors(of);
  expect(await admin.getUserFactors(of)).toMatchObject({ recoveryCodesLeft: 0 });
  const { twoFactor, userId } = await testApp().client(AuthService).login({ email: user.email, password });
  expect([twoFactor, userId]).toEqual([undefined, user.userId]);
});
