import { int, mysqlTable, primaryKey, tinyint } from 'drizzle-orm/mysql-core';
import type { Audience } from '../../domain/audience.ts';
import type { Channel, DeliveryStatus } from '../../domain/message.ts';
import { bytes, exact, instant, uuid } from '../columns.ts';

export const outbox = mysqlTable('outbox', {
  id: uuid('id').primaryKey(),
  tenantId: uuid('tenant_id').notNull(),
  channel: exact('channel', { length: 8 }).$type<Channel>().notNull().default('email'),
  status: exact('status', { length: 16 }).$type<DeliveryStatus | 'decoy'>().notNull(),
  payload: bytes('payload', { type: 'mediumblob' }),
  createdAt: instant('created_at').notNull(),
  expiresAt: instant('expires_at').notNull(),
  claims: int('claims', { unsigned: true }).notNull().default(0),
  attempts: int('attempts', { unsigned: true }).notNull().default(0),
  charged: tinyint('charged').notNull().default(0),
  nextAttemptAt: instant('next_attempt_at').notNull(),
  endedAt: instant('ended_at'),
  error: exact('error', { length: 64 }).notNull().default(''),
  recipient: bytes('recipient', { type: 'binary(32)' }),
});

export const smsBackoffs = mysqlTable(
  'sms_backoffs',
  {
    tenantId: uuid('tenant_id').notNull(),
    number: bytes('number', { type: 'binary(32)' }).notNull(),
    // Before nextAt, which is computed from it.
    sent: int('sent', { unsigned: true }).notNull(),
    nextAt: instant('next_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.number] })],
);

export const smsCounters = mysqlTable(
  'sms_counters',
  {
    tenantId: uuid('tenant_id').notNull(),
    country: exact('country', { length: 2 }).notNull(),
    hour: instant('hour').notNull(),
    audience: exact('audience', { length: 16 }).$type<Audience>().notNull(),
    sent: int('sent').notNull(),
    confirmed: int('confirmed').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.country, table.hour, table.audience] })],
);
