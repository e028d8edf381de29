import { mysqlTable, primaryKey, varchar } from 'drizzle-orm/mysql-core';
import type { ConnectionSettings } from '../../domain/connection.ts';
import type { ExternalProfile } from '../../domain/external-identity.ts';
import type { LoginRequest } from '../../domain/login-request.ts';
import { bytes, exact, instant, json, uuid } from '../columns.ts';

export const connections = mysqlTable(
  'connections',
  {
    tenantId: uuid('tenant_id').notNull(),
    name: exact('name', { length: 32 }).notNull(),
    settings: json('settings').$type<ConnectionSettings>().notNull(),
    // Sealed.
    secret: bytes('secret', { type: 'varbinary(8192)' }),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.name] })],
);

export const externalIdentities = mysqlTable(
  'external_identities',
  {
    tenantId: uuid('tenant_id').notNull(),
    issuer: exact('issuer', { length: 255 }).notNull(),
    subject: exact('subject', { length: 255 }).notNull(),
    userId: uuid('user_id').notNull(),
    provider: exact('provider', { length: 32 }).notNull(),
    profile: json('profile').$type<ExternalProfile>().notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.issuer, table.subject] })],
);

export const federatedSessions = mysqlTable(
  'federated_sessions',
  {
    tenantId: uuid('tenant_id').notNull(),
    sessionId: uuid('session_id').notNull(),
    userId: uuid('user_id').notNull(),
    provider: exact('provider', { length: 32 }).notNull(),
    subjectDigest: bytes('subject_digest', { type: 'binary(32)' }).notNull(),
    sidDigest: bytes('sid_digest', { type: 'binary(32)' }),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.sessionId] })],
);

export const consents = mysqlTable(
  'consents',
  {
    tenantId: uuid('tenant_id').notNull(),
    userId: uuid('user_id').notNull(),
    consentedTenantId: uuid('consented_tenant_id').notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.userId, table.consentedTenantId] })],
);

export const termsAcceptances = mysqlTable(
  'terms_acceptances',
  {
    tenantId: uuid('tenant_id').notNull(),
    userId: uuid('user_id').notNull(),
    version: varchar('version', { length: 64 }).notNull(),
    acceptedAt: instant('accepted_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.userId, table.version] })],
);

export const loginRequests = mysqlTable(
  'login_requests',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    kind: exact('kind', { length: 16 }).$type<LoginRequest['kind']>().notNull(),
    digest: bytes('digest', { type: 'binary(32)' }).notNull(),
    data: bytes('data', { type: 'blob' }).notNull(),
    expiresAt: instant('expires_at').notNull(),
    consumedAt: instant('consumed_at'),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);
