import { and, asc, eq, lt, or, type SQL, sql } from 'drizzle-orm';
import {
  type Authenticator,
  type AuthenticatorKind,
  type AuthenticatorRepository,
  type Enrolled,
  inOrder,
} from '../domain/authenticator.ts';
import type { Vault } from '../domain/vault.ts';
import type { Database } from './database.ts';
import { authenticators as table } from './tables/authenticators.ts';
import { users } from './tables/users.ts';

/**
 * The purpose that the data of a kind is sealed for; undefined: it is no secret. Sealed data opens
 * for its own user only: a row that is moved to another user does not open (R26).
 */
const sealPurposes: Readonly<Record<AuthenticatorKind, string | undefined>> = {
  // No secret, but sealed as well: who can write rows alone makes no way into an account.
  passkey: 'passkey',
  totp: 'totp-seed',
  sms: undefined,
};

/**
 * The authenticators of the user in `users`. Written out, because Drizzle leaves the table's name away
 * from columns where a query has one table.
 */
const ofUserInQuery = sql.raw(
  'FROM authenticators a WHERE a.tenant_id = users.tenant_id AND a.user_id = users.id',
);

/** Whether the user in `users` has an authenticator that every sign-in asks for. */
export const hasAuthenticatorRow: SQL<number> = sql<number>`EXISTS (SELECT 1 ${ofUserInQuery} AND (a.kind <> 'passkey' OR users.passkey_only))`;

/**
 * The kinds and the SMS number of the user in `users`, as two columns. They have names, because the
 * driver writes a parser of rows for every set of names.
 */
export const enrolledColumns = {
  kinds: sql<Buffer | string | null>`(SELECT GROUP_CONCAT(a.kind) ${ofUserInQuery})`.as('kinds'),
  smsNumber: sql<Buffer | null>`(SELECT a.data ${ofUserInQuery} AND a.slot = 'sms')`.as('sms_number'),
  passkeyOnly: sql<number>`users.passkey_only`.as('passkey_only'),
};

export type EnrolledRow = {
  readonly kinds: Buffer | string | null;
  readonly smsNumber: Buffer | null;
  readonly passkeyOnly: number | boolean;
};

/** The kinds of a user, as the column gives them. */
export function toKinds(kinds: EnrolledRow['kinds']): AuthenticatorKind[] {
  return inOrder(kinds?.toString().split(',') ?? []);
}

export function toEnrolled({ kinds, smsNumber, passkeyOnly }: EnrolledRow): Enrolled {
  return {
    kinds: toKinds(kinds),
    smsNumber: smsNumber?.toString(),
    isPasskeyOnly: Boolean(passkeyOnly),
  };
}

export function createAuthenticatorRepository(db: Database, vault: Vault): AuthenticatorRepository {
  const ofUser = (tenantId: string, userId: string) =>
    and(eq(table.tenantId, tenantId), eq(table.userId, userId));
  const inSlot = (tenantId: string, userId: string, slot: string) =>
    and(ofUser(tenantId, userId), eq(table.slot, slot));
  const context = ({ tenantId, userId }: Pick<Authenticator, 'tenantId' | 'userId'>) =>
    `${tenantId} ${userId}`;

  function toAuthenticator(row: typeof table.$inferSelect): Authenticator {
    const purpose = sealPurposes[row.kind];
    const data = purpose === undefined ? row.data : vault.open(purpose, context(row), row.data);
    return { ...row, data, lookup: row.lookup ?? undefined, lastUsedAt: row.lastUsedAt ?? undefined };
  }

  const selectEnrolled = (tenantId: string, userId: string) =>
    db
      .select({ id: users.id, ...enrolledColumns })
      .from(users)
      .where(and(eq(users.tenantId, tenantId), eq(users.id, userId)));
  const none: EnrolledRow = { kinds: null, smsNumber: null, passkeyOnly: 0 };

  return {
    async findEnrolled(tenantId, userId) {
      const [row] = await selectEnrolled(tenantId, userId);
      return toEnrolled(row ?? none);
    },

    async findForUpdate(tenantId, userId) {
      const [row] = await selectEnrolled(tenantId, userId).for('update');
      return toEnrolled(row ?? none);
    },

    async findInSlot(tenantId, userId, slot) {
      const [row] = await db
        .select()
        .from(table)
        .where(inSlot(tenantId, userId, slot));
      return row && toAuthenticator(row);
    },

    async list(tenantId, userId) {
      const rows = await db.select().from(table).where(ofUser(tenantId, userId)).orderBy(asc(table.id));
      return rows.map(toAuthenticator);
    },

    async insert({ lookup = null, lastUsedAt = null, ...authenticator }) {
      const purpose = sealPurposes[authenticator.kind];
      const { data: plain } = authenticator;
      const data = purpose === undefined ? plain : vault.seal(purpose, context(authenticator), plain);
      await db.insert(table).values({ ...authenticator, data, lookup, lastUsedAt });
    },

    async findByLookup(tenantId, lookup) {
      const [row] = await db
        .select()
        .from(table)
        .where(and(eq(table.tenantId, tenantId), eq(table.lookup, lookup)));
      return row && toAuthenticator(row);
    },

    async usePasskey(tenantId, id, { counter, flags, now }) {
      const isGreater = or(lt(table.counter, counter), and(eq(table.counter, 0), sql`${counter} = 0`));
      const [result] = await db
        .update(table)
        .set({ counter, flags, lastUsedAt: now })
        .where(and(eq(table.tenantId, tenantId), eq(table.id, id), isGreater));
      return result.affectedRows === 1;
    },

    async rename(tenantId, userId, id, label) {
      const [result] = await db
        .update(table)
        .set({ label })
        .where(and(ofUser(tenantId, userId), eq(table.id, id)));
      return result.affectedRows === 1;
    },

    async raiseCounter(tenantId, id, counter, now) {
      const [result] = await db
        .update(table)
        .set({ counter, lastUsedAt: now })
        .where(and(eq(table.tenantId, tenantId), eq(table.id, id), lt(table.counter, counter)));
      return result.affectedRows === 1;
    },

    async remove(tenantId, userId, slot) {
      const [result] = await db.delete(table).where(inSlot(tenantId, userId, slot));
      return result.affectedRows === 1;
    },

    async removeAll(tenantId, userId) {
      await db.delete(table).where(ofUser(tenantId, userId));
    },
  };
}
