import { and, eq, sql } from 'drizzle-orm';
import type { BudgetRepository } from '../domain/repositories/sessions.ts';
import type { Database } from './database.ts';
import { once, slot, slotsOf } from './prepared.ts';
import { budgets as table } from './schema.ts';

/** What the statement reports where too little is left. */
const refused = 4_294_967_295;

export function createBudgetRepository(prepared: Database): BudgetRepository {
  const charge = once(() => {
    const start = slot('windowStart', table.windowStart);
    const [amount, max] = [sql.placeholder('used'), sql.placeholder('max')];
    // Judged by the window that is still in the row, so it is assigned first. What is
    // refused is reported through LAST_INSERT_ID(…) and not owed.
    const spent = sql`IF(${table.windowStart} = ${start}, ${table.used}, 0)`;
    const isLeft = sql`LAST_INSERT_ID(IF(${spent} + ${amount} > ${max}, ${refused}, ${spent} + ${amount})) <> ${refused}`;
    const used = sql`IF(${isLeft}, ${spent} + ${amount}, ${spent})`;
    return prepared
      .insert(table)
      .values(slotsOf(table))
      .onDuplicateKeyUpdate({ set: { used, windowStart: sql`${start}` } })
      .prepare();
  });

  const refund = once(() =>
    prepared
      .update(table)
      .set({ used: sql`${table.used} - LEAST(${table.used}, ${sql.placeholder('amount')})` })
      .where(
        and(
          eq(table.tenantId, slot('tenantId', table.tenantId)),
          eq(table.name, slot('name', table.name)),
          eq(table.subject, slot('subject', table.subject)),
          eq(table.windowStart, slot('windowStart', table.windowStart)),
        ),
      )
      .prepare(),
  );

  return {
    async charge(tenantId, { name, max }, subject, windowStart, amount = 1) {
      if (amount > max) return false;
      const [result] = await charge().execute({ tenantId, name, subject, windowStart, used: amount, max });
      // A new row has gone through no LAST_INSERT_ID(…).
      return result.insertId !== refused;
    },

    async refund(given) {
      await refund().execute(given);
    },
  };
}
