import { bigint, int, mysqlTable, primaryKey } from 'drizzle-orm/mysql-core';
import type { ApplicationSettings } from '../../domain/application-settings.ts';
import type { AuthenticationMethod } from '../../domain/authentication.ts';
import type { DeviceAuthorization } from '../../domain/device-authorization.ts';
import { bytes, changeTime, exact, flag, instant, json, uuid } from '../columns.ts';

export const applications = mysqlTable(
  'applications',
  {
    tenantId: uuid('tenant_id').notNull(),
    clientId: exact('client_id', { length: 64 }).notNull(),
    settings: json('settings').$type<ApplicationSettings>().notNull(),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
    changedAt: changeTime('changed_at'),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.clientId] })],
);

export const applicationSecrets = mysqlTable(
  'application_secrets',
  {
    tenantId: uuid('tenant_id').notNull(),
    clientId: exact('client_id', { length: 64 }).notNull(),
    id: uuid('id').notNull(),
    digest: bytes('digest', { type: 'binary(32)' }).notNull(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at'),
    changedAt: changeTime('changed_at'),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.clientId, table.id] })],
);

export const applicationGrants = mysqlTable(
  'application_grants',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    userId: uuid('user_id').notNull(),
    clientId: exact('client_id', { length: 512 }).notNull(),
    sessionId: uuid('session_id').notNull(),
    scopes: json('scopes').$type<string[]>().notNull(),
    resources: json('resources').$type<string[]>().notNull(),
    isOffline: flag('is_offline').notNull(),
    authTime: instant('auth_time').notNull(),
    amr: json('amr').$type<AuthenticationMethod[]>().notNull(),
    codeDigest: bytes('code_digest', { type: 'binary(32)' }),
    codeExpiresAt: instant('code_expires_at'),
    // Sealed.
    codeData: bytes('code_data', { type: 'blob' }),
    startedAt: instant('started_at'),
    refreshCounter: int('refresh_counter', { unsigned: true }).notNull(),
    refreshSalt: bytes('refresh_salt', { type: 'binary(32)' }).notNull(),
    refreshedAt: instant('refreshed_at').notNull(),
    createdAt: instant('created_at').notNull(),
    idleExpiresAt: instant('idle_expires_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    endedAt: instant('ended_at'),
    toldAt: instant('told_at'),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const applicationConsents = mysqlTable(
  'application_consents',
  {
    tenantId: uuid('tenant_id').notNull(),
    userId: uuid('user_id').notNull(),
    clientDigest: bytes('client_digest', { type: 'binary(32)' }).notNull(),
    clientId: exact('client_id', { length: 512 }).notNull(),
    scopes: json('scopes').$type<string[]>().notNull(),
    resources: json('resources').$type<string[]>().notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.userId, table.clientDigest] })],
);

export const deviceAuthorizations = mysqlTable(
  'device_authorizations',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    digest: bytes('digest', { type: 'binary(32)' }).notNull(),
    userCode: exact('user_code', { length: 8 }).notNull(),
    clientId: exact('client_id', { length: 512 }).notNull(),
    scopes: json('scopes').$type<string[]>().notNull(),
    resources: json('resources').$type<string[]>().notNull(),
    address: exact('address', { length: 45 }).notNull(),
    status: exact('status', { length: 16 }).$type<DeviceAuthorization['status']>().notNull(),
    grantId: uuid('grant_id'),
    intervalS: int('interval_s', { unsigned: true }).notNull(),
    polledAt: instant('polled_at'),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const logoutCursors = mysqlTable('logout_cursors', {
  tenantId: uuid('tenant_id').primaryKey(),
  position: bigint('position', { mode: 'number', unsigned: true }).notNull(),
});
