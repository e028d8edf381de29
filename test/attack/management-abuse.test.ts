import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { createJobRunner } from '../../src/flows/manage/user-jobs.ts';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { failureOf } from '../support/errors.ts';
import { bearer, register, signUp } from '../support/journey.ts';
import { makeMember, ofTenant, signUpAtManam, type TestMember } from '../support/members.ts';

// Attacks on the management calls that a security review found.

const testApp = useTestApp();
const withKey = (text = testApp().dev.secret) => testApp().client(ManagementService, { 'x-api-key': text });
const by = ({ headers }: Pick<TestMember, 'headers'>) => testApp().client(ManagementService, headers);
const denied = { code: 'PermissionDenied', reason: 'GRANT_EXCEEDED' };
const inSeconds = (seconds: number) => ({
  seconds: BigInt(Math.floor(testApp().now().getTime() / 1000) + seconds),
  nanos: 0,
});

test('a key without the scope of credentials moves no account to another address', async () => {
  const text = await testApp().createKey('secret', ['users.write', 'users.read']);
  const { userId, email } = await signUp(testApp());
  const profiles = testApp().client(ProfileService, { 'x-api-key': text });
  for (const change of [{ email: freshEmail() }, { mobile: '09121234567' }])
    for (const call of [withKey(text).updateUser, profiles.editUser])
      expect(await failureOf(call({ userId, ...change }))).toMatchObject({
        reason: 'SCOPE_REQUIRED',
      });
  await withKey(text).updateUser({ userId, firstName: 'Sara' });
  await profiles.editUser({ userId, lastName: 'Karimi' });
  await profiles.editUser({ email, firstName: 'Sara' });
});

test('a member who has not just authenticated neither moves an account nor vouches for an address', async () => {
  const admin = await makeMember(testApp(), 'admin');
  const { userId } = await signUp(testApp());
  testApp().advance(301_000);
  for (const call of [
    () => by(admin).updateUser({ userId, email: freshEmail() }),
    () => by(admin).createUser({ email: freshEmail(), confirmed: true }),
  ])
    expect(await failureOf(call())).toMatchObject({ reason: 'REAUTHENTICATION_REQUIRED' });
  await by(admin).createUser({ email: freshEmail(), silent: true });
});

test('a token that acts for a user ends with the membership, and has none of the user’s roles', async () => {
  const support = await makeMember(testApp(), 'support');
  const { userId } = await signUp(testApp());
  await withKey().updateUser({ userId, roles: ['admin'] });
  const { accessToken } = await by(support).impersonateUser({ userId, reason: 'a look' });
  const payload = JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString());
  expect(payload).not.toHaveProperty('roles');
  const profile = testApp().client(ProfileService, bearer(accessToken));
  await profile.viewUser({});
  const tenant = await testApp().app.store.tenants.findBySlug('dev');
  await testApp().app.store.members.delete(tenant?.id ?? '', support.userId);
  expect(await failureOf(profile.viewUser({}))).toMatchObject({ reason: 'TOKEN_INVALID' });
  const introspect = testApp().client(AuthService, { 'x-api-key': testApp().dev.secret });
  expect(await introspect.introspectToken({ token: accessToken })).toMatchObject({ active: false });
});

test('a key gives no longer life and no other networks than it has', async () => {
  const scopes = ['keys.write', 'users.read'];
  const ending = await withKey().createKey({ kind: 'secret', scopes, expireTime: inSeconds(60) });
  const successor = { kind: 'secret', scopes: ['users.read'] };
  expect(await failureOf(withKey(ending.text).createKey(successor))).toMatchObject(denied);
  expect(
    await failureOf(withKey(ending.text).createKey({ ...successor, expireTime: inSeconds(61) })),
  ).toMatchObject(denied);
  await withKey(ending.text).createKey({ ...successor, expireTime: inSeconds(30) });
  const networks = ['127.0.0.0/8'];
  const bound = await withKey().createKey({ kind: 'secret', scopes, networks });
  const call = async (body: object) => {
    const answer = await fetch(`${testApp().url}/manage/keys`, {
      method: 'POST',
      headers: { 'x-api-key': bound.text, 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'secret', scopes: ['users.read'], ...body }),
    });
    return ((await answer.json()) as { reason?: string }).reason;
  };
  expect(await call({})).toBe('GRANT_EXCEEDED');
  expect(await call({ networks: ['0.0.0.0/0'] })).toBe('GRANT_EXCEEDED');
  expect(await call({ networks })).toBeUndefined();
});

test('a key revokes no stronger one, and its own', async () => {
  const weak = await withKey().createKey({ kind: 'secret', scopes: ['keys.write'] });
  const strong = await withKey().createKey({ kind: 'secret', scopes: ['users.credentials'] });
  const client = withKey(weak.text);
  expect(await failureOf(client.revokeKey({ keyId: strong.key?.keyId ?? '' }))).toMatchObject(denied);
  await client.revokeKey({ keyId: weak.key?.keyId ?? '' });
});

test('rotations make no more live keys than there may be', async () => {
  const tenant = await testApp().app.store.tenants.findBySlug('dev');
  const live = async () => {
    const keys = await testApp().app.store.tenants.listKeys(tenant?.id ?? '');
    const now = testApp().now();
    return keys.filter(
      (key) => !(key.revokedAt && key.revokedAt <= now) && !(key.expiresAt && key.expiresAt <= now),
    );
  };
  for (let count = (await live()).length; count < 100; count += 1)
    await testApp().createKey('publishable', []);
  const keyId = (await live()).at(-1)?.id ?? '';
  expect(await failureOf(withKey().rotateKey({ keyId }))).toMatchObject({ reason: 'KEY_LIMIT' });
  await testApp().sql(
    "UPDATE api_keys SET revoked_at = created_at WHERE kind = 'publishable' AND name = '' AND id > UNHEX(?)",
    [(await live())[10]?.id.replaceAll('-', '') ?? ''],
  );
});

test('the invitations of a member are good no longer than what the member may give', async () => {
  const owner = await makeMember(testApp(), 'owner');
  const admin = await makeMember(testApp(), 'admin');
  const other = await signUpAtManam(testApp());
  await by(admin).inviteMember({ email: other.email, role: 'admin' });
  const message = (await testApp().messagesTo(other.email)).find(({ link }) => link.includes('/invitation'));
  const token = new URL(message?.link ?? '').searchParams.get('token') ?? '';
  await by(owner).removeMember({ userId: admin.userId });
  expect(
    await failureOf(
      testApp().client(ManagementService, bearer(other.accessToken)).acceptInvitation({ token }),
    ),
  ).toMatchObject({ reason: 'INVITATION_INVALID' });
  await by(owner)
    .leaveTenant({})
    .catch(() => undefined);
});

test('of two owners who delete their accounts at once one stays', async () => {
  const dev = await testApp().app.store.tenants.findBySlug('dev');
  if (dev === undefined) throw new Error('no tenant');
  await testApp().app.store.tenants.insert({ ...dev, id: crypto.randomUUID(), slug: 'two-owners' });
  const owners = [
    await makeMember(testApp(), 'owner', 'two-owners'),
    await makeMember(testApp(), 'owner', 'two-owners'),
  ];
  const results = await Promise.allSettled(
    owners.map(({ accessToken }) => testApp().client(ProfileService, bearer(accessToken)).deleteAccount({})),
  );
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

test('a role that a job gives makes the password of a stranger’s registration void', async () => {
  const email = freshEmail();
  await register(testApp(), email);
  const { users } = await withKey().listUsers({ query: email });
  const userId = users[0]?.userId ?? '';
  const { job } = await withKey().startUserJob({ action: 'set-roles', userIds: [userId], roles: ['admin'] });
  await expect
    .poll(async () => (await withKey().getUserJob({ jobId: job?.jobId ?? '' })).job?.state, {
      timeout: 20_000,
    })
    .toBe('done');
  expect((await withKey().getUser({ userId })).authenticators?.password).toBe(false);
  expect(await failureOf(testApp().client(AuthService).login({ email, password }))).toMatchObject({
    reason: 'CREDENTIALS_INVALID',
  });
});

test('an outage of a job’s step is no failure of its users, and a job that never ends is cancelled', async () => {
  const { store } = testApp().app;
  const dev = await store.tenants.findBySlug('dev');
  const admin = await makeMember(testApp(), 'admin');
  const now = testApp().now();
  const job = {
    tenantId: dev?.id ?? '',
    id: crypto.randomUUID(),
    action: 'disable' as const,
    users: { ids: [crypto.randomUUID()] },
    roles: [],
    state: 'running' as const,
    position: { index: 0 },
    done: 0,
    failed: 0,
    keyId: undefined,
    memberId: admin.userId,
    requestId: '',
    createdAt: now,
    endedAt: undefined,
    leaseUntil: new Date(now.getTime() - 1000),
  };
  // Runners of the service stay away from this store.
  const own = { ...store, userJobs: { ...store.userJobs, isDue: async () => true, claim: async () => job } };
  const run = createJobRunner({
    store: {
      ...own,
      transaction: (work: (repositories: never) => Promise<unknown>) => work(own as never),
    } as never,
    users: {
      disable: async () => {
        throw Object.assign(new Error('the pool is full'));
      },
    } as never,
    userCare: {} as never,
    clock: testApp().now,
    random: {} as never,
  });
  await expect(run()).rejects.toThrow('the pool is full');
  await store.userJobs.insert({ ...job, createdAt: new Date(now.getTime() - 90_000_000) });
  await expect
    .poll(async () => (await store.userJobs.find(job.tenantId, job.id))?.state, { timeout: 20_000 })
    .toBe('cancelled');
  expect((await store.userJobs.find(job.tenantId, job.id))?.users).toEqual({ ids: [] });
});

test.each(['ids', 'filter'])(
  'a step that fails on one user begins again with that user, who is given up in the end (by %s)',
  async (way) => {
    const { store } = testApp().app;
    const dev = await store.tenants.findBySlug('dev');
    const prefix = `step-${way}-`;
    const ids: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      const { user } = await withKey().createUser({ email: `${prefix}${count}@example.com`, silent: true });
      ids.push(user?.userId ?? '');
    }
    const now = testApp().now();
    const job = {
      tenantId: dev?.id ?? '',
      id: crypto.randomUUID(),
      action: 'end-sessions' as const,
      users: way === 'ids' ? { ids } : { filters: [{ by: 'email' as const, prefix, isWhole: false }] },
      roles: [],
      state: 'running' as const,
      position: { index: 0 },
      done: 0,
      failed: 0,
      keyId: undefined,
      memberId: (await makeMember(testApp(), 'admin')).userId,
      requestId: '',
      createdAt: now,
      endedAt: undefined,
      // Runners of the service stay away from it.
      leaseUntil: new Date(now.getTime() + 86_400_000),
    };
    await store.userJobs.insert(job);
    const asked: string[] = [];
    const find = async () => await store.userJobs.find(job.tenantId, job.id);
    const userJobs = { ...store.userJobs, isDue: async () => true, claim: find };
    const run = createJobRunner({
      store: {
        ...store,
        userJobs,
        transaction: (work: (repositories: never) => Promise<unknown>) =>
          store.transaction((own) => work({ ...own, userJobs: { ...own.userJobs, claim: find } } as never)),
      } as never,
      users: {} as never,
      userCare: {
        endSessions: async (_: unknown, { user }: { user: string }) => {
          asked.push(user);
          if (user === ids[1]) throw new Error('the pool is full');
        },
      } as never,
      clock: testApp().now,
      random: {} as never,
    });
    await expect(run()).rejects.toThrow('the pool is full');
    expect(await find()).toMatchObject({ done: 1, failed: 0, leaseUntil: job.leaseUntil });
    await expect(run()).rejects.toThrow('the pool is full');
    await run();
    expect(await find()).toMatchObject({ done: 2, failed: 1 });
    expect(asked).toEqual([ids[0], ids[1], ids[1], ids[1], ids[2]]);
    await store.userJobs.cancel(job.tenantId, job.id, now);
  },
);

test('nobody deletes the last owner of a tenant', async () => {
  const dev = await testApp().app.store.tenants.findBySlug('dev');
  if (dev === undefined) throw new Error('no tenant');
  await testApp().app.store.tenants.insert({ ...dev, id: crypto.randomUUID(), slug: 'one-owner' });
  const owner = await makeMember(testApp(), 'owner', 'one-owner');
  const manam = testApp().client(ManagementService, { 'x-api-key': testApp().manam.secret });
  expect(await failureOf(manam.deleteUser({ userId: owner.userId }))).toMatchObject({ reason: 'LAST_OWNER' });
  await makeMember(testApp(), 'owner', 'one-owner');
  expect((await manam.deleteUser({ userId: owner.userId })).receipt).not.toBe('');
});

test('the power of a member of one tenant is none at another', async () => {
  const dev = await testApp().app.store.tenants.findBySlug('dev');
  if (dev === undefined) throw new Error('no tenant');
  await testApp().app.store.tenants.insert({ ...dev, id: crypto.randomUUID(), slug: 'next-door' });
  const owner = await makeMember(testApp(), 'owner');
  const { userId } = await signUp(testApp());
  const next = await makeMember(testApp(), 'owner', 'next-door');
  expect(await failureOf(by(next).getUser({ userId }))).toMatchObject({ reason: 'NOT_FOUND' });
  expect(await failureOf(by({ headers: ofTenant(owner, 'next-door') }).listUsers({}))).toMatchObject({
    reason: 'NOT_FOUND',
  });
});
