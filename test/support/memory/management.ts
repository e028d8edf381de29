import type { DomainProof, DomainRepository } from '../../../src/domain/domain-proof.ts';
import { actingRoles, type MemberRepository } from '../../../src/domain/member.ts';
import { DuplicateError } from '../../../src/domain/repositories.ts';
import { manamSlug } from '../../../src/domain/tenant.ts';
import type { UsageRepository } from '../../../src/domain/usage.ts';
import type { UserJob, UserJobRepository } from '../../../src/domain/user-job.ts';
import type { UserFilter, UserListRepository, UserPlace } from '../../../src/domain/user-list.ts';
import { viewOf } from './accounts.ts';
import { byId } from './table.ts';
import type { Tables } from './tables.ts';

export function createMembers({ members, invitations, tenants, users }: Tables): MemberRepository {
  const is = (tenantId: string, userId: string) => (each: { tenantId: string; userId: string }) =>
    each.tenantId === tenantId && each.userId === userId;
  const isInvitation = (tenantId: string, id: string) => (each: { tenantId: string; id: string }) =>
    each.tenantId === tenantId && each.id === id;
  return {
    find: async (tenantId, userId) => members.find(is(tenantId, userId)),
    async mayAct(tenantId, userId, issuedAt) {
      const member = members.find(is(tenantId, userId));
      const manam = tenants.find(({ slug }) => slug === manamSlug);
      const account = users.find((each) => each.tenantId === manam?.id && each.id === userId);
      const isFit =
        member !== undefined &&
        actingRoles.includes(member.role) &&
        member.createdAt.getTime() < issuedAt.getTime() + 1000;
      return isFit && account?.status === 'active';
    },
    list: async (tenantId) =>
      members
        .all((each) => each.tenantId === tenantId)
        .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.userId < b.userId ? -1 : 1)),
    listOfUser: async (userId) =>
      members.all((each) => each.userId === userId).sort((a, b) => (a.tenantId < b.tenantId ? -1 : 1)),
    async insert(member) {
      if (!members.insert(member)) throw new DuplicateError();
    },
    changeRole: async ({ tenantId, userId, role: known }, role) =>
      members.update((each) => is(tenantId, userId)(each) && each.role === known, { role }) === 1,
    delete: async (tenantId, userId) => members.delete(is(tenantId, userId)) === 1,
    async deleteOfUser(userId) {
      members.delete((each) => each.userId === userId);
    },
    async insertInvitation(invitation) {
      invitations.insert(invitation);
    },
    listInvitations: async (tenantId, now) =>
      invitations.all((each) => each.tenantId === tenantId && each.expiresAt > now).sort(byId),
    findInvitation: async (tenantId, id) => invitations.find(isInvitation(tenantId, id)),
    deleteInvitation: async (tenantId, id) => invitations.delete(isInvitation(tenantId, id)) === 1,
  };
}

export function createUsage({ usageDays }: Tables): UsageRepository {
  return {
    async add(tenantId, counts) {
      for (const each of counts) {
        const { day, type, reason, count } = each;
        const added = usageDays.update(
          (row) => row.tenantId === tenantId && row.day === day && row.type === type && row.reason === reason,
          (row) => ({ count: row.count + count }),
        );
        if (added === 0) usageDays.insert({ tenantId, ...each });
      }
    },
    list: async (tenantId, from, to) =>
      usageDays
        .all((row) => row.tenantId === tenantId && row.day >= from && row.day <= to)
        .map(({ tenantId: _, ...count }) => count)
        .sort((a, b) => (JSON.stringify([a.day, a.type]) < JSON.stringify([b.day, b.type]) ? -1 : 1)),
  };
}

export function createDomains({ domains }: Tables): DomainRepository {
  const is = (tenantId: string, name: string) => (each: DomainProof) =>
    each.tenantId === tenantId && each.name === name;
  return {
    list: async (tenantId) =>
      domains.all((each) => each.tenantId === tenantId).sort((a, b) => (a.name < b.name ? -1 : 1)),
    find: async (tenantId, name) => domains.find(is(tenantId, name)),
    async insert(proof) {
      if (!domains.insert(proof)) throw new DuplicateError();
    },
    async verify(tenantId, name, at) {
      domains.update(is(tenantId, name), { verifiedAt: at });
    },
    delete: async (tenantId, name) => domains.delete(is(tenantId, name)) === 1,
  };
}

const withoutUsers = { users: { ids: [] }, position: { index: 0 } };

export function createUserJobs({ userJobs }: Tables): UserJobRepository {
  const is = (tenantId: string, id: string) => (each: UserJob) =>
    each.tenantId === tenantId && each.id === id;
  const isRunning = ({ state }: UserJob) => state === 'running';
  return {
    async insert(job) {
      userJobs.insert(job);
    },
    find: async (tenantId, id) => userJobs.find(is(tenantId, id)),
    list: async (tenantId, limit) =>
      userJobs
        .all((each) => each.tenantId === tenantId)
        .sort((a, b) => byId(b, a))
        .slice(0, limit),
    countRunning: async (tenantId) =>
      userJobs.all((each) => each.tenantId === tenantId && isRunning(each)).length,
    isDue: async (now) => userJobs.all((each) => isRunning(each) && each.leaseUntil <= now).length > 0,
    async claim(now, leaseUntil) {
      const [due] = userJobs
        .all((each) => isRunning(each) && each.leaseUntil <= now)
        .sort((a, b) => a.leaseUntil.getTime() - b.leaseUntil.getTime());
      if (due === undefined) return undefined;
      userJobs.update(is(due.tenantId, due.id), { leaseUntil });
      return { ...due, leaseUntil };
    },
    advance: async ({ tenantId, id, leaseUntil }, step) =>
      userJobs.update(
        (each) =>
          is(tenantId, id)(each) && isRunning(each) && each.leaseUntil.getTime() === leaseUntil.getTime(),
        { ...step, ...(step.state !== 'running' && withoutUsers) },
      ) === 1,
    cancel: async (tenantId, id, now) =>
      userJobs.update((each) => is(tenantId, id)(each) && isRunning(each), {
        state: 'cancelled',
        endedAt: now,
        ...withoutUsers,
      }) === 1,
  };
}

/** Case and accents do not count in names. */
const fold = (name: string) => name.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase();

export function createUserList(tables: Tables): UserListRepository {
  const { users, identifiers, authenticators, identities } = tables;

  function placesOf(tenantId: string, filter: UserFilter): UserPlace[] {
    const own = users.all((each) => each.tenantId === tenantId);
    switch (filter.by) {
      case 'time': {
        const { status, from, until } = filter;
        return own
          .filter((each) => status === undefined || each.status === status)
          .filter(({ createdAt }) => (!from || createdAt >= from) && (!until || createdAt < until))
          .map(({ createdAt, id }) => ({ key: String(createdAt.getTime()), id }));
      }
      case 'email':
      case 'mobile': {
        const { by, prefix, isWhole } = filter;
        return identifiers
          .all((each) => each.tenantId === tenantId && each.kind === by)
          .filter(({ canonical }) => (isWhole ? canonical === prefix : canonical.startsWith(prefix)))
          .map(({ canonical, userId }) => ({ key: canonical, id: userId }));
      }
      case 'firstName':
      case 'lastName':
        return own
          .filter(({ profile }) => fold(profile[filter.by]).startsWith(fold(filter.prefix)))
          .map(({ id, profile }) => ({ key: profile[filter.by], id }));
      case 'id':
        return own
          .filter(({ id }) => id >= filter.least && id <= filter.most)
          .map(({ id }) => ({ key: '', id }));
      case 'authenticator':
      case 'provider': {
        const found =
          filter.by === 'provider'
            ? identities.all((each) => each.tenantId === tenantId && each.provider === filter.provider)
            : authenticators.all((each) => each.tenantId === tenantId && each.kind === filter.kind);
        return [...new Set(found.map(({ userId }) => userId))].map((id) => ({ key: '', id }));
      }
    }
  }

  return {
    async list(tenantId, filter, after, limit, earlier = []) {
      const order = (place: UserPlace) => JSON.stringify([fold(place.key), place.id]);
      const isBefore = (a: UserPlace, b: UserPlace) =>
        filter.by === 'time' ? order(a) > order(b) : order(a) < order(b);
      const found = placesOf(tenantId, filter)
        .sort((a, b) => (isBefore(a, b) ? -1 : 1))
        .filter((place) => after === undefined || isBefore(after, place));
      const page = found.slice(0, limit);
      const listed = new Set(earlier.flatMap((each) => placesOf(tenantId, each).map(({ id }) => id)));
      const places = page.filter(({ id }) => !listed.has(id));
      return {
        users: places.flatMap(({ id }) => viewOf(tables, tenantId, id) ?? []),
        places,
        next: found.length > limit ? page.at(-1) : undefined,
      };
    },
  };
}
