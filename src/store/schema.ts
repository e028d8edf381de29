import { bigint, date, int, mysqlTable, primaryKey, tinyint, varchar } from 'drizzle-orm/mysql-core';
import type { KeyKind, Scope } from '../domain/api-key.ts';
import type { GuessKind } from '../domain/attempt.ts';
import type { Audience } from '../domain/audience.ts';
import type { ChallengePurpose } from '../domain/challenge.ts';
import type { AuditAction, AuditEvent } from '../domain/events.ts';
import type { ExternalProfile } from '../domain/external-identity.ts';
import type { IdentifierKind } from '../domain/identifier.ts';
import type { Locale } from '../domain/locale.ts';
import type { LoginRequest } from '../domain/login-request.ts';
import type { DeliveryStatus, Message } from '../domain/message.ts';
import type { Json } from '../domain/profile.ts';
import type { AuthenticationMethod, SessionLevel } from '../domain/session.ts';
import type { Tenant, TenantPolicy } from '../domain/tenant.ts';
import type { User } from '../domain/user.ts';
import { bytes, exact, instant, json, uuid } from './columns.ts';

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
});

export const apiKeys = mysqlTable('api_keys', {
  id: uuid('id').primaryKey(),
  tenantId: uuid('tenant_id').notNull(),
  kind: exact('kind', { length: 16 }).$type<KeyKind>().notNull(),
  scopes: json('scopes').$type<Scope[]>().notNull(),
  digest: bytes('digest', { type: 'varbinary(32)' }).notNull(),
  createdAt: instant('created_at').notNull(),
  revokedAt: instant('revoked_at'),
});

export const users = mysqlTable(
  'users',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    status: exact('status', { length: 16 }).$type<User['status']>().notNull(),
    confirmedAt: instant('confirmed_at'),
    locale: exact('locale', { length: 8 }).$type<Locale>().notNull(),
    roles: json('roles').$type<string[]>().notNull(),
    senderEmail: exact('sender_email', { length: 254 }).notNull(),
    confirmUrl: exact('confirm_url', { length: 2048 }).notNull(),
    firstName: varchar('first_name', { length: 100 }).notNull(),
    lastName: varchar('last_name', { length: 100 }).notNull(),
    nationalCode: varchar('national_code', { length: 32 }).notNull(),
    birthday: exact('birthday', { length: 10 }).notNull(),
    birthdayGregorian: date('birthday_gregorian', { mode: 'string' }),
    picture: varchar('picture', { length: 2048 }).notNull(),
    address: varchar('address', { length: 500 }).notNull(),
    postalCode: varchar('postal_code', { length: 32 }).notNull(),
    maritalStatus: varchar('marital_status', { length: 32 }).notNull(),
    facebookId: varchar('facebook_id', { length: 200 }).notNull(),
    instagramId: varchar('instagram_id', { length: 200 }).notNull(),
    twitterId: varchar('twitter_id', { length: 200 }).notNull(),
    linkedinId: varchar('linkedin_id', { length: 200 }).notNull(),
    document: varchar('document', { length: 2048 }).notNull(),
    telephone: varchar('telephone', { length: 32 }).notNull(),
    customFields: json('custom_fields').$type<Json>().notNull(),
    createdAt: instant('created_at').notNull(),
    origin: exact('origin', { length: 16 }).$type<User['origin']>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const identifiers = mysqlTable(
  'identifiers',
  {
    tenantId: uuid('tenant_id').notNull(),
    kind: exact('kind', { length: 8 }).$type<IdentifierKind>().notNull(),
    canonical: exact('canonical', { length: 254 }).notNull(),
    userId: uuid('user_id').notNull(),
    address: exact('address', { length: 254 }).notNull(),
    confirmedAt: instant('confirmed_at'),
    addedAt: instant('added_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.kind, table.canonical] })],
);

export const credentials = mysqlTable(
  'credentials',
  {
    tenantId: uuid('tenant_id').notNull(),
    userId: uuid('user_id').notNull(),
    passwordHash: exact('password_hash', { length: 255 }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.userId] })],
);

export const challenges = mysqlTable(
  'challenges',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    userId: uuid('user_id').notNull(),
    purpose: exact('purpose', { length: 32 }).$type<ChallengePurpose>().notNull(),
    slot: uuid('slot').notNull(),
    digest: bytes('digest', { type: 'varbinary(32)' }).notNull(),
    identifier: exact('identifier', { length: 254 }).notNull(),
    channel: exact('channel', { length: 8 }).$type<Message['channel']>(),
    data: bytes('data', { type: 'varbinary(512)' }),
    attempts: int('attempts', { unsigned: true }).notNull().default(0),
    expiresAt: instant('expires_at').notNull(),
    consumedAt: instant('consumed_at'),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const sessions = mysqlTable(
  'sessions',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    userId: uuid('user_id').notNull(),
    level: exact('level', { length: 16 }).$type<SessionLevel>().notNull(),
    amr: json('amr').$type<AuthenticationMethod[]>().notNull(),
    authTime: instant('auth_time').notNull(),
    address: exact('address', { length: 45 }).notNull(),
    userAgent: varchar('user_agent', { length: 256 }).notNull(),
    refreshCounter: int('refresh_counter', { unsigned: true }).notNull(),
    refreshSalt: bytes('refresh_salt', { type: 'binary(32)' }).notNull(),
    refreshedAt: instant('refreshed_at').notNull(),
    createdAt: instant('created_at').notNull(),
    idleExpiresAt: instant('idle_expires_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    revokedAt: instant('revoked_at'),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const outbox = mysqlTable('outbox', {
  id: uuid('id').primaryKey(),
  tenantId: uuid('tenant_id').notNull(),
  channel: exact('channel', { length: 8 }).$type<Message['channel']>().notNull().default('email'),
  status: exact('status', { length: 16 }).$type<DeliveryStatus | 'decoy'>().notNull(),
  payload: bytes('payload', { type: 'mediumblob' }),
  createdAt: instant('created_at').notNull(),
  expiresAt: instant('expires_at').notNull(),
  claims: int('claims', { unsigned: true }).notNull().default(0),
  attempts: int('attempts', { unsigned: true }).notNull().default(0),
  charged: tinyint('charged').notNull().default(0),
  nextAttemptAt: instant('next_attempt_at').notNull(),
  endedAt: instant('ended_at'),
  error: exact('error', { length: 64 }).notNull().default(''),
  recipient: bytes('recipient', { type: 'binary(32)' }),
});

export const smsBackoffs = mysqlTable(
  'sms_backoffs',
  {
    tenantId: uuid('tenant_id').notNull(),
    number: bytes('number', { type: 'binary(32)' }).notNull(),
    // Before nextAt, which is computed from it.
    sent: int('sent', { unsigned: true }).notNull(),
    nextAt: instant('next_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.number] })],
);

export const smsCounters = mysqlTable(
  'sms_counters',
  {
    tenantId: uuid('tenant_id').notNull(),
    country: exact('country', { length: 2 }).notNull(),
    hour: instant('hour').notNull(),
    audience: exact('audience', { length: 16 }).$type<Audience>().notNull(),
    sent: int('sent').notNull(),
    confirmed: int('confirmed').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.country, table.hour, table.audience] })],
);

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

export const guessCounters = mysqlTable(
  'guess_counters',
  {
    tenantId: uuid('tenant_id').notNull(),
    kind: exact('kind', { length: 32 }).$type<GuessKind>().notNull(),
    subject: uuid('subject').notNull(),
    failures: int('failures', { unsigned: true }).notNull(),
    // Behind failures, which it is computed from.
    wrong: int('wrong', { unsigned: true }).notNull().default(0),
    nextAttemptAt: instant('next_attempt_at'),
    attemptedAt: instant('attempted_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.kind, table.subject] })],
);

export const budgets = mysqlTable(
  'budgets',
  {
    tenantId: uuid('tenant_id').notNull(),
    name: exact('name', { length: 64 }).notNull(),
    subject: bytes('subject', { type: 'varbinary(32)' }).notNull(),
    // In this order: Drizzle writes assignments in the order of the columns, MySQL runs them in
    // the order they are written, and each of these is computed from those behind it.
    previous: int('previous', { unsigned: true }).notNull(),
    previousStart: instant('previous_start').notNull(),
    previousEnd: instant('previous_end').notNull(),
    usedAt: instant('used_at').notNull(),
    used: int('used', { unsigned: true }).notNull(),
    windowStart: instant('window_start').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.name, table.subject] })],
);

export const idempotency = mysqlTable(
  'idempotency',
  {
    tenantId: uuid('tenant_id').notNull(),
    digest: bytes('digest', { type: 'binary(32)' }).notNull(),
    requestDigest: bytes('request_digest', { type: 'binary(32)' }).notNull(),
    answer: bytes('answer', { type: 'mediumblob' }),
    leaseUntil: instant('lease_until').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.digest] })],
);

export const auditEvents = mysqlTable(
  'audit_events',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    action: exact('action', { length: 64 }).$type<AuditAction>().notNull(),
    outcome: exact('outcome', { length: 8 }).$type<AuditEvent['outcome']>().notNull(),
    reason: exact('reason', { length: 64 }).notNull(),
    userId: uuid('user_id'),
    sessionId: uuid('session_id'),
    keyId: uuid('key_id'),
    address: exact('address', { length: 45 }).notNull(),
    requestId: exact('request_id', { length: 36 }).notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const externalIdentities = mysqlTable(
  'external_identities',
  {
    tenantId: uuid('tenant_id').notNull(),
    issuer: exact('issuer', { length: 255 }).notNull(),
    subject: exact('subject', { length: 255 }).notNull(),
    userId: uuid('user_id').notNull(),
    profile: json('profile').$type<ExternalProfile>().notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.issuer, table.subject] })],
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

export const tenantSecrets = mysqlTable(
  'tenant_secrets',
  {
    tenantId: uuid('tenant_id').notNull(),
    name: exact('name', { length: 64 }).notNull(),
    sealed: bytes('sealed', { type: 'varbinary(1024)' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.name] })],
);

export const totpFactors = mysqlTable(
  'totp_factors',
  {
    tenantId: uuid('tenant_id').notNull(),
    userId: uuid('user_id').notNull(),
    seed: bytes('seed').notNull(),
    lastStep: bigint('last_step', { mode: 'number' }).notNull(),
    confirmedAt: instant('confirmed_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.userId] })],
);

export const smsFactors = mysqlTable(
  'sms_factors',
  {
    tenantId: uuid('tenant_id').notNull(),
    userId: uuid('user_id').notNull(),
    number: exact('number', { length: 20 }).notNull(),
    confirmedAt: instant('confirmed_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.userId] })],
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

export const leases = mysqlTable('leases', {
  name: exact('name', { length: 64 }).primaryKey(),
  holder: uuid('holder').notNull(),
  until: instant('until').notNull(),
});

export const recoveryCodes = mysqlTable(
  'recovery_codes',
  {
    tenantId: uuid('tenant_id').notNull(),
    userId: uuid('user_id').notNull(),
    digest: bytes('digest', { type: 'binary(32)' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.userId, table.digest] })],
);
