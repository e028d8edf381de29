import { and, asc, count, desc, eq, lte } from 'drizzle-orm';
import type { JobUsers, UserJob, UserJobRepository } from '../domain/user-job.ts';
import type { UserFilter } from '../domain/user-list.ts';
import type { Database } from './database.ts';
import { userJobs } from './tables/members.ts';

type Row = typeof userJobs.$inferSelect;

/** JSON has no times. */
function reviveUsers(users: JobUsers): JobUsers {
  if ('ids' in users) return users;
  const revive = (filter: UserFilter): UserFilter => {
    if (filter.by !== 'time') return filter;
    const { from, until } = filter;
    return { ...filter, ...(from && { from: new Date(from) }), ...(until && { until: new Date(until) }) };
  };
  return { filters: users.filters.map(revive) };
}

function toJob({ users, keyId, memberId, endedAt, ...row }: Row): UserJob {
  return {
    ...row,
    users: reviveUsers(users),
    keyId: keyId ?? undefined,
    memberId: memberId ?? undefined,
    endedAt: endedAt ?? undefined,
  };
}

/** Selection and place may contain personal data, so they are deleted with the end of the job. */
const withoutUsers = { users: { ids: [] }, position: { index: 0 } };

export function createUserJobRepository(db: Database): UserJobRepository {
  const is = (tenantId: string, id: string) => and(eq(userJobs.tenantId, tenantId), eq(userJobs.id, id));
  const isRunning = eq(userJobs.state, 'running');

  return {
    async insert({ roles, ...job }) {
      await db.insert(userJobs).values({ ...job, roles: [...roles] });
    },

    async find(tenantId, id) {
      const [row] = await db.select().from(userJobs).where(is(tenantId, id));
      return row && toJob(row);
    },

    async list(tenantId, limit) {
      const rows = await db
        .select()
        .from(userJobs)
        .where(eq(userJobs.tenantId, tenantId))
        .orderBy(desc(userJobs.id))
        .limit(limit);
      return rows.map(toJob);
    },

    async countRunning(tenantId) {
      const [row] = await db
        .select({ running: count() })
        .from(userJobs)
        .where(and(eq(userJobs.tenantId, tenantId), isRunning));
      return row?.running ?? 0;
    },

    async isDue(now) {
      const rows = await db
        .select({ id: userJobs.id })
        .from(userJobs)
        .where(and(isRunning, lte(userJobs.leaseUntil, now)))
        .limit(1);
      return rows.length > 0;
    },

    async claim(now, leaseUntil) {
      const [row] = await db
        .select()
        .from(userJobs)
        .where(and(isRunning, lte(userJobs.leaseUntil, now)))
        .orderBy(asc(userJobs.leaseUntil))
        .limit(1)
        .for('update', { skipLocked: true });
      if (row === undefined) return undefined;
      await db.update(userJobs).set({ leaseUntil }).where(is(row.tenantId, row.id));
      return toJob({ ...row, leaseUntil });
    },

    async advance({ tenantId, id, leaseUntil }, step) {
      const [result] = await db
        .update(userJobs)
        .set({
          ...step,
          endedAt: step.endedAt ?? null,
          ...(step.state !== 'running' && withoutUsers),
        })
        .where(and(is(tenantId, id), isRunning, eq(userJobs.leaseUntil, leaseUntil)));
      return result.affectedRows === 1;
    },

    async cancel(tenantId, id, now) {
      const [result] = await db
        .update(userJobs)
        .set({ state: 'cancelled', endedAt: now, ...withoutUsers })
        .where(and(is(tenantId, id), isRunning));
      return result.affectedRows === 1;
    },
  };
}
