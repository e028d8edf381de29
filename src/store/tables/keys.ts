import { mysqlTable, varchar } from 'drizzle-orm/mysql-core';
import type { ApplicationKeyAlgorithm } from '../../domain/signing-key.ts';
import { bytes, exact, instant, json, uuid } from '../columns.ts';

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

export const applicationKeys = mysqlTable('application_keys', {
  id: uuid('id').primaryKey(),
  algorithm: exact('algorithm', { length: 16 }).$type<ApplicationKeyAlgorithm>().notNull(),
  publicJwk: json('public_jwk').$type<Record<string, unknown>>().notNull(),
  sealed: bytes('sealed', { type: 'varbinary(8192)' }).notNull(),
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
