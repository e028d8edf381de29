import { int, mysqlTable, primaryKey, varchar } from 'drizzle-orm/mysql-core';
import type { AuthenticationMethod, SessionLevel } from '../../domain/authentication.ts';
import { bytes, exact, flag, instant, json, uuid } from '../columns.ts';

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
    jkt: bytes('jkt', { type: 'binary(32)' }),
    bindsAccess: flag('binds_access').notNull(),
    boundCounter: int('bound_counter', { unsigned: true }).notNull(),
    remember: flag('remember').notNull(),
    deviceId: uuid('device_id'),
    device: varchar('device', { length: 160 }).notNull().default(''),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);
