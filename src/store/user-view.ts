import { and, eq, getTableColumns, type Param } from 'drizzle-orm';
import { alias } from 'drizzle-orm/mysql-core';
import type { HeldIdentifier, Identifier } from '../domain/identifier.ts';
import type { User, UserView } from '../domain/user.ts';
import { credentials, identifiers, users } from './tables/users.ts';

type UserRow = Omit<typeof users.$inferSelect, 'confirmedAt' | 'passkeyOnly'>;
type IdentifierRow = typeof identifiers.$inferSelect;

export const emails = alias(identifiers, 'emails');
export const mobiles = alias(identifiers, 'mobiles');

function toUser({ birthdayGregorian, ...row }: UserRow): User {
  const { tenantId, id, status, frozenUntil: _, ...rest } = row;
  const { locale, roles, senderEmail, confirmUrl, createdAt, origin, ...profile } = rest;
  return {
    tenantId,
    id,
    status,
    locale,
    roles,
    senderEmail,
    confirmUrl,
    createdAt,
    origin,
    profile: { ...profile, birthdayGregorian: birthdayGregorian ?? undefined },
  };
}

export function toIdentifier(row: Omit<IdentifierRow, 'tenantId'>): HeldIdentifier {
  const { kind, canonical, userId, address, confirmedAt, addedAt } = row;
  return { kind, canonical, userId, address, confirmedAt: confirmedAt ?? undefined, addedAt };
}

/** The columns of an identifier whose kind and owner are known. */
export function heldColumns<T extends typeof identifiers | typeof emails | typeof mobiles>(table: T) {
  const { canonical, address, confirmedAt, addedAt } = table;
  return { canonical, address, confirmedAt, addedAt } as Pick<
    T,
    'canonical' | 'address' | 'confirmedAt' | 'addedAt'
  >;
}

const { confirmedAt: _, passkeyOnly: __, ...userColumns } = getTableColumns(users);

/** The columns of a user's view; join emails and mobiles. They are few, because each one costs every call that reads it. */
export const viewColumns = {
  users: userColumns,
  emails: heldColumns(emails),
  mobiles: heldColumns(mobiles),
};

type HeldRow = Pick<IdentifierRow, 'canonical' | 'address' | 'confirmedAt' | 'addedAt'>;

/** The rows of a user, their address and their number, as they come out of a join. */
export type ViewRow = {
  readonly users: UserRow;
  readonly emails: HeldRow | null;
  readonly mobiles: HeldRow | null;
};

export function toView({ users: row, emails: email, mobiles: mobile }: ViewRow): UserView {
  const { id: userId } = row;
  return {
    user: toUser(row),
    email: email === null ? undefined : toIdentifier({ ...email, kind: 'email', userId }),
    mobile: mobile === null ? undefined : toIdentifier({ ...mobile, kind: 'mobile', userId }),
    frozenUntil: row.frozenUntil ?? undefined,
  };
}

/** Joins an identifier of the user in `users`. */
export function ownedBy(table: typeof emails | typeof mobiles, kind: Identifier['kind']) {
  return and(eq(table.tenantId, users.tenantId), eq(table.userId, users.id), eq(table.kind, kind));
}

/** Values, or slots of a prepared statement. */
type Given<T> = { readonly [Name in keyof T]: T[Name] | Param };

/** The row of an identifier. */
export function isIdentifier(tenantId: string | Param, { kind, canonical }: Given<Identifier>) {
  return and(
    eq(identifiers.tenantId, tenantId),
    eq(identifiers.kind, kind),
    eq(identifiers.canonical, canonical),
  );
}

/** Joins the credentials of the user in `users`. */
export const hasCredentials = and(eq(credentials.tenantId, users.tenantId), eq(credentials.userId, users.id));
