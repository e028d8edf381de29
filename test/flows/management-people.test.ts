import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { memberRoles } from '../../src/domain/member.ts';
import { freshEmail, useTestApp } from '../support/app.ts';
import { failureOf } from '../support/errors.ts';
import { bearer, enrolTotp, type SignedIn, signUp } from '../support/journey.ts';
import { makeMember, ofTenant, signUpAtManam, type TestMember } from '../support/members.ts';
import { tampered } from '../support/tampered.ts';

const testApp = useTestApp();
const by = ({ headers }: Pick<TestMember, 'headers'>) => testApp().client(ManagementService, headers);
const atManam = ({ accessToken }: SignedIn) => testApp().client(ManagementService, bearer(accessToken));

/** A tenant of its own, for what depends on all members. */
let tenants = 0;
async function makeTenant(): Promise<string> {
  tenants += 1;
  const slug = `team-${tenants}`;
  const dev = await testApp().app.store.tenants.findBySlug('dev');
  if (dev === undefined) throw new Error('no tenant');
  const id = crypto.randomUUID();
  await testApp().app.store.tenants.insert({ ...dev, id, slug, name: `Team ${tenants}` });
  return slug;
}

async function tokenFor(email: string): Promise<string> {
  const message = (await testApp().messagesTo(email)).find(({ subject }) => subject.startsWith('Join'));
  return new URL(message?.link ?? '').searchParams.get('token') ?? '';
}

async function eventsOf(slug: string): Promise<[string, Record<string, unknown>][]> {
  const tenant = await testApp().app.store.tenants.findBySlug(slug);
  const events = await testApp().app.store.events.list({ tenantId: tenant?.id ?? '' }, 100);
  return events.map(({ type, details }) => [type, details]);
}

test('an invited user of Manam becomes a member by the message, and every step is an event', async () => {
  const slug = await makeTenant();
  const owner = await makeMember(testApp(), 'owner', slug);
  const invited = await signUpAtManam(testApp());
  const { invitation } = await by(owner).inviteMember({ email: invited.email, role: 'support' });
  expect(invitation).toMatchObject({ email: invited.email, role: 'support', invitedBy: owner.userId });
  const subjects = (await testApp().messagesTo(invited.email)).map(({ subject }) => subject);
  expect(subjects).toContain('Join the people who run Team 1');
  const token = await tokenFor(invited.email);
  const answer = await atManam(invited).acceptInvitation({ token });
  expect(answer.tenant).toMatchObject({ slug, role: 'support' });
  const { members, invitations } = await by(owner).listMembers({});
  expect(members.map(({ email, role }) => [email, role])).toEqual([
    [owner.email, 'owner'],
    [invited.email, 'support'],
  ]);
  expect(invitations).toEqual([]);
  expect((await atManam(invited).listMyTenants({})).tenants).toMatchObject([{ slug, role: 'support' }]);
  expect(await eventsOf(slug)).toEqual([
    ['member.joined', { person: invited.userId, role: 'support' }],
    ['member.invited', { invitation: invitation?.invitationId, role: 'support', member: owner.userId }],
  ]);
});

test('an invitation is good once, in its time, and for the proved owner of its address alone', async () => {
  const slug = await makeTenant();
  const owner = await makeMember(testApp(), 'owner', slug);
  const [invited, stranger] = [await signUpAtManam(testApp()), await signUpAtManam(testApp())];
  await by(owner).inviteMember({ email: invited.email, role: 'admin' });
  const token = await tokenFor(invited.email);
  const refused = { code: 'NotFound', reason: 'INVITATION_INVALID' };
  expect(await failureOf(atManam(stranger).acceptInvitation({ token }))).toMatchObject(refused);
  expect(await failureOf(atManam(invited).acceptInvitation({ token: tampered(token) }))).toMatchObject(
    refused,
  );
  const ofOtherTenant = await signUp(testApp());
  expect(await failureOf(atManam(ofOtherTenant).acceptInvitation({ token }))).toMatchObject(refused);
  const results = await Promise.allSettled(
    Array.from({ length: 5 }, () => atManam(invited).acceptInvitation({ token })),
  );
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);

  const late = await signUpAtManam(testApp());
  await by(owner).inviteMember({ email: late.email, role: 'viewer' });
  await testApp().sql('UPDATE invitations SET expires_at = created_at');
  expect(
    await failureOf(atManam(late).acceptInvitation({ token: await tokenFor(late.email) })),
  ).toMatchObject(refused);
});

test('a second invitation of an address replaces the first, and one that is taken back is good no more', async () => {
  const slug = await makeTenant();
  const owner = await makeMember(testApp(), 'owner', slug);
  const email = freshEmail();
  await by(owner).inviteMember({ email, role: 'viewer' });
  const { invitation } = await by(owner).inviteMember({ email, role: 'developer' });
  const open = (await by(owner).listMembers({})).invitations;
  expect(open.map(({ role }) => role)).toEqual(['developer']);
  const invitationId = invitation?.invitationId ?? '';
  await by(owner).revokeInvitation({ invitationId });
  expect(await failureOf(by(owner).revokeInvitation({ invitationId }))).toMatchObject({
    reason: 'NOT_FOUND',
  });
  expect((await by(owner).listMembers({})).invitations).toEqual([]);
});

test('no one gives or takes back more than they have', async () => {
  const slug = await makeTenant();
  const owner = await makeMember(testApp(), 'owner', slug);
  const admin = await makeMember(testApp(), 'admin', slug);
  const denied = { code: 'PermissionDenied', reason: 'GRANT_EXCEEDED' };
  expect(await failureOf(by(admin).inviteMember({ email: freshEmail(), role: 'owner' }))).toMatchObject(
    denied,
  );
  const { invitation } = await by(owner).inviteMember({ email: freshEmail(), role: 'owner' });
  expect(
    await failureOf(by(admin).revokeInvitation({ invitationId: invitation?.invitationId ?? '' })),
  ).toMatchObject(denied);
  await by(admin).inviteMember({ email: freshEmail(), role: 'admin' });
  const viewer = await makeMember(testApp(), 'viewer', slug);
  expect((await by(viewer).listMembers({})).invitations).toEqual([]);
});

test('a member’s power ends with the membership, and a new role counts, at the next call', async () => {
  const slug = await makeTenant();
  const owner = await makeMember(testApp(), 'owner', slug);
  const member = await makeMember(testApp(), 'viewer', slug);
  expect(await failureOf(by(member).createApplication({}))).toMatchObject({ reason: 'MEMBER_ROLE_REQUIRED' });
  const { member: changed } = await by(owner).setMemberRole({ userId: member.userId, role: 'developer' });
  expect(changed).toMatchObject({ userId: member.userId, role: 'developer' });
  expect(await failureOf(by(member).createApplication({}))).toMatchObject({ reason: 'REQUEST_INVALID' });
  await by(owner).removeMember({ userId: member.userId });
  expect(await failureOf(by(member).listApplications({}))).toMatchObject({ reason: 'NOT_FOUND' });
});

test('the last owner neither leaves, nor loses the role, nor deletes the account', async () => {
  const slug = await makeTenant();
  const owner = await makeMember(testApp(), 'owner', slug);
  const { userId } = owner;
  const kept = { code: 'FailedPrecondition', reason: 'LAST_OWNER' };
  const profile = testApp().client(ProfileService, bearer(owner.accessToken));
  for (const call of [
    () => by(owner).leaveTenant({}),
    () => by(owner).removeMember({ userId }),
    () => by(owner).setMemberRole({ userId, role: 'admin' }),
    () => profile.deleteAccount({}),
  ])
    expect(await failureOf(call())).toMatchObject(kept);
  await makeMember(testApp(), 'owner', slug);
  await profile.deleteAccount({});
  expect(await testApp().app.store.members.listOfUser(userId)).toEqual([]);
});

test('of two owners who leave at once one stays', async () => {
  const slug = await makeTenant();
  const owners = [await makeMember(testApp(), 'owner', slug), await makeMember(testApp(), 'owner', slug)];
  const results = await Promise.allSettled(owners.map((owner) => by(owner).leaveTenant({})));
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

test('ownership is handed over as a whole', async () => {
  const slug = await makeTenant();
  const owner = await makeMember(testApp(), 'owner', slug);
  const next = await makeMember(testApp(), 'support', slug);
  expect((await by(owner).transferOwnership({ userId: next.userId })).member?.role).toBe('owner');
  const { members } = await by(next).listMembers({});
  expect(members.map(({ userId, role }) => [userId, role]).sort()).toEqual(
    [
      [owner.userId, 'admin'],
      [next.userId, 'owner'],
    ].sort(),
  );
  expect(await failureOf(by(owner).transferOwnership({ userId: next.userId }))).toMatchObject({
    reason: 'MEMBER_ROLE_REQUIRED',
  });
});

test('a tenant that demands a second factor of its members refuses sessions without one', async () => {
  const slug = await makeTenant();
  const owner = await makeMember(testApp(), 'owner', slug);
  await by(owner).updatePolicy({ policy: { members: { requireSecondFactor: true } } });
  // An instance reads a tenant again after seconds.
  await expect
    .poll(async () => (await failureOf(by(owner).listMembers({})).catch(() => undefined))?.reason, {
      timeout: 15_000,
    })
    .toBe('MEMBER_FACTOR_REQUIRED');
  const enrolled = await enrolTotp(testApp(), owner);
  expect((await by({ headers: ofTenant(enrolled, slug) }).listMembers({})).members).toHaveLength(1);
});

test('a session of another tenant, of a pending sign-in or that has ended opens nothing', async () => {
  const owner = await makeMember(testApp(), 'owner');
  const user = await signUp(testApp());
  for (const token of [user.accessToken, owner.refreshToken, 'nonsense'])
    expect(await failureOf(by({ headers: ofTenant({ accessToken: token }) }).listMembers({}))).toMatchObject({
      code: 'Unauthenticated',
      reason: 'TOKEN_INVALID',
    });
  await testApp().client(AuthService, bearer(owner.accessToken)).logout({});
  expect(await failureOf(by(owner).listMembers({}))).toMatchObject({ reason: 'TOKEN_INVALID' });
});

test('a user of another tenant than Manam runs no tenant', async () => {
  expect(await failureOf(atManam(await signUp(testApp())).listMyTenants({}))).toMatchObject({
    reason: 'NOT_FOUND',
  });
  expect((await atManam(await signUpAtManam(testApp())).listMyTenants({})).tenants).toEqual([]);
});

test('an owner invites every role', async () => {
  const owner = await makeMember(testApp(), 'owner');
  for (const role of memberRoles) await by(owner).inviteMember({ email: freshEmail(), role });
  expect(await failureOf(by(owner).inviteMember({ email: owner.email, role: 'viewer' }))).toMatchObject({
    code: 'AlreadyExists',
    reason: 'MEMBER_EXISTS',
  });
  expect(await failureOf(by(owner).inviteMember({ email: freshEmail(), role: 'king' }))).toMatchObject({
    fields: { role: 'FIELD_INVALID' },
  });
});
