import { and, asc, eq, gt, isNull, lt, lte, or, sql } from 'drizzle-orm';
import type { AccountChange, AccountChangeRepository, Former } from '../domain/account-change.ts';
import type { Database } from './database.ts';
import { accountChanges as table, users } from './tables/users.ts';

type Row = typeof table.$inferSelect;

function toFormer(row: Row): Former {
  const { kind, userId, address, canonical, confirmedAt, addedAt, passwordHash, passkeyOnly } = row;
  if (kind === 'passkeys') return { kind };
  if (kind === 'password')
    return { kind, passwordHash: passwordHash ?? undefined, isPasskeyOnly: passkeyOnly };
  if (address === null || canonical === null || addedAt === null) return { kind, identifier: undefined };
  return {
    kind,
    identifier: { kind, userId, address, canonical, confirmedAt: confirmedAt ?? undefined, addedAt },
  };
}

function toRow({ former, isProvable, ...change }: AccountChange): typeof table.$inferInsert {
  const { kind } = former;
  const row = { ...change, kind, passkeyOnly: false, provable: isProvable };
  if (former.kind === 'passkeys') return row;
  if (former.kind === 'password')
    return { ...row, passwordHash: former.passwordHash ?? null, passkeyOnly: former.isPasskeyOnly };
  const { address, canonical, confirmedAt, addedAt } = former.identifier ?? {};
  return { ...row, address, canonical, confirmedAt, addedAt };
}

export function createAccountChangeRepository(db: Database): AccountChangeRepository {
  const ofUser = (tenantId: string, userId: string) =>
    and(eq(table.tenantId, tenantId), eq(table.userId, userId));
  const isUser = (tenantId: string, userId: string) =>
    and(eq(users.tenantId, tenantId), eq(users.id, userId));
  const extend: AccountChangeRepository['extend'] = async (tenantId, userId, { now, until }) => {
    const isShorter = and(gt(table.expiresAt, now), lt(table.expiresAt, until));
    await db
      .update(table)
      .set({ expiresAt: until })
      .where(and(ofUser(tenantId, userId), isShorter));
  };
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
        const { id, provable: isProvable, changedAt, expiresAt } = row;
        return { tenantId, userId, id, changedAt, expiresAt, isProvable, former: toFormer(row) };
      });
    },

    async freeze(tenantId, userId, { now, until, since }) {
      const isFree = or(isNull(users.frozenUntil), lte(users.frozenUntil, since));
      const [frozen] = await db
        .update(users)
        .set({ frozenUntil: until })
        .where(and(isUser(tenantId, userId), isFree));
      if (frozen.affectedRows !== 1) return false;
      await extend(tenantId, userId, { now, until });
      return true;
    },

    extend,

    async settle(tenantId, userId, { ageMs, until }) {
      const end = sql`GREATEST(${table.changedAt} + INTERVAL ${ageMs / 1000} SECOND, ${sql.param(until, table.expiresAt)})`;
      await db
        .update(table)
        .set({ provable: true, expiresAt: sql`LEAST(${table.expiresAt}, ${end})` })
        .where(ofUser(tenantId, userId));
    },

    async thaw(tenantId, userId, now) {
      // The end stays known: the link that froze the account does not do so again.
      await db
        .update(users)
        .set({ frozenUntil: now })
        .where(and(isUser(tenantId, userId), gt(users.frozenUntil, now)));
    },

    async forget(tenantId, userId, kind) {
      await db
        .delete(table)
        .where(and(ofUser(tenantId, userId), kind === undefined ? undefined : eq(table.kind, kind)));
    },
  };
}
