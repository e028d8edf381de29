import { int, mysqlTable, primaryKey } from 'drizzle-orm/mysql-core';
import type { AttemptKind } from '../../domain/attempt.ts';
import { bytes, exact, instant, uuid } from '../columns.ts';

export const attemptCounters = mysqlTable(
  'guess_counters',
  {
    tenantId: uuid('tenant_id').notNull(),
    kind: exact('kind', { length: 32 }).$type<AttemptKind>().notNull(),
    subject: uuid('subject').notNull(),
    failures: int('failures', { unsigned: true }).notNull(),
    // Behind failures, which it is computed from.
    wrong: int('wrong', { unsigned: true }).notNull().default(0),
    nextAttemptAt: instant('next_attempt_at'),
    attemptedAt: instant('attempted_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.kind, table.subject] })],
);

export const budgets = mysqlTable(
  'budgets',
  {
    tenantId: uuid('tenant_id').notNull(),
    name: exact('name', { length: 64 }).notNull(),
    subject: bytes('subject', { type: 'varbinary(32)' }).notNull(),
    // In this order: Drizzle writes assignments in the order of the columns, MySQL runs them in
    // the order of writing; each of these is computed from the ones after it.
    previous: int('previous', { unsigned: true }).notNull(),
    previousStart: instant('previous_start').notNull(),
    previousEnd: instant('previous_end').notNull(),
    usedAt: instant('used_at').notNull(),
    used: int('used', { unsigned: true }).notNull(),
    windowStart: instant('window_start').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.name, table.subject] })],
);

export const idempotency = mysqlTable(
  'idempotency',
  {
    tenantId: uuid('tenant_id').notNull(),
    digest: bytes('digest', { type: 'binary(32)' }).notNull(),
    requestDigest: bytes('request_digest', { type: 'binary(32)' }).notNull(),
    answer: bytes('answer', { type: 'mediumblob' }),
    leaseUntil: instant('lease_until').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.digest] })],
);

export const spentProofs = mysqlTable(
  'spent_proofs',
  {
    tenantId: uuid('tenant_id').notNull(),
    digest: bytes('digest', { type: 'binary(32)' }).notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.digest] })],
);

export const leases = mysqlTable('leases', {
  name: exact('name', { length: 64 }).primaryKey(),
  holder: uuid('holder').notNull(),
  until: instant('until').notNull(),
});
