import { and, eq, gt, sql } from 'drizzle-orm';
import type { ResultSetHeader } from 'mysql2';
import type { GuessRepository } from '../domain/repositories/sessions.ts';
import type { Database } from './database.ts';
import { once, slot, slotsOf } from './prepared.ts';
import { credentials, guessCounters as table } from './schema.ts';

/** What the statement reports for an attempt that may not be tried. */
const refused = 4_294_967_295;

export function createGuessRepository(db: Database, prepared: Database): GuessRepository {
  const count = once(() => {
    const nowText = slot('now', table.nextAttemptAt);
    const [free, cap] = [sql.placeholder('free'), sql.placeholder('cap')];
    const [firstDelayS, maxDelayS] = [sql.placeholder('firstDelayS'), sql.placeholder('maxDelayS')];
    const mayTry = sql`${table.failures} < ${cap} AND (${table.nextAttemptAt} IS NULL OR ${table.nextAttemptAt} <= ${nowText})`;
    // The assignments run in order. The first reports through LAST_INSERT_ID(…) what
    // the attempt made of the row, which the driver hands back as insertId; the second
    // sees the new number and only moves a time that has passed.
    const failures = sql`IF(LAST_INSERT_ID(IF(${mayTry}, ${table.failures} + 1, ${refused})) = ${refused}, ${table.failures}, ${table.failures} + 1)`;
    const delayS = sql`LEAST(${maxDelayS}, ${firstDelayS} * POW(2, ${table.failures} - ${free}))`;
    const nextAttemptAt = sql`IF(${table.nextAttemptAt} > ${nowText}, ${table.nextAttemptAt}, IF(${table.failures} < ${free}, NULL, ${nowText} + INTERVAL ${delayS} SECOND))`;
    // Also where it may not be tried: what changes nothing is not waited for, and a locked account would answer sooner.
    const attemptedAt = sql`${nowText}`;
    return prepared
      .insert(table)
      .values(slotsOf(table))
      .onDuplicateKeyUpdate({ set: { failures, nextAttemptAt, attemptedAt } })
      .prepare();
  });

  return {
    async count(tenantId, { kind, ...policy }, subject, now) {
      const row = { tenantId, kind, subject, failures: 1, nextAttemptAt: null, attemptedAt: now };
      const [result] = await count().execute({ ...policy, ...row, now });
      // A new row has gone through no LAST_INSERT_ID(…).
      if (result.insertId === 0) return 1;
      return result.insertId === refused ? undefined : result.insertId;
    },

    async resetForPassword(tenantId, kind, userId, passwordHash) {
      const [result] = (await db.execute(sql`
        UPDATE ${table} JOIN ${credentials}
          ON ${credentials.tenantId} = ${table.tenantId} AND ${credentials.userId} = ${table.subject}
        SET ${table.failures} = 0, ${table.nextAttemptAt} = NULL
        WHERE ${table.tenantId} = ${sql.param(tenantId, table.tenantId)}
          AND ${table.kind} = ${sql.param(kind, table.kind)}
          AND ${table.subject} = ${sql.param(userId, table.subject)}
          AND ${credentials.passwordHash} = ${sql.param(passwordHash, credentials.passwordHash)}
      `)) as unknown as [ResultSetHeader];
      return result.affectedRows > 0;
    },

    async lower(tenantId, kind, userId, failures) {
      await db
        .update(table)
        .set({ failures })
        .where(
          and(
            eq(table.tenantId, tenantId),
            eq(table.kind, kind),
            eq(table.subject, userId),
            gt(table.failures, failures),
          ),
        );
    },

    async uncount(tenantId, kind, subject) {
      await db
        .update(table)
        .set({ failures: sql`${table.failures} - 1`, nextAttemptAt: null })
        .where(
          and(
            eq(table.tenantId, tenantId),
            eq(table.kind, kind),
            eq(table.subject, subject),
            gt(table.failures, 0),
          ),
        );
    },

    async forget(tenantId, subject) {
      await db.delete(table).where(and(eq(table.tenantId, tenantId), eq(table.subject, subject)));
    },

    async reset(tenantId, kind, subject) {
      await db
        .update(table)
        .set({ failures: 0, nextAttemptAt: null })
        .where(and(eq(table.tenantId, tenantId), eq(table.kind, kind), eq(table.subject, subject)));
    },
  };
}
