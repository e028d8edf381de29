import { mysqlTable, primaryKey, varchar } from 'drizzle-orm/mysql-core';
import type { Event } from '../../domain/events.ts';
import { exact, instant, uuid } from '../columns.ts';

export const events = mysqlTable(
  'events',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    type: exact('type', { length: 64 }).$type<Event['type']>().notNull(),
    outcome: exact('outcome', { length: 8 }).$type<Event['outcome']>().notNull(),
    reason: exact('reason', { length: 64 }).$type<Event['reason']>().notNull(),
    // JSON; a text of bounded length, because it is written with nearly every call.
    details: varchar('details', { length: 1024 }).notNull(),
    keyId: uuid('key_id'),
    requestId: exact('request_id', { length: 36 }).notNull(),
    createdAt: instant('created_at').notNull(),
    userId: uuid('user_id'),
    sessionId: uuid('session_id'),
    address: exact('address', { length: 45 }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);
