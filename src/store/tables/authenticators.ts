import { bigint, mysqlTable, primaryKey, tinyint, varchar } from 'drizzle-orm/mysql-core';
import type { AuthenticatorKind } from '../../domain/authenticator.ts';
import { bytes, exact, instant, uuid } from '../columns.ts';

export const authenticators = mysqlTable(
  'authenticators',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    userId: uuid('user_id').notNull(),
    kind: exact('kind', { length: 16 }).$type<AuthenticatorKind>().notNull(),
    slot: exact('slot', { length: 36 }).notNull(),
    label: varchar('label', { length: 100 }).notNull(),
    lookup: bytes('lookup', { type: 'varbinary(32)' }),
    counter: bigint('counter', { mode: 'number' }).notNull(),
    flags: tinyint('flags', { unsigned: true }).notNull(),
    data: bytes('data', { type: 'varbinary(4096)' }).notNull(),
    createdAt: instant('created_at').notNull(),
    lastUsedAt: instant('last_used_at'),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const recoveryCodes = mysqlTable(
  'recovery_codes',
  {
    tenantId: uuid('tenant_id').notNull(),
    userId: uuid('user_id').notNull(),
    digest: bytes('digest', { type: 'binary(32)' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.userId, table.digest] })],
);

export const foreignRecoveryCodes = mysqlTable(
  'foreign_recovery_codes',
  {
    tenantId: uuid('tenant_id').notNull(),
    userId: uuid('user_id').notNull(),
    hash: exact('hash', { length: 100 }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.userId, table.hash] })],
);

export const factorResets = mysqlTable(
  'factor_resets',
  {
    tenantId: uuid('tenant_id').notNull(),
    userId: uuid('user_id').notNull(),
    requestedAt: instant('requested_at').notNull(),
    readyAt: instant('ready_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.userId] })],
);
