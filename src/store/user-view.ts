import { and, eq, type Param } from 'drizzle-orm';
import { alias } from 'drizzle-orm/mysql-core';
import type { HeldIdentifier, Identifier } from '../domain/identifier.ts';
import type { User, UserView } from '../domain/user.ts';
import { credentials, identifiers, users } from './tables/users.ts';

type UserRow = typeof users.$inferSelect;
type IdentifierRow = typeof identifiers.$inferSelect;

export const emails = alias(identifiers, 'emails');
export const mobiles = alias(identifiers, 'mobiles');

function toUser({ birthdayGregorian, ...row }: UserRow): User {
  const { tenantId, id, status, confirmedAt: _, frozenUntil: __, passkeyOnly: ___, ...rest } = row;
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

export function toIdentifier(row: IdentifierRow): HeldIdentifier {
  const { kind, canonical, userId, address, confirmedAt, addedAt } = row;
  return { kind, canonical, userId, address, confirmedAt: confirmedAt ?? undefined, addedAt };
}

/** The rows of a user, their address and their number, as they come out of a join. */
export type ViewRow = {
  readonly users: UserRow;
  readonly emails: IdentifierRow | null;
  readonly mobiles: IdentifierRow | null;
};

export function toView(row: ViewRow): UserView {
  return {
    user: toUser(row.users),
    email: row.emails === null ? undefined : toIdentifier(row.emails),
    mobile: row.mobiles === null ? undefined : toIdentifier(row.mobiles),
    frozenUntil: row.users.frozenUntil ?? undefined,
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
