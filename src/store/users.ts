import { and, asc, eq, gt, inArray, isNull, like, ne, sql } from 'drizzle-orm';
import { emptyProfile } from '../domain/profile.ts';
import type { User, UserRepository } from '../domain/user.ts';
import { createAccountFinders } from './account-finders.ts';
import type { Database } from './database.ts';
import { credentials, identifiers, users } from './tables/users.ts';
import { beginning } from './user-list.ts';
import {
  emails,
  hasCredentials,
  isIdentifier,
  mobiles,
  ownedBy,
  toIdentifier,
  toView,
  viewColumns,
} from './user-view.ts';

function toRow({ profile, ...user }: User): typeof users.$inferInsert {
  return {
    ...user,
    ...profile,
    roles: [...user.roles],
    birthdayGregorian: profile.birthdayGregorian ?? null,
  };
}

export function createUserRepository(db: Database, prepared: Database): UserRepository {
  async function setPassword(tenantId: string, userId: string, passwordHash: string): Promise<void> {
    await db
      .insert(credentials)
      .values({ tenantId, userId, passwordHash })
      .onDuplicateKeyUpdate({ set: { passwordHash } });
  }

  async function dropPassword(tenantId: string, userId: string): Promise<void> {
    await db
      .delete(credentials)
      .where(and(eq(credentials.tenantId, tenantId), eq(credentials.userId, userId)));
  }

  async function markConfirmed(tenantId: string, userId: string, at: Date): Promise<void> {
    await db
      .update(users)
      .set({ confirmedAt: at })
      .where(and(eq(users.tenantId, tenantId), eq(users.id, userId), isNull(users.confirmedAt)));
  }

  return {
    async findIdentifier(tenantId, identifier) {
      const [row] = await db
        .select({
          identifier: identifiers,
          locale: users.locale,
          senderEmail: users.senderEmail,
          confirmUrl: users.confirmUrl,
          origin: users.origin,
          status: users.status,
          ownerConfirmedAt: users.confirmedAt,
          passwordHash: credentials.passwordHash,
        })
        .from(identifiers)
        .innerJoin(users, and(eq(users.tenantId, identifiers.tenantId), eq(users.id, identifiers.userId)))
        .leftJoin(credentials, hasCredentials)
        .where(isIdentifier(tenantId, identifier));
      if (row === undefined) return undefined;
      const { identifier: found, ownerConfirmedAt, passwordHash, ...owner } = row;
      return {
        ...toIdentifier(found),
        ...owner,
        isOwnerConfirmed: ownerConfirmedAt !== null,
        passwordHash: passwordHash ?? undefined,
      };
    },

    ...createAccountFinders(db, prepared),

    async insert(user, identifier, passwordHash) {
      const { id: userId, tenantId } = user;
      await db.insert(users).values(toRow(user));
      if (identifier !== undefined)
        await db
          .insert(identifiers)
          .values({ ...identifier, tenantId, confirmedAt: identifier.confirmedAt ?? null });
      if (passwordHash !== undefined) await db.insert(credentials).values({ tenantId, userId, passwordHash });
    },

    async replaceUnconfirmed(user, identifier, passwordHash) {
      if (user.origin === 'self') {
        // Since the caller looked, another party may have registered another password.
        const [held] = await db
          .select({ passwordHash: credentials.passwordHash })
          .from(users)
          .innerJoin(credentials, hasCredentials)
          .where(and(eq(users.tenantId, user.tenantId), eq(users.id, user.id), isNull(users.confirmedAt)))
          .for('update');
        if (held?.passwordHash !== passwordHash) return false;
      }
      // An entry that moves in the index of unconfirmed accounts would hide from a guard that waits for it.
      const { id, tenantId, status: _status, createdAt: _createdAt, ...changes } = toRow(user);
      const [replaced] = await db
        .update(users)
        .set(changes)
        .where(and(eq(users.tenantId, tenantId), eq(users.id, id), isNull(users.confirmedAt)));
      if (replaced.affectedRows !== 1) return false;
      await db
        .update(identifiers)
        .set({ address: identifier.address })
        .where(and(isIdentifier(tenantId, identifier), eq(identifiers.userId, id)));
      if (passwordHash !== undefined) await setPassword(tenantId, id, passwordHash);
      else await dropPassword(tenantId, id);
      return true;
    },

    async dispute(tenantId, userId) {
      const [disputed] = await db
        .update(users)
        .set({ ...emptyProfile, birthdayGregorian: null, senderEmail: '', confirmUrl: '' })
        .where(
          and(
            eq(users.tenantId, tenantId),
            eq(users.id, userId),
            eq(users.origin, 'self'),
            isNull(users.confirmedAt),
          ),
        );
      if (disputed.affectedRows !== 1) return false;
      await dropPassword(tenantId, userId);
      return true;
    },

    async adopt(tenantId, userId) {
      const [adopted] = await db
        .update(users)
        .set({ origin: 'back-end' })
        .where(
          and(
            eq(users.tenantId, tenantId),
            eq(users.id, userId),
            eq(users.origin, 'self'),
            isNull(users.confirmedAt),
          ),
        );
      if (adopted.affectedRows === 1) await dropPassword(tenantId, userId);
    },

    async releaseClaim(tenantId, identifier, userId, mode) {
      const claim = sql`${identifiers.tenantId} = ${sql.param(tenantId, identifiers.tenantId)}
        AND ${identifiers.kind} = ${sql.param(identifier.kind, identifiers.kind)}
        AND ${identifiers.canonical} = ${sql.param(identifier.canonical, identifiers.canonical)}
        AND ${identifiers.userId} <> ${sql.param(userId, identifiers.userId)}
        AND ${identifiers.confirmedAt} IS NULL`;
      // An unproved registration goes with its claim, and all that is in it.
      await db.execute(sql`
        DELETE ${users} FROM ${users} JOIN ${identifiers}
          ON ${identifiers.tenantId} = ${users.tenantId} AND ${identifiers.userId} = ${users.id}
        WHERE ${claim} AND ${users.confirmedAt} IS NULL AND ${users.origin} = 'self'`);
      if (mode === 'proved') await db.execute(sql`DELETE FROM ${identifiers} WHERE ${claim}`);
    },

    async removeIdentifiers(tenantId, userId, kinds) {
      if (kinds.length === 0) return;
      await db
        .delete(identifiers)
        .where(
          and(
            eq(identifiers.tenantId, tenantId),
            eq(identifiers.userId, userId),
            inArray(identifiers.kind, [...kinds]),
          ),
        );
    },

    async confirmIdentifier(tenantId, userId, identifier, at) {
      const [result] = await db
        .update(identifiers)
        .set({ confirmedAt: at })
        .where(
          and(
            isIdentifier(tenantId, identifier),
            eq(identifiers.userId, userId),
            isNull(identifiers.confirmedAt),
          ),
        );
      if (result.affectedRows !== 1) return false;
      await markConfirmed(tenantId, userId, at);
      return true;
    },

    async markConfirmed(tenantId, userId, at) {
      await markConfirmed(tenantId, userId, at);
    },

    async update(tenantId, userId, { birthdayGregorian, roles, ...changes }) {
      const set = {
        ...changes,
        ...(roles === undefined ? {} : { roles: [...roles] }),
        ...(changes.birthday === undefined ? {} : { birthdayGregorian: birthdayGregorian ?? null }),
      };
      await db
        .update(users)
        .set(set)
        .where(and(eq(users.tenantId, tenantId), eq(users.id, userId)));
    },

    async replaceIdentifier(tenantId, { confirmedAt, ...identifier }) {
      const { userId, kind } = identifier;
      await db
        .delete(identifiers)
        .where(
          and(eq(identifiers.tenantId, tenantId), eq(identifiers.userId, userId), eq(identifiers.kind, kind)),
        );
      await db.insert(identifiers).values({ ...identifier, tenantId, confirmedAt: confirmedAt ?? null });
    },

    async delete(tenantId, userId) {
      await db.delete(users).where(and(eq(users.tenantId, tenantId), eq(users.id, userId)));
    },

    async addIdentifier(tenantId, { confirmedAt, ...identifier }) {
      await db.insert(identifiers).values({ ...identifier, tenantId, confirmedAt: confirmedAt ?? null });
    },

    async lock(tenantId, userId) {
      const locked = await db
        .select({ id: users.id })
        .from(users)
        .where(and(eq(users.tenantId, tenantId), eq(users.id, userId)))
        .for('update');
      return locked.length === 1;
    },

    async removeOtherIdentifiers(tenantId, userId, { kind }) {
      await db
        .delete(identifiers)
        .where(
          and(eq(identifiers.tenantId, tenantId), eq(identifiers.userId, userId), ne(identifiers.kind, kind)),
        );
    },

    deletePassword: dropPassword,

    async search(tenantId, { prefix, afterId }, limit) {
      const begins = db
        .select({ userId: identifiers.userId })
        .from(identifiers)
        .where(and(eq(identifiers.tenantId, tenantId), like(identifiers.canonical, beginning(prefix))));
      const rows = await db
        .select(viewColumns)
        .from(users)
        .leftJoin(emails, ownedBy(emails, 'email'))
        .leftJoin(mobiles, ownedBy(mobiles, 'mobile'))
        .where(
          and(
            eq(users.tenantId, tenantId),
            prefix === '' ? undefined : inArray(users.id, begins),
            afterId === undefined ? undefined : gt(users.id, afterId),
          ),
        )
        .orderBy(asc(users.id))
        .limit(limit);
      return rows.map(toView);
    },

    async setPasskeyOnly(tenantId, userId, passkeyOnly) {
      await db
        .update(users)
        .set({ passkeyOnly })
        .where(and(eq(users.tenantId, tenantId), eq(users.id, userId)));
    },

    async setStatus(tenantId, userId, status) {
      await db
        .update(users)
        .set({ status })
        .where(and(eq(users.tenantId, tenantId), eq(users.id, userId)));
    },

    async findPasswordHash(tenantId, userId) {
      const [row] = await db
        .select({ passwordHash: credentials.passwordHash })
        .from(credentials)
        .where(and(eq(credentials.tenantId, tenantId), eq(credentials.userId, userId)));
      return row?.passwordHash;
    },

    updatePasswordHash: setPassword,
  };
}
