import { mysqlTable, primaryKey, varchar } from 'drizzle-orm/mysql-core';
import { bytes, exact, instant, uuid } from '../columns.ts';

export const trustedDevices = mysqlTable(
  'trusted_devices',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    userId: uuid('user_id').notNull(),
    jkt: bytes('jkt', { type: 'binary(32)' }).notNull(),
    address: exact('address', { length: 45 }).notNull(),
    userAgent: varchar('user_agent', { length: 256 }).notNull(),
    createdAt: instant('created_at').notNull(),
    lastUsedAt: instant('last_used_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);
