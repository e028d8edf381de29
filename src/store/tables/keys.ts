import { mysqlTable, varchar } from 'drizzle-orm/mysql-core';
import { bytes, instant, json, uuid } from '../columns.ts';

export const dataKeys = mysqlTable('data_keys', {
  id: uuid('id').primaryKey(),
  sealed: bytes('sealed').notNull(),
  createdAt: instant('created_at').notNull(),
});

export const signingKeys = mysqlTable('signing_keys', {
  id: uuid('id').primaryKey(),
  publicJwk: json('public_jwk').$type<Record<string, unknown>>().notNull(),
  sealed: bytes('sealed', { type: 'varbinary(1024)' }).notNull(),
  createdAt: instant('created_at').notNull(),
  activatesAt: instant('activates_at').notNull(),
});

export const adminKeys = mysqlTable('admin_keys', {
  id: uuid('id').primaryKey(),
  name: varchar('name', { length: 100 }).notNull(),
  digest: bytes('digest', { type: 'varbinary(32)' }).notNull(),
  createdAt: instant('created_at').notNull(),
  revokedAt: instant('revoked_at'),
});
