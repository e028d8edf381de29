import { date, mysqlTable, primaryKey, varchar } from 'drizzle-orm/mysql-core';
import type { Former } from '../../domain/account-change.ts';
import type { IdentifierKind } from '../../domain/identifier.ts';
import type { Locale } from '../../domain/locale.ts';
import { type Json, mapProfile, profileTexts } from '../../domain/profile.ts';
import type { User } from '../../domain/user.ts';
import { exact, flag, instant, json, uuid } from '../columns.ts';

/** The columns of the profile's texts, as the table of the domain names and bounds them. */
const textColumns = mapProfile((field) => {
  const { name, maxLength } = profileTexts[field];
  return varchar(name, { length: maxLength }).notNull();
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
    ...textColumns,
    birthday: exact('birthday', { length: 10 }).notNull(),
    birthdayGregorian: date('birthday_gregorian', { mode: 'string' }),
    customFields: json('custom_fields').$type<Json>().notNull(),
    createdAt: instant('created_at').notNull(),
    origin: exact('origin', { length: 16 }).$type<User['origin']>().notNull(),
    frozenUntil: instant('frozen_until'),
    passkeyOnly: flag('passkey_only').notNull().default(false),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

/** Names without regard to case and accents; columns that the database computes, and only searches read. */
export const userNames = mysqlTable('users', {
  firstNameSearch: varchar('first_name_search', { length: 100 }),
  lastNameSearch: varchar('last_name_search', { length: 100 }),
});

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

export const accountChanges = mysqlTable(
  'account_changes',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    userId: uuid('user_id').notNull(),
    kind: exact('kind', { length: 8 }).$type<Former['kind']>().notNull(),
    address: exact('address', { length: 254 }),
    canonical: exact('canonical', { length: 254 }),
    confirmedAt: instant('confirmed_at'),
    addedAt: instant('added_at'),
    passwordHash: exact('password_hash', { length: 255 }),
    passkeyOnly: flag('passkey_only').notNull(),
    provable: flag('provable').notNull().default(true),
    changedAt: instant('changed_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);
