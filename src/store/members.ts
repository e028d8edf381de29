import { and, asc, eq, gt, gte, inArray, lt, lte, sql } from 'drizzle-orm';
import { actingRoles, type Invitation, type MemberRepository } from '../domain/member.ts';
import { manamSlug } from '../domain/tenant.ts';
import type { UsageRepository } from '../domain/usage.ts';
import type { Database } from './database.ts';
import { invitations, members, usageDays } from './tables/members.ts';
import { tenants } from './tables/tenants.ts';
import { users } from './tables/users.ts';

function toInvitation(row: typeof invitations.$inferSelect): Invitation {
  return { ...row, invitedBy: row.invitedBy ?? undefined };
}

export function createMemberRepository(db: Database): MemberRepository {
  const isMember = (tenantId: string, userId: string) =>
    and(eq(members.tenantId, tenantId), eq(members.userId, userId));
  const isInvitation = (tenantId: string, id: string) =>
    and(eq(invitations.tenantId, tenantId), eq(invitations.id, id));

  return {
    async find(tenantId, userId) {
      const [row] = await db.select().from(members).where(isMember(tenantId, userId));
      return row;
    },

    async mayAct(tenantId, userId, issuedAt) {
      const rows = await db
        .select({ userId: members.userId })
        .from(members)
        .innerJoin(tenants, eq(tenants.slug, manamSlug))
        .innerJoin(
          users,
          and(eq(users.tenantId, tenants.id), eq(users.id, members.userId), eq(users.status, 'active')),
        )
        .where(
          and(
            isMember(tenantId, userId),
            inArray(members.role, [...actingRoles]),
            // Tokens know whole seconds.
            lt(members.createdAt, new Date(issuedAt.getTime() + 1000)),
          ),
        );
      return rows.length === 1;
    },

    list: async (tenantId) =>
      await db
        .select()
        .from(members)
        .where(eq(members.tenantId, tenantId))
        .orderBy(asc(members.createdAt), asc(members.userId)),

    listOfUser: async (userId) =>
      await db.select().from(members).where(eq(members.userId, userId)).orderBy(asc(members.tenantId)),

    async insert(member) {
      await db.insert(members).values(member);
    },

    async changeRole({ tenantId, userId, role: known }, role) {
      const [result] = await db
        .update(members)
        .set({ role })
        .where(and(isMember(tenantId, userId), eq(members.role, known)));
      return result.affectedRows === 1;
    },

    async delete(tenantId, userId) {
      const [result] = await db.delete(members).where(isMember(tenantId, userId));
      return result.affectedRows === 1;
    },

    async deleteOfUser(userId) {
      await db.delete(members).where(eq(members.userId, userId));
    },

    async insertInvitation(invitation) {
      await db.insert(invitations).values(invitation);
    },

    async listInvitations(tenantId, now) {
      const rows = await db
        .select()
        .from(invitations)
        .where(and(eq(invitations.tenantId, tenantId), gt(invitations.expiresAt, now)))
        .orderBy(asc(invitations.id));
      return rows.map(toInvitation);
    },

    async findInvitation(tenantId, id) {
      const [row] = await db.select().from(invitations).where(isInvitation(tenantId, id));
      return row && toInvitation(row);
    },

    async deleteInvitation(tenantId, id) {
      const [result] = await db.delete(invitations).where(isInvitation(tenantId, id));
      return result.affectedRows === 1;
    },
  };
}

export function createUsageRepository(db: Database): UsageRepository {
  return {
    async add(tenantId, counts) {
      if (counts.length === 0) return;
      await db
        .insert(usageDays)
        .values(counts.map((count) => ({ tenantId, ...count })))
        .onDuplicateKeyUpdate({ set: { count: sql`${usageDays.count} + VALUES(${usageDays.count})` } });
    },

    list: async (tenantId, from, to) =>
      await db
        .select({
          day: usageDays.day,
          type: usageDays.type,
          reason: usageDays.reason,
          count: usageDays.count,
        })
        .from(usageDays)
        .where(and(eq(usageDays.tenantId, tenantId), gte(usageDays.day, from), lte(usageDays.day, to)))
        .orderBy(asc(usageDays.day), asc(usageDays.type), asc(usageDays.reason)),
  };
}
