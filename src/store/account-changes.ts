import { and, asc, eq, gt, isNull, lte, or } from 'drizzle-orm';
import type { AccountChange, AccountChangeRepository, Former } from '../domain/account-change.ts';
import type { Database } from './database.ts';
import { accountChanges as table, users } from './tables/users.ts';

type Row = typeof table.$inferSelect;

function toFormer({ kind, userId, address, canonical, confirmedAt, addedAt, passwordHash }: Row): Former {
  if (kind === 'password') return { kind, passwordHash: passwordHash ?? undefined };
  if (address === null || canonical === null || addedAt === null) return { kind, identifier: undefined };
  return {
    kind,
    identifier: { kind, userId, address, canonical, confirmedAt: confirmedAt ?? undefined, addedAt },
  };
}

function toRow({ former, ...change }: AccountChange): typeof table.$inferInsert {
  const { kind } = former;
  if (former.kind === 'password') return { ...change, kind, passwordHash: former.passwordHash ?? null };
  const { address, canonical, confirmedAt, addedAt } = former.identifier ?? {};
  return { ...change, kind, address, canonical, confirmedAt, addedAt };
}

export function createAccountChangeRepository(db: Database): AccountChangeRepository {
  const ofUser = (tenantId: string, userId: string) =>
    and(eq(table.tenantId, tenantId), eq(table.userId, userId));
  const isUser = (tenantId: string, userId: string) =>
    and(eq(users.tenantId, tenantId), eq(users.id, userId));
  return {
    async add(change) {
      await db.insert(table).values(toRow(change));
    },

    async list(tenantId, userId, now) {
      const rows = await db
        .select()
        .from(table)
        .where(and(ofUser(tenantId, userId), gt(table.expiresAt, now)))
        .orderBy(asc(table.id));
      return rows.map((row) => {
        const { id, changedAt, expiresAt } = row;
        return { tenantId, userId, id, changedAt, expiresAt, former: toFormer(row) };
      });
    },

    async freeze(tenantId, userId, now, until) {
      const isFree = or(isNull(users.frozenUntil), lte(users.frozenUntil, now));
      const [frozen] = await db
        .update(users)
        .set({ frozenUntil: until })
        .where(and(isUser(tenantId, userId), isFree));
      if (frozen.affectedRows !== 1) return false;
      await db
        .update(table)
        .set({ expiresAt: until })
        .where(and(ofUser(tenantId, userId), gt(table.expiresAt, now)));
      return true;
    },

    async thaw(tenantId, userId) {
      await db.update(users).set({ frozenUntil: null }).where(isUser(tenantId, userId));
    },

    async forget(tenantId, userId, kind) {
      await db
        .delete(table)
        .where(and(ofUser(tenantId, userId), kind === undefined ? undefined : eq(table.kind, kind)));
    },
  };
}
