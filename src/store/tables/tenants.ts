import { mysqlTable, primaryKey, varchar } from 'drizzle-orm/mysql-core';
import type { KeyKind, KeyLimits, Scope } from '../../domain/api-key.ts';
import type { TenantPolicy } from '../../domain/policy.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { bytes, changeTime, exact, flag, instant, json, uuid } from '../columns.ts';

// The tables as the migrations leave them; a test compares the two. Keys and
// indexes are the migrations' business and repeated here only where a query needs
// them.

export const tenants = mysqlTable('tenants', {
  id: uuid('id').primaryKey(),
  slug: exact('slug', { length: 63 }).notNull(),
  name: varchar('name', { length: 100 }).notNull(),
  status: exact('status', { length: 16 }).$type<Tenant['status']>().notNull(),
  policy: json('policy').$type<TenantPolicy>().notNull(),
  createdAt: instant('created_at').notNull(),
  confined: flag('confined').notNull().default(false),
  deletedAt: instant('deleted_at'),
  changedAt: changeTime('changed_at'),
});

export const domains = mysqlTable(
  'domains',
  {
    tenantId: uuid('tenant_id').notNull(),
    name: exact('name', { length: 253 }).notNull(),
    token: exact('token', { length: 40 }).notNull(),
    createdAt: instant('created_at').notNull(),
    verifiedAt: instant('verified_at'),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.name] })],
);

export const apiKeys = mysqlTable('api_keys', {
  id: uuid('id').primaryKey(),
  tenantId: uuid('tenant_id').notNull(),
  kind: exact('kind', { length: 16 }).$type<KeyKind>().notNull(),
  scopes: json('scopes').$type<Scope[]>().notNull(),
  digest: bytes('digest', { type: 'varbinary(32)' }).notNull(),
  createdAt: instant('created_at').notNull(),
  revokedAt: instant('revoked_at'),
  name: varchar('name', { length: 100 }).notNull().default(''),
  expiresAt: instant('expires_at'),
  lastUsedAt: instant('last_used_at'),
  limits: json('limits').$type<KeyLimits>(),
  changedAt: changeTime('changed_at'),
});

export const tenantSecrets = mysqlTable(
  'tenant_secrets',
  {
    tenantId: uuid('tenant_id').notNull(),
    name: exact('name', { length: 64 }).notNull(),
    sealed: bytes('sealed', { type: 'varbinary(1024)' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.name] })],
);
