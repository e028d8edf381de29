import { LRUCache } from 'lru-cache';
import { type Caller, type Manager, managerOf } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { dayMs } from '../../domain/duration.ts';
import { DomainError, invalid, type Reason } from '../../domain/errors.ts';
import { sightOf } from '../../domain/member.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { isUuid } from '../../domain/token.ts';
import {
  type JobAction,
  type JobUsers,
  maxJobUsers,
  maxRunningJobs,
  type UserJob,
} from '../../domain/user-job.ts';
import { record } from '../events/record.ts';
import { rememberResult } from '../idempotency.ts';
import { filtersOf, type UserQuery } from './list-users.ts';
import { asActor, findManam } from './manager.ts';
import type { createUserCare } from './user-care.ts';
import type { createUserAdmin } from './users.ts';

export type StartJobCommand = {
  readonly action: JobAction;
  readonly userIds: readonly string[];
  /** The users, where none are named. */
  readonly query: Omit<UserQuery, 'pageSize' | 'pageToken'>;
  /** Whether all users are meant where the query says nothing. */
  readonly all: boolean;
  readonly roles: readonly string[];
};

export type UserJobDeps = {
  readonly store: Store<'userJobs' | 'userList' | 'tenants' | 'users' | 'members' | 'events' | 'idempotency'>;
  readonly users: ReturnType<typeof createUserAdmin>;
  readonly userCare: ReturnType<typeof createUserCare>;
  readonly clock: Clock;
  readonly random: Random;
};

const listed = 50;
/** Users of one step, and the time in which an instance has to do it. */
const stepUsers = 20;
const leaseMs = 60_000;
const maxAgeMs = dayMs;

/** The failures that say something of the user, and that another attempt would end with as well. */
const finalReasons: ReadonlySet<Reason> = new Set(['NOT_FOUND', 'REQUEST_INVALID', 'LAST_OWNER']);
/** Failed steps after which the user at whom they stop counts as failed, so that one user does not block the job. */
const maxTries = 3;
const maxKnownTries = 1000;

/** Actions on many users: begun by a call, done in the background. */
export function createUserJobs(deps: UserJobDeps) {
  const { store, clock, random } = deps;

  async function find({ tenant }: Caller, id: string): Promise<UserJob> {
    const found = isUuid(id) ? await store.userJobs.find(tenant.id, id) : undefined;
    if (found === undefined) throw new DomainError('NOT_FOUND');
    return found;
  }

  function usersOf({ tenant, member }: Caller, { userIds, query, all }: StartJobCommand): JobUsers {
    if (userIds.length > 0) {
      if (userIds.length > maxJobUsers || !userIds.every(isUuid))
        throw invalid({ field: 'user_ids', reason: 'FIELD_INVALID' });
      return { ids: [...new Set(userIds)] };
    }
    const filters = filtersOf({ ...query, pageSize: 0, pageToken: '' }, tenant.policy, sightOf(member?.role));
    const [first] = filters;
    const isUnlimited = first?.by === 'time' && Object.keys(first).length === 1;
    // An omitted filter must not select all users.
    if (isUnlimited && !all) throw invalid({ field: 'user_ids', reason: 'FIELD_REQUIRED' });
    return { filters };
  }

  return {
    find,
    list: ({ tenant }: Caller): Promise<UserJob[]> => store.userJobs.list(tenant.id, listed),

    async start(caller: Caller, command: StartJobCommand): Promise<{ id: string }> {
      const { tenant, requestId } = caller;
      const { action, roles } = command;
      if (roles.some((role) => !Object.hasOwn(tenant.policy.roles, role)))
        throw invalid({ field: 'roles', reason: 'ROLE_UNKNOWN' });
      const manager = managerOf(caller);
      const now = clock();
      const job: UserJob = {
        tenantId: tenant.id,
        id: random.uuid(),
        action,
        users: usersOf(caller, command),
        roles: [...new Set(roles)],
        state: 'running',
        position: { index: 0 },
        done: 0,
        failed: 0,
        keyId: manager.keyId,
        memberId: manager.member?.userId,
        requestId,
        createdAt: now,
        endedAt: undefined,
        leaseUntil: now,
      };
      await store.transaction(async (repositories) => {
        const { tenants, userJobs } = repositories;
        await tenants.findForUpdate(tenant.id);
        if ((await userJobs.countRunning(tenant.id)) >= maxRunningJobs)
          throw new DomainError('JOB_LIMIT', { metadata: { most: String(maxRunningJobs) } });
        await userJobs.insert(job);
        const details = { job: job.id, action };
        await record(repositories, deps, asActor(manager, tenant), { type: 'users.job_started', details });
        await rememberResult(repositories, caller, { id: job.id });
      });
      return { id: job.id };
    },

    async cancel(caller: Caller, id: string): Promise<UserJob> {
      const { action, done, failed } = await find(caller, id);
      await store.transaction(async (repositories) => {
        if (!(await repositories.userJobs.cancel(caller.tenant.id, id, clock()))) return;
        const actor = asActor(managerOf(caller), caller.tenant);
        const details = { job: id, action, done, failed };
        await record(repositories, deps, actor, { type: 'users.job_ended', details });
      });
      return await find(caller, id);
    },
  };
}

/** Does a step of a job that waits; returns the number of its users. */
export function createJobRunner(deps: UserJobDeps) {
  const { store, users, userCare, clock } = deps;
  /** The user at whom each job has stopped, by its id. */
  const tries = new LRUCache<string, { readonly userId: string; readonly count: number }>({
    max: maxKnownTries,
  });

  /** A job goes on as long as its maker may still do the same. */
  async function isStillPermitted({ tenantId, keyId, memberId, createdAt }: UserJob): Promise<boolean> {
    // One that cannot go on for a day never will.
    if (clock().getTime() - createdAt.getTime() > maxAgeMs) return false;
    if (memberId !== undefined) {
      const [tenant, manam] = [await store.tenants.findById(tenantId), await findManam(store)];
      const account = await store.users.findById(manam.id, memberId);
      if (tenant?.status !== 'active' || account?.user.status !== 'active') return false;
      const member = await store.members.find(tenantId, memberId);
      return member?.role === 'admin' || member?.role === 'owner';
    }
    const [key] = keyId === undefined ? [] : await store.tenants.listLiveKeys([keyId], clock());
    return key?.scopes.includes('users.write') ?? false;
  }

  /** The users of the next step, each with the position after them, and that after all; undefined: there are no more. */
  async function nextUsers({ tenantId, users: wanted, position }: UserJob) {
    const { index, after } = position;
    if ('ids' in wanted) {
      const users = wanted.ids
        .slice(index, index + stepUsers)
        .map((id, passed) => ({ id, position: { index: index + passed + 1 } }));
      return users.length === 0 ? undefined : { users, position: { index: index + users.length } };
    }
    const filter = wanted.filters[index];
    if (filter === undefined) return undefined;
    const earlier = wanted.filters.slice(0, index);
    const { places, next } = await store.userList.list(tenantId, filter, after, stepUsers, earlier);
    const users = places.map((place) => ({ id: place.id, position: { index, after: place } }));
    return { users, position: next === undefined ? { index: index + 1 } : { index, after: next } };
  }

  /** Whether a step has failed with this user too often to be tried again. */
  function isHopeless({ id }: UserJob, userId: string): boolean {
    const count = tries.get(id)?.userId === userId ? (tries.get(id)?.count ?? 0) + 1 : 1;
    tries.set(id, { userId, count });
    return count >= maxTries;
  }

  async function act({ action, roles, tenantId: tenant }: UserJob, manager: Manager, user: string) {
    const reference = { tenant, user };
    if (action === 'disable') await users.disable(manager, reference);
    else if (action === 'enable') await users.enable(manager, reference);
    else if (action === 'delete') await users.delete(manager, reference);
    else if (action === 'set-roles') await users.setRoles(manager, reference, roles);
    else await userCare.endSessions(manager, { ...reference, sessionId: '' });
  }

  function managerFor({ keyId, memberId, requestId }: UserJob): Manager {
    // It comes from no network of anyone.
    const client = { address: '', userAgent: '' };
    const member =
      memberId === undefined
        ? {}
        : { member: { userId: memberId, role: 'admin', sessionId: '', isFresh: false } as const };
    return { requestId, client, keyId, ...member };
  }

  async function end(job: UserJob, tenant: Pick<Tenant, 'id'>, state: 'done' | 'cancelled'): Promise<void> {
    const { position, done, failed, id, action } = job;
    await store.transaction(async (repositories) => {
      const step = { state, position, done, failed, endedAt: clock(), leaseUntil: job.leaseUntil };
      if (!(await repositories.userJobs.advance(job, step))) return;
      const details = { job: id, action, done, failed };
      const actor = asActor(managerFor(job), tenant);
      await record(repositories, deps, actor, { type: 'users.job_ended', details });
    });
  }

  return async function runJobs(): Promise<number> {
    const now = clock();
    if (!(await store.userJobs.isDue(now))) return 0;
    const until = new Date(now.getTime() + leaseMs);
    const job = await store.transaction(({ userJobs }) => userJobs.claim(now, until));
    if (job === undefined) return 0;
    const tenant = { id: job.tenantId };
    if (!(await isStillPermitted(job))) {
      await end(job, tenant, 'cancelled');
      return 1;
    }
    const next = await nextUsers(job);
    if (next === undefined) {
      await end(job, tenant, 'done');
      return 1;
    }
    let { position, done, failed } = job;
    const advance = (leaseUntil: Date) =>
      store.userJobs.advance(job, {
        state: 'running',
        position,
        done,
        failed,
        endedAt: undefined,
        leaseUntil,
      });
    for (const { id, position: after } of next.users) {
      try {
        await act(job, managerFor(job), id);
        done += 1;
      } catch (error) {
        const isFinal = error instanceof DomainError && finalReasons.has(error.reason);
        if (!isFinal && !isHopeless(job, id)) {
          // The next attempt begins with this user and repeats none of those before.
          await advance(job.leaseUntil);
          throw error;
        }
        failed += 1;
      }
      position = after;
    }
    ({ position } = next);
    await advance(clock());
    return next.users.length + 1;
  };
}
