import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { EventService } from '../../gen/manam/v1/event_service_pb.js';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { AccessTokenError, createAccessTokenVerifier } from '../../src/clients/verify.ts';
import { maxSessions } from '../../src/domain/session.ts';
import { password, useTestApp } from '../support/app.ts';
import { failureOf } from '../support/errors.ts';
import { bearer, enrolTotp, signUp } from '../support/journey.ts';
import { makeMember } from '../support/members.ts';

const testApp = useTestApp();
const reason = 'ticket 4711';

/** A token by which support looks at an account. */
async function impersonate(userId: string) {
  const support = await makeMember(testApp(), 'support');
  const client = testApp().client(ManagementService, support.headers);
  return { support, ...(await client.impersonateUser({ userId, reason })) };
}

test('support looks at an account, also of a user with a second factor, and changes nothing', async () => {
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  const { accessToken, expiresIn } = await impersonate(user.userId);
  expect(expiresIn).toBe(600);
  const headers = bearer(accessToken);
  const profile = testApp().client(ProfileService, headers);
  expect((await profile.viewUser({})).user?.email).toBe(user.email);
  const denied = { code: 'PermissionDenied', reason: 'IMPERSONATION_DENIED' };
  expect(await failureOf(profile.editUser({ firstName: 'X' }))).toMatchObject(denied);
  expect(await failureOf(profile.startEmailChange({ email: 'x@example.com' }))).toMatchObject(denied);
  expect(await failureOf(profile.deleteAccount({}))).toMatchObject(denied);
  const auth = testApp().client(AuthService, headers);
  expect(await failureOf(auth.reauthenticate({ password }))).toMatchObject(denied);
  expect(await failureOf(auth.revokeOtherSessions({}))).toMatchObject(denied);
});

test('the user reads it in the history with its reason, and the tenant who it was', async () => {
  const user = await signUp(testApp());
  const { support, accessToken } = await impersonate(user.userId);
  const { events } = await testApp().client(EventService, bearer(user.accessToken)).listMyEvents({});
  const told = events.find(({ type }) => type === 'user.impersonated');
  expect(told).toMatchObject({
    text: 'Support looked at your account as you see it.',
    address: '',
    details: { reason, member: support.userId },
  });
  await testApp().client(AuthService, bearer(accessToken)).logout({});
  const sessions = await testApp().client(AuthService, bearer(user.accessToken)).listSessions({});
  expect(sessions.sessions).toHaveLength(1);
});

test('the token says who acts, to verifiers and by introspection, and ends with its session', async () => {
  const user = await signUp(testApp());
  const { support, accessToken } = await impersonate(user.userId);
  const { dev } = testApp();
  const tenant = await testApp().app.store.tenants.findBySlug('dev');
  const options = {
    issuer: testApp().issuer,
    tenantId: tenant?.id ?? '',
    jwksUrl: `${testApp().url}/.well-known/jwks.json`,
    now: testApp().now,
  };
  const verify = createAccessTokenVerifier({ ...options, acceptActing: true });
  await expect(createAccessTokenVerifier(options)(accessToken)).rejects.toThrow(AccessTokenError);
  expect(await verify(accessToken)).toMatchObject({ userId: user.userId, actorId: support.userId });
  expect(await verify(user.accessToken)).not.toHaveProperty('actorId');
  const introspect = async () =>
    await testApp().client(AuthService, { 'x-api-key': dev.secret }).introspectToken({ token: accessToken });
  expect(await introspect()).toMatchObject({ active: true, act: { sub: support.userId }, amr: [] });
  testApp().advance(661_000);
  expect(await introspect()).toMatchObject({ active: false });
});

test('it needs a reason, a user who could sign in, and a role that may', async () => {
  const support = await makeMember(testApp(), 'support');
  const developer = await makeMember(testApp(), 'developer');
  const client = testApp().client(ManagementService, support.headers);
  const { userId } = await signUp(testApp());
  for (const wrong of ['', '  ', 'x'.repeat(201), 'a\u0007b'])
    expect(await failureOf(client.impersonateUser({ userId, reason: wrong }))).toMatchObject({
      reason: 'REQUEST_INVALID',
    });
  expect(
    await failureOf(
      testApp().client(ManagementService, developer.headers).impersonateUser({ userId, reason }),
    ),
  ).toMatchObject({ reason: 'MEMBER_ROLE_REQUIRED' });
  const byKey = testApp().client(ManagementService, { 'x-api-key': testApp().dev.secret });
  await byKey.disableUser({ userId });
  expect(await failureOf(client.impersonateUser({ userId, reason }))).toMatchObject({ reason: 'NOT_FOUND' });
});

test('an impersonation ends when its member is disabled or joins again', async () => {
  const user = await signUp(testApp());
  const { support, accessToken } = await impersonate(user.userId);
  const { app, client, dev } = testApp();
  const view = () => failureOf(client(ProfileService, bearer(accessToken)).viewUser({}));
  const introspect = async () =>
    (await client(AuthService, { 'x-api-key': dev.secret }).introspectToken({ token: accessToken })).active;
  const [tenant, home] = [
    await app.store.tenants.findBySlug('dev'),
    await app.store.tenants.findBySlug('manam'),
  ];
  const [tenantId, manamId] = [tenant?.id ?? '', home?.id ?? ''];
  expect(await introspect()).toBe(true);
  await app.store.users.setStatus(manamId, support.userId, 'disabled');
  expect(await view()).toMatchObject({ reason: 'TOKEN_INVALID' });
  expect(await introspect()).toBe(false);
  await app.store.users.setStatus(manamId, support.userId, 'active');
  expect(await introspect()).toBe(true);
  await app.store.members.delete(tenantId, support.userId);
  const createdAt = new Date(testApp().now().getTime() + 2000);
  await app.store.members.insert({ tenantId, userId: support.userId, role: 'support', createdAt });
  expect(await view()).toMatchObject({ reason: 'TOKEN_INVALID' });
  expect(await introspect()).toBe(false);
});

test('impersonations push out none of the user’s own sessions', async () => {
  const user = await signUp(testApp());
  const support = await makeMember(testApp(), 'support');
  const client = testApp().client(ManagementService, support.headers);
  for (let count = 0; count < maxSessions; count += 1)
    await client.impersonateUser({ userId: user.userId, reason });
  await testApp().client(AuthService).login({ email: user.email, password });
  const shown = await testApp().client(ProfileService, bearer(user.accessToken)).viewUser({});
  expect(shown.user?.email).toBe(user.email);
});

test('everything that ends the sessions of a user ends it', async () => {
  const user = await signUp(testApp());
  const { accessToken } = await impersonate(user.userId);
  await testApp().client(AuthService, bearer(user.accessToken)).revokeOtherSessions({});
  expect(await failureOf(testApp().client(ProfileService, bearer(accessToken)).viewUser({}))).toMatchObject({
    reason: 'TOKEN_INVALID',
  });
});
