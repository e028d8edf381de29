import { and, asc, count, eq, gt, inArray, isNull, like, ne, type Param, type SQL, sql } from 'drizzle-orm';
import type { DeviceHistory, SignInOrigin } from '../domain/device.ts';
import type { Identifier } from '../domain/identifier.ts';
import { emptyProfile } from '../domain/profile.ts';
import type { SessionAccount, User, UserRepository } from '../domain/user.ts';
import { type EnrolledRow, enrolledColumns, toEnrolled } from './authenticators.ts';
import type { Database } from './database.ts';
import { once, slot } from './prepared.ts';
import { attemptCounters } from './tables/limits.ts';
import { sessions } from './tables/sessions.ts';
import { credentials, identifiers, users } from './tables/users.ts';
import { emails, mobiles, ownedBy, toIdentifier, toView, type ViewRow } from './user-view.ts';

function toRow({ profile, ...user }: User): typeof users.$inferInsert {
  return {
    ...user,
    ...profile,
    roles: [...user.roles],
    birthdayGregorian: profile.birthdayGregorian ?? null,
  };
}

type AccountRow = ViewRow &
  EnrolledRow & { readonly live: number } & { readonly [Name in keyof DeviceHistory]: number };

function toAccount(row: AccountRow): SessionAccount {
  return {
    ...toView(row),
    enrolled: toEnrolled(row),
    liveSessions: Number(row.live),
    devices: { sessions: Number(row.sessions), known: Number(row.known), same: Number(row.same) },
  };
}

/** The values of a statement that looks for the device of a sign-in. */
function toSlots({ jkt, ...origin }: SignInOrigin) {
  return { ...origin, jkt: Buffer.from(jkt, 'base64url') };
}

/** A LIKE pattern for what begins with a text, whose own wildcards represent themselves. */
function beginning(prefix: string): string {
  return `${prefix.replace(/[\\%_]/g, (character) => `\\${character}`)}%`;
}

type Given<T> = { readonly [Name in keyof T]: T[Name] | Param };

function is(tenantId: string | Param, { kind, canonical }: Given<Identifier>) {
  return and(
    eq(identifiers.tenantId, tenantId),
    eq(identifiers.kind, kind),
    eq(identifiers.canonical, canonical),
  );
}

export function createUserRepository(db: Database, prepared: Database): UserRepository {
  const hasCredentials = and(eq(credentials.tenantId, users.tenantId), eq(credentials.userId, users.id));
  /** The number of a user's sessions that meet the conditions. */
  const countSessions = (...conditions: SQL[]) =>
    db
      .select({ count: count() })
      .from(sessions)
      .where(and(eq(sessions.tenantId, users.tenantId), eq(sessions.userId, users.id), ...conditions));

  /** The columns of the session gate, beside the joins of emails and mobiles. */
  const accountColumns = () => {
    const live = countSessions(
      isNull(sessions.revokedAt),
      gt(sessions.expiresAt, slot('now', sessions.expiresAt)),
    );
    const known = ne(sessions.device, sql.param('', sessions.device));
    const isSame = sql`(${sessions.device} = ${slot('device', sessions.device)} OR ${sessions.jkt} = ${slot('jkt', sessions.jkt)})`;
    return {
      users,
      emails,
      mobiles,
      ...enrolledColumns,
      live: sql<number>`(${live})`.as('live'),
      sessions: sql<number>`(${countSessions()})`.as('all_sessions'),
      known: sql<number>`(${countSessions(known)})`.as('known_devices'),
      same: sql<number>`(${countSessions(isSame)})`.as('same_device'),
    };
  };
  const givenUser = and(
    eq(users.tenantId, slot('tenantId', users.tenantId)),
    eq(users.id, slot('userId', users.id)),
  );

  const findForLogin = once(() => {
    const begun = countSessions(
      eq(sessions.address, slot('address', sessions.address)),
      // All callers of unknown address share the empty one.
      ne(sessions.address, sql.param('', sessions.address)),
    );
    const isOfUser = and(
      eq(attemptCounters.tenantId, users.tenantId),
      eq(attemptCounters.kind, sql.param('password-total', attemptCounters.kind)),
      eq(attemptCounters.subject, users.id),
    );
    return prepared
      .select({
        identifiers,
        credentials,
        totalFailures: attemptCounters.failures,
        begun: sql<number>`(${begun})`.as('begun'),
        ...accountColumns(),
      })
      .from(identifiers)
      .innerJoin(users, and(eq(users.tenantId, identifiers.tenantId), eq(users.id, identifiers.userId)))
      .leftJoin(credentials, hasCredentials)
      .leftJoin(emails, ownedBy(emails, 'email'))
      .leftJoin(mobiles, ownedBy(mobiles, 'mobile'))
      .leftJoin(attemptCounters, isOfUser)
      .where(
        is(slot('tenantId', identifiers.tenantId), {
          kind: slot('kind', identifiers.kind),
          canonical: slot('canonical', identifiers.canonical),
        }),
      )
      .prepare();
  });

  const findForSession = once(() =>
    prepared
      .select(accountColumns())
      .from(users)
      .leftJoin(emails, ownedBy(emails, 'email'))
      .leftJoin(mobiles, ownedBy(mobiles, 'mobile'))
      .where(givenUser)
      .prepare(),
  );

  const findById = once(() =>
    prepared
      .select()
      .from(users)
      .leftJoin(emails, ownedBy(emails, 'email'))
      .leftJoin(mobiles, ownedBy(mobiles, 'mobile'))
      .where(givenUser)
      .prepare(),
  );

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
        .where(is(tenantId, identifier));
      if (row === undefined) return undefined;
      const { identifier: found, ownerConfirmedAt, passwordHash, ...owner } = row;
      return {
        ...toIdentifier(found),
        ...owner,
        isOwnerConfirmed: ownerConfirmedAt !== null,
        passwordHash: passwordHash ?? undefined,
      };
    },

    async findForLogin(tenantId, identifier, origin, now) {
      const { kind, canonical } = identifier;
      const [row] = await findForLogin().execute({ tenantId, kind, canonical, ...toSlots(origin), now });
      if (row === undefined) return undefined;
      return {
        ...toAccount(row),
        identifier: toIdentifier(row.identifiers),
        passwordHash: row.credentials?.passwordHash,
        totalFailures: row.totalFailures ?? 0,
        isKnownAddress: Number(row.begun) > 0,
      };
    },

    async findForSession(tenantId, userId, origin, now) {
      const [row] = await findForSession().execute({ tenantId, userId, ...toSlots(origin), now });
      return row && toAccount(row);
    },

    async findById(tenantId, userId) {
      const [row] = await findById().execute({ tenantId, userId });
      return row === undefined ? undefined : toView(row);
    },

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
        .where(and(is(tenantId, identifier), eq(identifiers.userId, id)));
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
          and(is(tenantId, identifier), eq(identifiers.userId, userId), isNull(identifiers.confirmedAt)),
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
      await db
        .select({ id: users.id })
        .from(users)
        .where(and(eq(users.tenantId, tenantId), eq(users.id, userId)))
        .for('update');
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
        .select()
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
