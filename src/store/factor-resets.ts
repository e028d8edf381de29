import { and, eq, gt, lte } from 'drizzle-orm';
import type { FactorResetRepository } from '../domain/factor-reset.ts';
import type { Database } from './database.ts';
import { factorResets as table } from './tables/authenticators.ts';

export function createFactorResetRepository(db: Database): FactorResetRepository {
  const ofUser = (tenantId: string, userId: string) =>
    and(eq(table.tenantId, tenantId), eq(table.userId, userId));
  const find: FactorResetRepository['find'] = async (tenantId, userId, now) => {
    const [row] = await db
      .select()
      .from(table)
      .where(and(ofUser(tenantId, userId), gt(table.expiresAt, now)));
    return row;
  };
  return {
    async request(reset) {
      const { tenantId, userId, requestedAt } = reset;
      await db.delete(table).where(and(ofUser(tenantId, userId), lte(table.expiresAt, requestedAt)));
      await db.insert(table).ignore().values(reset);
      return (await find(tenantId, userId, requestedAt)) ?? reset;
    },

    find,

    async take({ tenantId, userId, requestedAt }, now) {
      const isIt = and(ofUser(tenantId, userId), eq(table.requestedAt, requestedAt), lte(table.readyAt, now));
      const [taken] = await db.delete(table).where(isIt);
      return taken.affectedRows === 1;
    },

    async end(tenantId, userId, now) {
      const [ended] = await db.delete(table).where(and(ofUser(tenantId, userId), gt(table.expiresAt, now)));
      return ended.affectedRows === 1;
    },
  };
}
