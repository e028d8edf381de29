import { expect, test } from 'vitest';
import { DuplicateError } from '../../src/domain/repositories.ts';
import type { UserJob } from '../../src/domain/user-job.ts';
import type { UserFilter, UserPlace } from '../../src/domain/user-list.ts';
import { overEveryStore, type Scene } from './stores.ts';

overEveryStore('members', (scene) => {
  test('a membership is read by tenant and user, changes its role once, and ends', async () => {
    const { store, uuid, now } = scene();
    const member = { tenantId: uuid(), userId: uuid(), role: 'support', createdAt: now } as const;
    await store.members.insert(member);
    await expect(store.members.insert(member)).rejects.toBeInstanceOf(DuplicateError);
    expect(await store.members.find(member.tenantId, member.userId)).toEqual(member);
    expect(await store.members.find(uuid(), member.userId)).toBeUndefined();
    expect(await store.members.changeRole(member, 'admin')).toBe(true);
    expect(await store.members.changeRole(member, 'owner')).toBe(false);
    expect(await store.members.listOfUser(member.userId)).toEqual([{ ...member, role: 'admin' }]);
    expect(await store.members.delete(member.tenantId, member.userId)).toBe(true);
    expect(await store.members.delete(member.tenantId, member.userId)).toBe(false);
  });

  test('the memberships of a user end together, and those of others stay', async () => {
    const { store, uuid, now, at } = scene();
    const [tenantId, userId, other] = [uuid(), uuid(), uuid()];
    await store.members.insert({ tenantId, userId: other, role: 'viewer', createdAt: at(1) });
    await store.members.insert({ tenantId, userId, role: 'owner', createdAt: now });
    await store.members.insert({ tenantId: uuid(), userId, role: 'owner', createdAt: now });
    expect((await store.members.list(tenantId)).map((each) => each.userId)).toEqual([userId, other]);
    await store.members.deleteOfUser(userId);
    expect(await store.members.listOfUser(userId)).toEqual([]);
    expect((await store.members.list(tenantId)).map((each) => each.userId)).toEqual([other]);
  });

  test('an invitation is open until it expires, and one caller takes it', async () => {
    const { store, uuid, now, at } = scene();
    const invitation = {
      tenantId: uuid(),
      id: uuid(),
      email: 'sara@example.com',
      role: 'admin' as const,
      invitedBy: undefined,
      digest: Buffer.alloc(32, 4),
      createdAt: now,
      expiresAt: at(10),
    };
    const { tenantId, id } = invitation;
    await store.members.insertInvitation(invitation);
    expect(await store.members.listInvitations(tenantId, at(9))).toEqual([invitation]);
    expect(await store.members.listInvitations(tenantId, at(10))).toEqual([]);
    expect(await store.members.findInvitation(tenantId, id)).toEqual(invitation);
    expect(await store.members.deleteInvitation(uuid(), id)).toBe(false);
    expect(await store.members.deleteInvitation(tenantId, id)).toBe(true);
    expect(await store.members.deleteInvitation(tenantId, id)).toBe(false);
  });

  test('counts of a day add up, and are read by day', async () => {
    const { store, uuid } = scene();
    const tenantId = uuid();
    const count = (day: string, type: string, reason: string, number: number) => ({
      day,
      type,
      reason,
      count: number,
    });
    await store.usage.add(tenantId, []);
    await store.usage.add(tenantId, [
      count('2026-11-28', 'session.started', '', 2),
      count('2026-11-29', 'sign_in.failed', 'CREDENTIALS_INVALID', 1),
    ]);
    await store.usage.add(tenantId, [count('2026-11-28', 'session.started', '', 3)]);
    expect(await store.usage.list(tenantId, '2026-11-28', '2026-11-29')).toEqual([
      count('2026-11-28', 'session.started', '', 5),
      count('2026-11-29', 'sign_in.failed', 'CREDENTIALS_INVALID', 1),
    ]);
    expect(await store.usage.list(tenantId, '2026-11-29', '2026-11-29')).toHaveLength(1);
  });
});

overEveryStore('lists of users', (scene) => {
  /** Every user that a filter finds, two at a time. */
  async function walk({ store, tenantId }: Scene, filter: UserFilter): Promise<string[]> {
    const found: string[] = [];
    let after: UserPlace | undefined;
    do {
      const page = await store.userList.list(tenantId, filter, after, 2);
      found.push(...page.users.map(({ user }) => user.profile.lastName));
      after = page.next;
    } while (after !== undefined);
    return found;
  }

  async function populate(own: Scene) {
    const { store, makeUser, at, tenantId, now } = own;
    const names = [
      ['Zoë', 'A'],
      ['Ali', 'B'],
      ['ALICE', 'C'],
      ['Zoe', 'D'],
      ['Bob_x', 'E'],
    ] as const;
    const users = [];
    for (const [index, [firstName, lastName]] of names.entries()) {
      const { user, identifier } = await makeUser({ createdAt: at(index) });
      await store.users.update(tenantId, user.id, { firstName, lastName });
      users.push({ ...user, identifier });
    }
    const [a, , c, , e] = users;
    if (a === undefined || c === undefined || e === undefined) throw new Error('no users');
    await store.users.setStatus(tenantId, c.id, 'disabled');
    await store.users.addIdentifier(tenantId, {
      kind: 'mobile',
      canonical: `+98912${a.id.replaceAll(/\D/g, '').padEnd(7, '0').slice(-7)}`,
      address: '+989120000000',
      userId: a.id,
      confirmedAt: undefined,
      addedAt: now,
    });
    for (const issuer of ['https://one.example', 'https://two.example'])
      await store.identities.insert({
        tenantId,
        issuer,
        subject: e.id,
        userId: e.id,
        provider: 'okta',
        profile: {},
        createdAt: now,
      });
    return { a, c, e };
  }

  test('each filter finds its users page by page, in the order of its index', async () => {
    const own = scene();
    const { a, e } = await populate(own);
    expect(await walk(own, { by: 'time' })).toEqual(['E', 'D', 'C', 'B', 'A']);
    expect(await walk(own, { by: 'time', status: 'active' })).toEqual(['E', 'D', 'B', 'A']);
    expect(await walk(own, { by: 'time', from: own.at(1), until: own.at(3) })).toEqual(['C', 'B']);
    expect(await walk(own, { by: 'firstName', prefix: 'ali' })).toEqual(['B', 'C']);
    expect((await walk(own, { by: 'firstName', prefix: 'zoe' })).sort()).toEqual(['A', 'D']);
    expect(await walk(own, { by: 'firstName', prefix: 'bob_' })).toEqual(['E']);
    expect(await walk(own, { by: 'firstName', prefix: '%' })).toEqual([]);
    expect(await walk(own, { by: 'lastName', prefix: 'd' })).toEqual(['D']);
    expect(await walk(own, { by: 'mobile', prefix: '+98912', isWhole: false })).toEqual(['A']);
    expect(await walk(own, { by: 'mobile', prefix: '+98912', isWhole: true })).toEqual([]);
    const { canonical: prefix } = a.identifier;
    expect(await walk(own, { by: 'email', prefix, isWhole: true })).toEqual(['A']);
    expect(await walk(own, { by: 'id', least: e.id, most: e.id })).toEqual(['E']);
    expect(await walk(own, { by: 'provider', provider: 'okta' })).toEqual(['E']);
    expect(await walk(own, { by: 'provider', provider: 'google' })).toEqual([]);
    expect(await walk(own, { by: 'authenticator', kind: 'totp' })).toEqual([]);
  });

  test('a page omits matches of earlier filters, ignoring case and accents', async () => {
    const own = scene();
    const { store, tenantId } = own;
    const { a } = await populate(own);
    const without = async (...earlier: UserFilter[]) => {
      const { users, places } = await store.userList.list(
        tenantId,
        { by: 'lastName', prefix: '' },
        undefined,
        9,
        earlier,
      );
      expect(places.map(({ id }) => id)).toEqual(users.map(({ user }) => user.id));
      return users.map(({ user }) => user.profile.lastName);
    };
    expect(await without({ by: 'firstName', prefix: 'ALI' })).toEqual(['A', 'D', 'E']);
    expect(await without({ by: 'firstName', prefix: 'zoe' })).toEqual(['B', 'C', 'E']);
    expect(
      await without(
        { by: 'email', prefix: a.identifier.canonical, isWhole: false },
        { by: 'mobile', prefix: '+98912', isWhole: true },
      ),
    ).toEqual(['B', 'C', 'D', 'E']);
    expect(await without({ by: 'mobile', prefix: '+98912', isWhole: false })).toEqual(['B', 'C', 'D', 'E']);
  });

  test('a page goes on where it was, whatever happens to other users meanwhile', async () => {
    const own = scene();
    const { store, tenantId, makeUser, at } = own;
    const made = [];
    for (let index = 0; index < 4; index += 1) made.push(await makeUser({ createdAt: at(index) }));
    const first = await store.userList.list(tenantId, { by: 'time' }, undefined, 2);
    await makeUser({ createdAt: at(9) });
    await store.users.delete(tenantId, made[2]?.user.id ?? '');
    const second = await store.userList.list(tenantId, { by: 'time' }, first.next, 2);
    expect(second.users.map(({ user }) => user.id)).toEqual([made[1]?.user.id, made[0]?.user.id]);
    expect(second.next).toBeUndefined();
  });
});

overEveryStore('jobs on users and domains', (scene) => {
  test('a job is claimed by one, advanced by its claim alone, and cancelled while it runs', async () => {
    const { store, uuid, now, at } = scene();
    const job: UserJob = {
      tenantId: uuid(),
      id: uuid(),
      action: 'disable',
      users: { filters: [{ by: 'time', from: now }] },
      roles: [],
      state: 'running',
      position: { index: 0 },
      done: 0,
      failed: 0,
      keyId: undefined,
      memberId: uuid(),
      requestId: '',
      createdAt: now,
      endedAt: undefined,
      leaseUntil: at(-1_000_000),
    };
    const { tenantId, id } = job;
    await store.userJobs.insert(job);
    expect(await store.userJobs.find(tenantId, id)).toEqual(job);
    expect(await store.userJobs.countRunning(tenantId)).toBe(1);
    expect(await store.userJobs.isDue(at(-1_000_001))).toBe(false);
    expect(await store.userJobs.isDue(at(-1_000_000))).toBe(true);
    const claimed = await store.transaction(({ userJobs }) => userJobs.claim(at(-999_000), at(-990_000)));
    expect(claimed).toEqual({ ...job, leaseUntil: at(-990_000) });
    expect(
      await store.transaction(({ userJobs }) => userJobs.claim(at(-999_000), at(-980_000))),
    ).toBeUndefined();
    const step = {
      state: 'running',
      position: { index: 1 },
      done: 2,
      failed: 1,
      endedAt: undefined,
    } as const;
    expect(await store.userJobs.advance(job, { ...step, leaseUntil: now })).toBe(false);
    expect(await store.userJobs.advance(claimed ?? job, { ...step, leaseUntil: now })).toBe(true);
    expect(await store.userJobs.list(tenantId, 10)).toEqual([{ ...job, ...step, leaseUntil: now }]);
    expect(await store.userJobs.cancel(tenantId, id, at(1))).toBe(true);
    // Neither selection nor place is left, which may name a person.
    expect(await store.userJobs.find(tenantId, id)).toMatchObject({
      state: 'cancelled',
      users: { ids: [] },
      position: { index: 0 },
    });
    expect(await store.userJobs.cancel(tenantId, id, at(2))).toBe(false);
    expect(await store.userJobs.countRunning(tenantId)).toBe(0);
  });

  test('a domain is kept, proved and forgotten', async () => {
    const { store, uuid, now, at } = scene();
    const proof = {
      tenantId: uuid(),
      name: 'example.com',
      token: 'a'.repeat(40),
      createdAt: now,
      verifiedAt: undefined,
    };
    const { tenantId, name } = proof;
    await store.domains.insert(proof);
    await expect(store.domains.insert(proof)).rejects.toBeInstanceOf(DuplicateError);
    expect(await store.domains.find(uuid(), name)).toBeUndefined();
    expect(await store.domains.list(tenantId)).toEqual([proof]);
    await store.domains.verify(tenantId, name, at(1));
    expect(await store.domains.find(tenantId, name)).toEqual({ ...proof, verifiedAt: at(1) });
    expect(await store.domains.delete(tenantId, name)).toBe(true);
    expect(await store.domains.delete(tenantId, name)).toBe(false);
  });
});
