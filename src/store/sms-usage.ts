import { and, eq, gte, lte, sql } from 'drizzle-orm';
import type { SmsPeriod, SmsUsageRepository } from '../domain/sms-usage.ts';
import type { Database } from './database.ts';
import { smsBackoffs as backoffs, smsCounters as counters } from './tables/messages.ts';

export function createSmsUsageRepository(db: Database): SmsUsageRepository {
  async function add(tenantId: string, period: SmsPeriod, sent: number, confirmed: number) {
    await db
      .insert(counters)
      .values({ tenantId, ...period, sent, confirmed })
      .onDuplicateKeyUpdate({
        set: { sent: sql`${counters.sent} + ${sent}`, confirmed: sql`${counters.confirmed} + ${confirmed}` },
      });
  }

  return {
    async backOff(tenantId, number, { firstDelayS, maxDelayS, forgetAfterS }, now) {
      const is = and(eq(backoffs.tenantId, tenantId), eq(backoffs.number, number));
      const nextAt = new Date(now.getTime() + firstDelayS * 1000);
      const [inserted] = await db.insert(backoffs).ignore().values({ tenantId, number, sent: 1, nextAt });
      if (inserted.affectedRows === 1) return undefined;
      const nowText = sql.param(now, backoffs.nextAt);
      const isForgotten = sql`${backoffs.nextAt} < ${nowText} - INTERVAL ${forgetAfterS} SECOND`;
      // The assignments run in the order of the columns: the second sees the new number.
      const [updated] = await db
        .update(backoffs)
        .set({
          sent: sql`IF(${isForgotten}, 1, ${backoffs.sent} + 1)`,
          nextAt: sql`${nowText} + INTERVAL LEAST(${maxDelayS}, ${firstDelayS} * POW(2, LEAST(${backoffs.sent} - 1, 20))) SECOND`,
        })
        .where(and(is, lte(backoffs.nextAt, now)));
      if (updated.affectedRows === 1) return undefined;
      const [row] = await db.select({ nextAt: backoffs.nextAt }).from(backoffs).where(is);
      return row?.nextAt ?? nextAt;
    },

    async forgetBackOff(tenantId, number) {
      await db.delete(backoffs).where(and(eq(backoffs.tenantId, tenantId), eq(backoffs.number, number)));
    },

    countSent: (tenantId, period, by) => add(tenantId, period, by, 0),
    countConfirmed: (tenantId, period) => add(tenantId, period, 0, 1),

    async totals(tenantId, country, audience, since) {
      const [row] = await db
        .select({
          sent: sql<string | null>`SUM(${counters.sent})`,
          confirmed: sql<string | null>`SUM(${counters.confirmed})`,
        })
        .from(counters)
        .where(
          and(
            eq(counters.tenantId, tenantId),
            eq(counters.country, country),
            eq(counters.audience, audience),
            gte(counters.hour, since),
          ),
        );
      return { sent: Number(row?.sent ?? 0), confirmed: Number(row?.confirmed ?? 0) };
    },
  };
}
