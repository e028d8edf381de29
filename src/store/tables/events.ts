import { bigint, int, mysqlTable, primaryKey, tinyint, varchar } from 'drizzle-orm/mysql-core';
import type { Event } from '../../domain/events.ts';
import { bytes, exact, instant, uuid } from '../columns.ts';

const counter = (name: string) => bigint(name, { mode: 'number', unsigned: true });

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
    // Null until the sequencer numbers the row.
    position: counter('position'),
    salt: bytes('salt', { type: 'binary(16)' }),
    commitment: bytes('commitment', { type: 'binary(32)' }),
    mac: bytes('mac', { type: 'binary(32)' }),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const eventLogs = mysqlTable(
  'event_logs',
  {
    tenantId: uuid('tenant_id').notNull(),
    number: int('number', { unsigned: true }).notNull(),
    logId: uuid('log_id').notNull(),
    start: counter('start').notNull(),
    size: counter('size').notNull(),
    startedAt: instant('started_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.number] })],
);

export const eventTiles = mysqlTable(
  'event_tiles',
  {
    tenantId: uuid('tenant_id').notNull(),
    number: int('number', { unsigned: true }).notNull(),
    level: tinyint('level', { unsigned: true }).notNull(),
    tile: counter('tile').notNull(),
    hashes: bytes('hashes', { type: 'varbinary(8192)' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.number, table.level, table.tile] })],
);

export const eventSequencer = mysqlTable('event_sequencer', {
  id: tinyint('id', { unsigned: true }).primaryKey(),
  token: uuid('token').notNull(),
  until: instant('until').notNull(),
  numbered: counter('numbered').notNull(),
  opened: bytes('opened', { type: 'varbinary(255)' }),
});
