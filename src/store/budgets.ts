import { and, type Column, eq, type SQL, sql } from 'drizzle-orm';
import type { BudgetRepository } from '../domain/budget.ts';
import type { Database } from './database.ts';
import { once, slot, slotsOf } from './prepared.ts';
import { budgets as table } from './tables/limits.ts';

/** Results from here on mean that too little is left, plus the milliseconds until there is enough. */
const refused = 4_294_967_296;

/** The milliseconds from one time to another. */
function between(from: SQL | Column | ReturnType<typeof slot>, to: SQL | Column | ReturnType<typeof slot>) {
  return sql`(TIMESTAMPDIFF(MICROSECOND, ${from}, ${to}) / 1000)`;
}

export function createBudgetRepository(prepared: Database): BudgetRepository {
  const charge = once(() => {
    const [now, before] = [slot('usedAt', table.usedAt), slot('before', table.windowStart)];
    const [amount, max, windowMs] = ['used', 'max', 'windowMs'].map((name) => sql.placeholder(name));
    // A window begins with its first use. Judged by the one that is still in the row, which is assigned last.
    const isOver = sql`${table.windowStart} <= ${before}`;
    const previous = sql`IF(${isOver}, ${table.used}, ${table.previous})`;
    const previousStart = sql`IF(${isOver}, ${table.windowStart}, ${table.previousStart})`;
    const previousEnd = sql`IF(${isOver}, ${table.usedAt}, ${table.previousEnd})`;
    const current = sql`IF(${isOver}, 0, ${table.used})`;
    // The share of the previous window within the last windowMs, as if it had been used evenly.
    const length = between(table.previousStart, table.previousEnd);
    const share = sql`IF(${table.previousStart} > ${before}, 1, ${between(before, table.previousEnd)} / ${length})`;
    const fading = sql`IF(${table.previousEnd} <= ${before}, 0, CEIL(${table.previous} * ${share}))`;
    const spent = sql`(${fading} + ${current})`;
    const untilOver = sql`${windowMs} - ${between(table.windowStart, now)} + ${between(table.windowStart, table.usedAt)} * (${current} + ${amount} - ${max}) / ${current}`;
    const untilFaded = sql`${between(before, table.previousEnd)} - ${length} * (${max} - ${amount} - ${current}) / ${table.previous}`;
    const retryMs = sql`CEIL(IF(${current} + ${amount} > ${max}, ${untilOver}, ${untilFaded}))`;
    const usedAt = sql`IF(${spent} + ${amount} > ${max}, ${table.usedAt}, ${now})`;
    // A rejection is reported through LAST_INSERT_ID(…) and charges nothing.
    const isLeft = sql`LAST_INSERT_ID(IF(${spent} + ${amount} > ${max}, ${refused} + ${retryMs}, ${spent} + ${amount})) < ${refused}`;
    const used = sql`IF(${isLeft}, ${current} + ${amount}, ${current})`;
    const windowStart = sql`IF(${isOver}, ${now}, ${table.windowStart})`;
    return prepared
      .insert(table)
      .values(slotsOf(table))
      .onDuplicateKeyUpdate({
        set: { previous, previousStart, previousEnd, usedAt, used, windowStart },
      })
      .prepare();
  });

  const refund = once(() => {
    const amount = sql.placeholder('amount');
    const countedAt = slot('countedAt', table.windowStart);
    const isCurrent = sql`${table.windowStart} <= ${countedAt}`;
    const isPrevious = sql`(${table.windowStart} > ${countedAt} AND ${table.previousStart} <= ${countedAt})`;
    return prepared
      .update(table)
      .set({
        previous: sql`${table.previous} - IF(${isPrevious}, LEAST(${table.previous}, ${amount}), 0)`,
        used: sql`${table.used} - IF(${isCurrent}, LEAST(${table.used}, ${amount}), 0)`,
      })
      .where(
        and(
          eq(table.tenantId, slot('tenantId', table.tenantId)),
          eq(table.name, slot('name', table.name)),
          eq(table.subject, slot('subject', table.subject)),
        ),
      )
      .prepare();
  });

  return {
    async charge(tenantId, { name, max, windowMs }, subject, now, amount = 1) {
      if (amount > max) return windowMs;
      const times = { usedAt: now, windowStart: now, previousStart: now, previousEnd: now };
      const row = { tenantId, name, subject, ...times, used: amount, previous: 0 };
      const before = new Date(now.getTime() - windowMs);
      const [result] = await charge().execute({ ...row, before, windowMs, max });
      // A new row has gone through no LAST_INSERT_ID(…).
      return result.insertId < refused ? 0 : Math.max(1, result.insertId - refused);
    },

    async refund({ uses, ...budget }) {
      const countedAt = new Date(Math.min(...uses.map(Number)));
      await refund().execute({ ...budget, amount: uses.length, countedAt });
    },
  };
}
