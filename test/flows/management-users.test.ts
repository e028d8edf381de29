import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { failureOf } from '../support/errors.ts';
import { bearer, enrolTotp, freshMobile, signUp } from '../support/journey.ts';
import { makeMember } from '../support/members.ts';
import { tampered } from '../support/tampered.ts';

const testApp = useTestApp();
const byKey = () => testApp().client(ManagementService, { 'x-api-key': testApp().dev.secret });
const by = (member: { readonly headers: Record<string, string> }) =>
  testApp().client(ManagementService, member.headers);

/** The events of a type, with their details. */
async function eventsOf(type: string) {
  const rows = await testApp().sql('SELECT details, key_id FROM events WHERE type = ?', [type]);
  return rows.map(({ details, key_id: keyId }) => ({ details: JSON.parse(String(details)), keyId }));
}

test('a key makes a user, who proves the address and sets a password by the messages', async () => {
  const email = freshEmail();
  const { user } = await byKey().createUser({
    email,
    firstName: 'Sara',
    lastName: 'Ahmadi',
    roles: ['user'],
  });
  expect(user).toMatchObject({
    email,
    emailConfirmed: false,
    firstName: 'Sara',
    roles: ['user'],
    state: 'active',
    origin: 'back-end',
  });
  const [message] = await testApp().messagesTo(email);
  await testApp()
    .client(AuthService)
    .confirmEmail({ cnf: message?.code ?? '' });
  const found = await byKey().getUser({ userId: user?.userId ?? '' });
  expect(found.user?.emailConfirmed).toBe(true);
  expect(found.authenticators).toMatchObject({ password: false, passkeys: 0, totp: false });
  expect(found.profile?.lastName).toBe('Ahmadi');
});

test('the same idempotency key makes one user', async () => {
  const request = { email: freshEmail(), silent: true };
  const headers = { 'x-api-key': testApp().dev.secret, 'idempotency-key': 'make-sara' };
  const client = testApp().client(ManagementService, headers);
  const [first, second] = [await client.createUser(request), await client.createUser(request)];
  expect(second.user?.userId).toBe(first.user?.userId);
  expect(await failureOf(client.createUser({ ...request, firstName: 'Other' }))).toMatchObject({
    reason: 'IDEMPOTENCY_KEY_REUSED',
  });
  expect(await failureOf(byKey().createUser(request))).toMatchObject({ reason: 'IDENTIFIER_TAKEN' });
});

test('a key vouches for an address only with the scope of credentials', async () => {
  const text = await testApp().createKey('secret', ['users.write', 'users.read']);
  const client = testApp().client(ManagementService, { 'x-api-key': text });
  expect(await failureOf(client.createUser({ email: freshEmail(), confirmed: true }))).toMatchObject({
    code: 'PermissionDenied',
    reason: 'SCOPE_REQUIRED',
  });
  const { user } = await byKey().createUser({ email: freshEmail(), confirmed: true, silent: true });
  expect(user?.emailConfirmed).toBe(true);
});

test('support invites a user, who has no role and a message to prove the address', async () => {
  const support = await makeMember(testApp(), 'support');
  const email = freshEmail();
  const { user } = await by(support).inviteUser({ email });
  expect(user).toMatchObject({ email, emailConfirmed: false, roles: [] });
  expect(await testApp().messagesTo(email)).toHaveLength(1);
  expect(await eventsOf('user.created')).toContainEqual({
    details: { member: support.userId },
    keyId: null,
  });
  expect(await failureOf(by(support).createUser({ email: freshEmail() }))).toMatchObject({
    reason: 'MEMBER_ROLE_REQUIRED',
  });
});

test('an update changes the fields of its mask and no other, also to nothing', async () => {
  const { user } = await byKey().createUser({
    email: freshEmail(),
    firstName: 'A',
    lastName: 'B',
    silent: true,
  });
  const userId = user?.userId ?? '';
  const updated = await byKey().updateUser({
    userId,
    updateMask: { paths: ['first_name', 'roles', 'postal_code'] },
    firstName: 'C',
    lastName: 'ignored',
    roles: ['admin'],
    postalCode: '12345',
  });
  expect(updated.user).toMatchObject({ firstName: 'C', lastName: 'B', roles: ['admin'] });
  const cleared = await byKey().updateUser({ userId, updateMask: { paths: ['last_name', 'roles'] } });
  expect(cleared.user).toMatchObject({ firstName: 'C', lastName: '', roles: [] });
  const unmasked = await byKey().updateUser({ userId, lastName: 'D' });
  expect(unmasked.user).toMatchObject({ firstName: 'C', lastName: 'D' });
  expect((await byKey().getUser({ userId })).profile?.postalCode).toBe('12345');
  // A mask that names nothing is as none.
  const renamed = await byKey().updateUser({ userId, firstName: 'Mina', updateMask: { paths: [] } });
  expect(renamed.user?.firstName).toBe('Mina');
  expect(await failureOf(byKey().updateUser({ userId, updateMask: { paths: ['password'] } }))).toMatchObject({
    reason: 'REQUEST_INVALID',
    fields: { update_mask: 'FIELD_INVALID' },
  });
  expect(await failureOf(byKey().updateUser({ userId, roles: ['king'] }))).toMatchObject({
    fields: { roles: 'ROLE_UNKNOWN' },
  });
});

test('another address ends the sessions of the user and is unconfirmed', async () => {
  const user = await signUp(testApp());
  const email = freshEmail();
  const updated = await byKey().updateUser({ userId: user.userId, email });
  expect(updated.user).toMatchObject({ email, emailConfirmed: false });
  const { sessions } = await byKey().listUserSessions({ userId: user.userId });
  expect(sessions).toEqual([]);
});

test('a user is disabled, cannot sign in, and is enabled again', async () => {
  const admin = await makeMember(testApp(), 'admin');
  const { userId, email } = await signUp(testApp());
  expect((await by(admin).disableUser({ userId })).user?.state).toBe('disabled');
  expect(await failureOf(testApp().client(AuthService).login({ email, password }))).toMatchObject({
    reason: 'CREDENTIALS_INVALID',
  });
  expect((await by(admin).enableUser({ userId })).user?.state).toBe('active');
  expect((await testApp().client(AuthService).login({ email, password })).userId).toBe(userId);
});

test('a password that is set opens the account, and the user is told', async () => {
  const { userId, email } = await signUp(testApp());
  await byKey().setUserPassword({ userId, password: 'amber-canyon-velvet-19' });
  expect(
    (await testApp().client(AuthService).login({ email, password: 'amber-canyon-velvet-19' })).userId,
  ).toBe(userId);
  const subjects = (await testApp().messagesTo(email)).map(({ subject }) => subject);
  expect(subjects).toContainEqual(expect.stringMatching(/password/i));
  expect(await failureOf(byKey().setUserPassword({ userId, password: 'short' }))).toMatchObject({
    fields: { password: 'PASSWORD_TOO_SHORT' },
  });
});

test('a recovery that support starts is the user’s own, and nothing secret is in the answer', async () => {
  const support = await makeMember(testApp(), 'support');
  const { userId, email } = await signUp(testApp());
  expect({ ...(await by(support).sendUserRecovery({ userId })) }).toEqual({
    $typeName: 'manam.v1.SendUserRecoveryResponse',
  });
  const messages = await testApp().messagesTo(email);
  const message = messages.find(({ subject }) => subject.startsWith('Choose a new password'));
  const request = { token: message?.code ?? '', password: 'amber-canyon-velvet-19' };
  await testApp()
    .client(RecoveryService)
    .endRecovery({ ...request, confirmPassword: request.password });
  expect((await testApp().client(AuthService).login({ email, password: request.password })).userId).toBe(
    userId,
  );
  expect(await failureOf(by(support).sendUserRecovery({ userId, channel: 'mobile' }))).toMatchObject({
    reason: 'CHANNEL_UNAVAILABLE',
  });
});

test('second factors are reset by a member who has just authenticated', async () => {
  const admin = await makeMember(testApp(), 'admin');
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  const { userId } = user;
  expect((await by(admin).getUser({ userId })).authenticators).toMatchObject({ totp: true });
  await by(admin).resetUserAuthenticators({ userId });
  expect((await by(admin).getUser({ userId })).authenticators).toMatchObject({
    totp: false,
    recoveryCodesLeft: 0,
  });
  testApp().advance(301_000);
  expect(await failureOf(by(admin).resetUserAuthenticators({ userId }))).toMatchObject({
    reason: 'REAUTHENTICATION_REQUIRED',
  });
});

test('sessions are listed in words and ended, one or all', async () => {
  const support = await makeMember(testApp(), 'support');
  const { userId, email } = await signUp(testApp());
  for (let more = 0; more < 2; more += 1) await testApp().client(AuthService).login({ email, password });
  const { sessions } = await by(support).listUserSessions({ userId });
  expect(sessions).toHaveLength(3);
  const [first] = sessions;
  expect(first?.amr).toEqual(['pwd']);
  expect((await by(support).endUserSessions({ userId, sessionId: first?.sessionId ?? '' })).ended).toBe(1);
  expect((await by(support).endUserSessions({ userId })).ended).toBe(2);
});

test('everything that happened to a user is told, and to a viewer without addresses', async () => {
  const viewer = await makeMember(testApp(), 'viewer');
  const { userId } = await signUp(testApp());
  const { events } = await by(viewer).listUserEvents({ userId, limit: 2 });
  expect(events.map(({ type }) => type)).toContain('session.started');
  expect(events.every(({ address }) => address === '')).toBe(true);
  const next = await by(viewer).listUserEvents({ userId, beforeEventId: events.at(-1)?.eventId ?? '' });
  expect(next.events.map(({ type }) => type)).toContain('user.registered');
  expect(next.hasMore).toBe(false);
});

test('a user is confirmed and deleted', async () => {
  const { user } = await byKey().createUser({ mobile: freshMobile(), silent: true });
  const userId = user?.userId ?? '';
  expect((await byKey().confirmUser({ userId })).user?.mobileConfirmed).toBe(true);
  expect((await byKey().deleteUser({ userId })).receipt).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  expect(await failureOf(byKey().getUser({ userId }))).toMatchObject({ reason: 'NOT_FOUND' });
});

test('roles see as much of a person as they need', async () => {
  const { userId, email } = await signUp(testApp());
  const masked = `${email[0]}•••@${email.split('@')[1]}`;
  for (const [role, address, hasProfile] of [
    ['viewer', masked, false],
    ['developer', masked, false],
    ['support', email, false],
    ['admin', email, true],
  ] as const) {
    const { user, profile } = await by(await makeMember(testApp(), role)).getUser({ userId });
    expect([role, user?.email, profile !== undefined]).toEqual([role, address, hasProfile]);
  }
});

test('users are searched by address, number, name and id, and filtered by state and time', async () => {
  const client = byKey();
  const [one, two] = [`zq-${freshEmail()}`, `zq-${freshEmail()}`];
  const mobile = freshMobile();
  const first = await client.createUser({ email: one, mobile, firstName: 'Zquintus', silent: true });
  const second = await client.createUser({ email: two, lastName: 'Zquirrel', silent: true });
  const [a = '', b = ''] = [first.user?.userId, second.user?.userId];
  const find = async (request: Parameters<typeof client.listUsers>[0]) =>
    (await client.listUsers(request)).users.map(({ userId }) => userId);
  expect(await find({ query: 'ZQ-' })).toEqual(
    [a, b].sort((x, y) => (x === a && one < two ? -1 : y === a ? 1 : -1)),
  );
  expect(await find({ query: one })).toEqual([a]);
  expect(await find({ query: 'zquin' })).toEqual([a]);
  expect(await find({ query: 'Zqui', searchBy: 'name' })).toEqual([a, b]);
  expect(await find({ query: mobile })).toEqual([a]);
  expect(await find({ query: mobile.slice(0, 9) })).toContain(a);
  expect(await find({ query: b })).toEqual([b]);
  expect(await find({ query: b.slice(0, 20), searchBy: 'id' })).toContain(b);
  const [newest] = await find({});
  expect(newest).toBe(b);
  await client.disableUser({ userId: a });
  expect(await find({ state: 'disabled', pageSize: 1 })).toEqual([a]);
  const pages = [];
  for (let pageToken = ''; ; ) {
    const page = await client.listUsers({ query: 'zq', pageSize: 1, pageToken });
    pages.push(...page.users.map(({ userId }) => userId));
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  expect(new Set(pages)).toEqual(new Set([a, b]));
  expect(pages).toHaveLength(2);
});

test('a combination that no index has, a foreign page token and a forged one are refused', async () => {
  const client = byKey();
  expect(await failureOf(client.listUsers({ query: 'a', state: 'active' }))).toMatchObject({
    code: 'InvalidArgument',
    fields: { state: 'FIELD_INVALID' },
  });
  expect(await failureOf(client.listUsers({ factor: 'totp', provider: 'google' }))).toMatchObject({
    fields: { provider: 'FIELD_INVALID' },
  });
  await signUp(testApp());
  const { nextPageToken } = await client.listUsers({ pageSize: 1 });
  for (const [request, field] of [
    [{ pageToken: nextPageToken, state: 'active' }, 'page_token'],
    [{ pageToken: tampered(nextPageToken) }, 'page_token'],
    [{ searchBy: 'id', query: 'not hex' }, 'query'],
  ] as const)
    expect(await failureOf(client.listUsers(request))).toMatchObject({
      fields: { [field]: 'FIELD_INVALID' },
    });
});

test('a viewer finds whole addresses alone, so that no search spells one out', async () => {
  const viewer = await makeMember(testApp(), 'viewer');
  const { email, userId } = await signUp(testApp());
  const find = async (query: string) =>
    (await by(viewer).listUsers({ query, searchBy: 'email' })).users.map((user) => user.userId);
  expect(await find(email)).toEqual([userId]);
  expect(await find(email.slice(0, -1))).toEqual([]);
});

test('users are found by their factor and by their provider', async () => {
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  const { users } = await byKey().listUsers({ factor: 'totp' });
  expect(users.map(({ userId }) => userId)).toContain(user.userId);
  expect((await byKey().listUsers({ provider: 'google' })).users).toEqual([]);
});

test('no call of the management reaches a user of another tenant', async () => {
  const other = await signUp(testApp(), { apieco_key: testApp().manam.publishable });
  const { userId } = other;
  const client = byKey();
  for (const call of [
    () => client.getUser({ userId }),
    () => client.updateUser({ userId, firstName: 'X' }),
    () => client.confirmUser({ userId }),
    () => client.disableUser({ userId }),
    () => client.enableUser({ userId }),
    () => client.deleteUser({ userId }),
    () => client.setUserPassword({ userId, password: 'amber-canyon-velvet-19' }),
    () => client.sendUserRecovery({ userId }),
    () => client.resetUserAuthenticators({ userId }),
    () => client.listUserSessions({ userId }),
    () => client.endUserSessions({ userId }),
    () => client.listUserEvents({ userId }),
  ])
    expect(await failureOf(call())).toMatchObject({ code: 'NotFound', reason: 'NOT_FOUND' });
  expect(
    (await testApp().client(AuthService, bearer(other.accessToken)).listSessions({})).sessions,
  ).toHaveLength(1);
});

test('lists a user who matches two names once', async () => {
  const marker = `Parv${randomBytes(4).toString('hex')}`;
  for (const [firstName, lastName] of [
    [marker, `${marker}i`],
    [`${marker}é`, marker.toUpperCase()],
    ['Sara', marker],
  ] as const)
    await byKey().createUser({ email: freshEmail(), firstName, lastName, silent: true });
  for (const query of [marker, marker.toLowerCase(), marker.toUpperCase()]) {
    const { users } = await byKey().listUsers({ query });
    expect(users.map(({ userId }) => userId)).toEqual([...new Set(users.map(({ userId }) => userId))]);
    expect(users).toHaveLength(3);
  }
});

test('a search normalizes an address as every other call does', async () => {
  const name = randomBytes(6).toString('hex');
  await byKey().createUser({ email: `${name}@Müller.de`, silent: true });
  for (const query of [
    `${name}@müller.de`,
    `${name.toUpperCase()}@MÜLLER.DE`,
    `\u200e${name}@xn--mller-kva.de\u200f`,
    `${name}\uff20müller.de`,
    `${name}@`,
  ])
    expect((await byKey().listUsers({ query })).users, query).toHaveLength(1);
});
