import { and, eq, exists, gt, or, type Param, sql } from 'drizzle-orm';
import type { AttemptCounter, AttemptRepository } from '../domain/attempt.ts';
import type { Database } from './database.ts';
import { bySize, once, slot, slotsOf, withIndex } from './prepared.ts';
import { attemptCounters as table } from './tables/limits.ts';
import { credentials } from './tables/users.ts';

/** Results of the statement for an attempt that is locked, and for one that may be tried later. */
const locked = 4_294_967_295;
const busy = 4_294_967_294;

export function createAttemptRepository(db: Database, prepared: Database): AttemptRepository {
  /** Counts an attempt, and with `withTotal` in a second row as well, which nothing locks. */
  const countStatement = (withTotal: boolean) =>
    once(() => {
      const nowText = slot('now', table.nextAttemptAt);
      const [free, cap] = [sql.placeholder('free'), sql.placeholder('cap')];
      const [firstDelayS, maxDelayS] = [sql.placeholder('firstDelayS'), sql.placeholder('maxDelayS')];
      const mayTry = sql`${table.failures} < ${cap} AND (${table.nextAttemptAt} IS NULL OR ${table.nextAttemptAt} <= ${nowText})`;
      const isTotal = sql`${table.kind} = ${slot('totalKind', table.kind)}`;
      const mayLater = sql`IF(${table.failures} > ${table.wrong}, ${busy}, ${locked})`;
      // The assignments run in order. The first reports through LAST_INSERT_ID(…) what
      // the attempt made of the row, which the driver hands back as insertId; the second
      // sees the new number and only moves a time that has passed.
      const counted = sql`IF(LAST_INSERT_ID(IF(${mayTry}, ${table.failures} + 1, ${mayLater})) >= ${busy}, ${table.failures}, ${table.failures} + 1)`;
      const failures = sql`IF(${isTotal}, ${table.failures} + 1, ${counted})`;
      // A stranger may fail for years: the power stays within what the database can add to a time.
      const doublings = sql`LEAST(${table.failures} - ${free}, 20)`;
      const delayS = sql`LEAST(${maxDelayS}, ${firstDelayS} * POW(2, ${doublings}))`;
      const delayed = sql`IF(${table.failures} < ${free}, NULL, ${nowText} + INTERVAL ${delayS} SECOND)`;
      const nextAttemptAt = sql`IF(${isTotal}, NULL, IF(${table.nextAttemptAt} > ${nowText}, ${table.nextAttemptAt}, ${delayed}))`;
      // Also where it may not be tried: what changes nothing is not waited for, and a locked account would answer sooner.
      const attemptedAt = sql`${nowText}`;
      const row = slotsOf(table);
      const total = {
        ...row,
        kind: sql.placeholder('totalKind'),
        subject: sql.placeholder('totalSubject'),
      };
      return prepared
        .insert(table)
        .values(withTotal ? [total, row] : [row])
        .onDuplicateKeyUpdate({ set: { failures, nextAttemptAt, attemptedAt } })
        .prepare();
    });
  const countOne = countStatement(false);
  const countBoth = countStatement(true);

  /** Selects and locks a user's password if it is still the compared one: a password change waits for this transaction, and then ends its session. */
  const comparedPassword = (of: Readonly<Record<'tenantId' | 'userId' | 'passwordHash', string | Param>>) =>
    db
      .select({ userId: credentials.userId })
      .from(credentials)
      .where(
        and(
          eq(credentials.tenantId, of.tenantId),
          eq(credentials.userId, of.userId),
          eq(credentials.passwordHash, of.passwordHash),
        ),
      )
      .for('update');

  /** Resets so many counters where the password is still the one that was compared. */
  const resetForPassword = bySize((size) => {
    const isCounter = Array.from({ length: size }, (_, index) =>
      and(
        eq(table.kind, slot(`kind${index}`, table.kind)),
        eq(table.subject, slot(`subject${index}`, table.subject)),
      ),
    );
    const compared = comparedPassword({
      tenantId: slot('tenantId', credentials.tenantId),
      userId: slot('userId', credentials.userId),
      passwordHash: slot('passwordHash', credentials.passwordHash),
    });
    return prepared
      .update(table)
      .set({ failures: 0, wrong: 0, nextAttemptAt: null })
      .where(and(eq(table.tenantId, slot('tenantId', table.tenantId)), or(...isCounter), exists(compared)))
      .prepare();
  });

  const is = (tenantId: string, { kind, subject }: AttemptCounter) =>
    and(eq(table.tenantId, tenantId), eq(table.kind, kind), eq(table.subject, subject));

  return {
    async count(tenantId, { kind, ...policy }, subject, now, total) {
      const row = { tenantId, kind, subject, failures: 1, wrong: 0, nextAttemptAt: null, attemptedAt: now };
      const totals = { totalKind: total?.kind ?? 'password-total', totalSubject: total?.subject ?? subject };
      const statement = total === undefined ? countOne() : countBoth();
      const [result] = await statement.execute({ ...policy, ...row, ...totals, now });
      // A new row has gone through no LAST_INSERT_ID(…).
      if (result.insertId === 0) return 1;
      if (result.insertId === locked) return 'locked';
      return result.insertId === busy ? 'busy' : result.insertId;
    },

    async failures(tenantId, counter) {
      const [row] = await db.select({ failures: table.failures }).from(table).where(is(tenantId, counter));
      return row?.failures ?? 0;
    },

    async countWrong(tenantId, counter, now) {
      // The time changes in any case, so that what was not counted takes as long.
      const attemptedAt = new Date(now.getTime() + 1);
      await db
        .update(table)
        .set({ wrong: sql`LEAST(${table.failures}, ${table.wrong} + 1)`, attemptedAt })
        .where(is(tenantId, counter));
    },

    async resetForPassword(tenantId, counters, userId, passwordHash) {
      const values = Object.assign({ tenantId, userId, passwordHash }, ...counters.map(withIndex));
      const [result] = await resetForPassword(counters.length).execute(values);
      if (result.affectedRows > 0) return true;
      // Retention takes counters without failures, also those that another sign-in of the user has reset a moment ago.
      return (await comparedPassword({ tenantId, userId, passwordHash })).length === 1;
    },

    async lower(tenantId, kind, userId, failures) {
      await db
        .update(table)
        .set({ failures, wrong: failures })
        .where(and(is(tenantId, { kind, subject: userId }), gt(table.failures, failures)));
    },

    async uncount(tenantId, counter) {
      await db
        .update(table)
        .set({
          failures: sql`${table.failures} - 1`,
          wrong: sql`LEAST(${table.wrong}, ${table.failures})`,
          nextAttemptAt: null,
        })
        .where(and(is(tenantId, counter), gt(table.failures, 0)));
    },

    async forget(tenantId, subject) {
      await db.delete(table).where(and(eq(table.tenantId, tenantId), eq(table.subject, subject)));
    },

    async reset(tenantId, ...counters) {
      await db
        .update(table)
        .set({ failures: 0, wrong: 0, nextAttemptAt: null })
        .where(or(...counters.map((counter) => is(tenantId, counter))));
    },
  };
}
