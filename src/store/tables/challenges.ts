import { int, mysqlTable, primaryKey } from 'drizzle-orm/mysql-core';
import type { ChallengePurpose } from '../../domain/challenge.ts';
import type { Message } from '../../domain/message.ts';
import { bytes, exact, instant, uuid } from '../columns.ts';

export const challenges = mysqlTable(
  'challenges',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    userId: uuid('user_id'),
    purpose: exact('purpose', { length: 32 }).$type<ChallengePurpose>().notNull(),
    slot: uuid('slot').notNull(),
    digest: bytes('digest', { type: 'varbinary(32)' }).notNull(),
    identifier: exact('identifier', { length: 254 }).notNull(),
    channel: exact('channel', { length: 8 }).$type<Message['channel']>(),
    data: bytes('data', { type: 'varbinary(4096)' }),
    attempts: int('attempts', { unsigned: true }).notNull().default(0),
    expiresAt: instant('expires_at').notNull(),
    consumedAt: instant('consumed_at'),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);
