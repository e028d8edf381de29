import { bigint, int, mysqlTable, primaryKey, smallint, varchar } from 'drizzle-orm/mysql-core';
import type { DeliveryStatus, DisabledReason } from '../../domain/webhook.ts';
import { bytes, exact, instant, json, uuid } from '../columns.ts';

export const webhooks = mysqlTable(
  'webhooks',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    url: varchar('url', { length: 2048 }).notNull(),
    description: varchar('description', { length: 200 }).notNull(),
    types: json('types').$type<string[]>().notNull(),
    // Sealed: the secrets and until when each one signs.
    secrets: bytes('secrets', { type: 'varbinary(1024)' }).notNull(),
    disabledReason: exact('disabled_reason', { length: 16 }).$type<DisabledReason | ''>().notNull(),
    position: bigint('position', { mode: 'number', unsigned: true }).notNull(),
    failingSince: instant('failing_since'),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const webhookDeliveries = mysqlTable(
  'webhook_deliveries',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    webhookId: uuid('webhook_id').notNull(),
    eventId: uuid('event_id').notNull(),
    type: exact('type', { length: 64 }).notNull(),
    status: exact('status', { length: 16 }).$type<DeliveryStatus>().notNull(),
    attempts: int('attempts', { unsigned: true }).notNull(),
    claims: int('claims', { unsigned: true }).notNull(),
    nextAttemptAt: instant('next_attempt_at').notNull(),
    createdAt: instant('created_at').notNull(),
    since: instant('since').notNull(),
    endedAt: instant('ended_at'),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const webhookAttempts = mysqlTable(
  'webhook_attempts',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    deliveryId: uuid('delivery_id').notNull(),
    statusCode: smallint('status_code', { unsigned: true }).notNull(),
    error: exact('error', { length: 64 }).notNull(),
    response: varchar('response', { length: 1024 }).notNull(),
    durationMs: int('duration_ms', { unsigned: true }).notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);
