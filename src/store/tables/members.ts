import { bigint, date, int, mysqlTable, primaryKey } from 'drizzle-orm/mysql-core';
import type { MemberRole } from '../../domain/member.ts';
import type { JobPosition, JobUsers, UserJob } from '../../domain/user-job.ts';
import { bytes, exact, instant, json, uuid } from '../columns.ts';

export const members = mysqlTable(
  'members',
  {
    tenantId: uuid('tenant_id').notNull(),
    userId: uuid('user_id').notNull(),
    role: exact('role', { length: 16 }).$type<MemberRole>().notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.userId] })],
);

export const invitations = mysqlTable(
  'invitations',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    email: exact('email', { length: 254 }).notNull(),
    role: exact('role', { length: 16 }).$type<MemberRole>().notNull(),
    invitedBy: uuid('invited_by'),
    digest: bytes('digest', { type: 'binary(32)' }).notNull(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const usageDays = mysqlTable(
  'usage_days',
  {
    tenantId: uuid('tenant_id').notNull(),
    day: date('day', { mode: 'string' }).notNull(),
    type: exact('type', { length: 64 }).notNull(),
    reason: exact('reason', { length: 64 }).notNull(),
    count: bigint('count', { mode: 'number', unsigned: true }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.day, table.type, table.reason] })],
);

export const userJobs = mysqlTable(
  'user_jobs',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    action: exact('action', { length: 16 }).$type<UserJob['action']>().notNull(),
    users: json('users').$type<JobUsers>().notNull(),
    roles: json('roles').$type<string[]>().notNull(),
    state: exact('state', { length: 16 }).$type<UserJob['state']>().notNull(),
    position: json('position').$type<JobPosition>().notNull(),
    done: int('done', { unsigned: true }).notNull(),
    failed: int('failed', { unsigned: true }).notNull(),
    keyId: uuid('key_id'),
    memberId: uuid('member_id'),
    requestId: exact('request_id', { length: 36 }).notNull(),
    createdAt: instant('created_at').notNull(),
    endedAt: instant('ended_at'),
    leaseUntil: instant('lease_until').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);
