import { and, eq, gt, sql } from 'drizzle-orm';
import type { BudgetRepository } from '../domain/repositories.ts';
import type { Database } from './database.ts';
import { budgets as table } from './schema.ts';

export function createBudgetRepository(db: Database): BudgetRepository {
  return {
    async charge(tenantId, { name, max }, subject, windowStart, amount = 1) {
      const start = sql.param(windowStart, table.windowStart);
      // The number is judged by the window that is still in the row, so it is assigned
      // first. It stops one beyond the limit: what was refused is not owed.
      const used = sql`LAST_INSERT_ID(IF(${table.windowStart} = ${start}, LEAST(${table.used} + ${amount}, ${max + 1}), ${Math.min(amount, max + 1)}))`;
      const [result] = await db
        .insert(table)
        .values({ tenantId, name, subject, windowStart, used: Math.min(amount, max + 1) })
        .onDuplicateKeyUpdate({ set: { used, windowStart: sql`${start}` } });
      // A new row has gone through no LAST_INSERT_ID(…).
      return (result.insertId === 0 ? amount : result.insertId) <= max;
    },

    async refund(tenantId, name, subject, windowStart) {
      await db
        .update(table)
        .set({ used: sql`${table.used} - 1` })
        .where(
          and(
            eq(table.tenantId, tenantId),
            eq(table.name, name),
            eq(table.subject, subject),
            eq(table.windowStart, windowStart),
            gt(table.used, 0),
          ),
        );
    },
  };
}
