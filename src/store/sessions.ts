import {
  and,
  desc,
  eq,
  getTableColumns,
  inArray,
  isNotNull,
  isNull,
  lte,
  ne,
  or,
  type SQL,
  sql,
} from 'drizzle-orm';
import type { KeyBinding, SessionRepository, SessionRow } from '../domain/session.ts';
import { toKinds } from './authenticators.ts';
import type { Database } from './database.ts';
import { once, slot } from './prepared.ts';
import { isLive, isOwn, isSession, latestOf, ownerOf } from './session-conditions.ts';
import { createFindLiveRow, createFindOfCall } from './sessions-of-calls.ts';
import { sessions } from './tables/sessions.ts';
import { tenants } from './tables/tenants.ts';
import { identifiers, users } from './tables/users.ts';
import { isIdentifier } from './user-view.ts';

type Row = typeof sessions.$inferSelect;

function toSession({
  address,
  userAgent,
  revokedAt: _,
  jkt,
  bindsAccess,
  boundCounter: since,
  deviceId,
  ...row
}: Row): SessionRow {
  const binding = jkt === null ? undefined : { jkt: jkt.toString('base64url'), bindsAccess, since };
  return { ...row, client: { address, userAgent }, binding, deviceId: deviceId ?? undefined };
}

/** The columns of a binding. */
function toColumns(binding: KeyBinding | undefined): Pick<Row, 'jkt' | 'bindsAccess' | 'boundCounter'> {
  if (binding === undefined) return { jkt: null, bindsAccess: false, boundCounter: 0 };
  const { jkt, bindsAccess, since: boundCounter } = binding;
  return { jkt: Buffer.from(jkt, 'base64url'), bindsAccess, boundCounter };
}

/** The sessions beyond the limit that are read at once. */
const mostAtOnce = 16;
/** The sessions that are marked at once: no sign-in waits for more. */
const mostIdle = 200;

export function createSessionRepository(db: Database, prepared: Database): SessionRepository {
  const ofUser = (tenantId: string, userId: string) =>
    and(eq(sessions.tenantId, tenantId), eq(sessions.userId, userId));
  const given = {
    session: isSession(slot('tenantId', sessions.tenantId), slot('id', sessions.id)),
    isLive: isLive(slot('now', sessions.expiresAt)),
  };

  /** Ends the sessions that match, of which there are few; returns the ids. */
  async function revokeAll(which: SQL | undefined, now: Date): Promise<string[]> {
    const rows = await db.select({ id: sessions.id }).from(sessions).where(which).for('update');
    const ids = rows.map(({ id }) => id);
    if (ids.length > 0)
      await db
        .update(sessions)
        .set({ revokedAt: now })
        .where(and(which, inArray(sessions.id, ids)));
    return ids;
  }

  const revoke = once(() =>
    prepared
      .update(sessions)
      .set({ revokedAt: sql`${slot('revokedAt', sessions.revokedAt)}` })
      .where(and(given.session, eq(sessions.userId, slot('userId', sessions.userId)), given.isLive))
      .prepare(),
  );

  /** Ends a session; false where it was not live. */
  async function revokeOne(tenantId: string, userId: string, id: string, now: Date): Promise<boolean> {
    const [result] = await revoke().execute({ tenantId, userId, id, now, revokedAt: now });
    return result.affectedRows === 1;
  }

  const findBeyond = once(() =>
    prepared
      .select({ id: sessions.id })
      // For the order of ids the database may read every session of the tenant, from the newest on.
      .from(sessions, { forceIndex: 'sessions_live' })
      .where(
        and(
          eq(sessions.tenantId, slot('tenantId', sessions.tenantId)),
          eq(sessions.userId, slot('userId', sessions.userId)),
          given.isLive,
          isOwn,
        ),
      )
      .orderBy(desc(sessions.id))
      .limit(mostAtOnce)
      .offset(sql.placeholder('kept'))
      .prepare(),
  );

  /** Marks sessions as ended whose idle time is over: a user who leaves many behind has none beyond the limit, and all of them are read. */
  async function endIdle(tenantId: string, userId: string, now: Date): Promise<void> {
    const isIdle = and(isNull(sessions.revokedAt), lte(sessions.idleExpiresAt, now));
    // Read first, so that nothing else is locked: other sign-ins of the user have sessions that are not committed yet.
    const idle = await db
      .select({ id: sessions.id })
      .from(sessions, { forceIndex: 'sessions_live' })
      .where(and(ofUser(tenantId, userId), isIdle))
      .limit(mostIdle);
    const ids = idle.map(({ id }) => id);
    if (ids.length > 0)
      await db
        .update(sessions)
        .set({ revokedAt: sql`${sessions.idleExpiresAt}` })
        .where(and(eq(sessions.tenantId, tenantId), inArray(sessions.id, ids), isIdle));
  }

  /** For an active user only. Disabling a user waits for this transaction, and then ends the session. */
  const insert = once(() => {
    const row = Object.entries(getTableColumns(sessions)).map(([name, column]) => slot(name, column));
    const isActive = and(
      eq(users.tenantId, slot('tenantId', users.tenantId)),
      eq(users.id, slot('userId', users.id)),
      eq(users.status, 'active'),
    );
    return prepared
      .insert(sessions)
      .select(sql`SELECT ${sql.join(row, sql`, `)} FROM ${users} WHERE ${isActive} LOCK IN SHARE MODE`)
      .prepare();
  });

  const findLiveRow = createFindLiveRow(prepared);

  const rotate = once(() =>
    prepared
      .update(sessions)
      .set({
        refreshCounter: sql`${sql.placeholder('next')}`,
        level: sql`${slot('level', sessions.level)}`,
        refreshedAt: sql`${slot('refreshedAt', sessions.refreshedAt)}`,
        idleExpiresAt: sql`${slot('idleExpiresAt', sessions.idleExpiresAt)}`,
        address: sql`${slot('address', sessions.address)}`,
        jkt: sql`${slot('jkt', sessions.jkt)}`,
        bindsAccess: sql`${slot('bindsAccess', sessions.bindsAccess)}`,
        boundCounter: sql`${slot('boundCounter', sessions.boundCounter)}`,
      })
      .where(
        and(
          given.session,
          eq(sessions.refreshCounter, slot('counter', sessions.refreshCounter)),
          isNull(sessions.revokedAt),
        ),
      )
      .prepare(),
  );

  return {
    async insert({ client, binding, deviceId = null, ...session }) {
      const { address, userAgent } = client;
      const [result] = await insert().execute({
        ...session,
        address,
        userAgent,
        ...toColumns(binding),
        deviceId,
        revokedAt: null,
      });
      return result.affectedRows === 1;
    },

    async findLive(tenantId, id, now) {
      const row = await findLiveRow(tenantId, id, now);
      return row && { ...toSession(row.session), kinds: toKinds(row.kinds), roles: row.roles };
    },

    findOfCall: createFindOfCall(prepared),

    async findEnded(tenantId, id) {
      const [row] = await db.select().from(sessions).where(isSession(tenantId, id));
      if (row === undefined) return undefined;
      const { userId, createdAt, revokedAt, idleExpiresAt, expiresAt } = row;
      return { id, userId, createdAt, idleExpiresAt, expiresAt, revokedAt: revokedAt ?? undefined };
    },

    async filterLive(wanted, now) {
      const rows = await db
        .select({ id: sessions.id })
        .from(sessions)
        .innerJoin(users, and(ownerOf, eq(users.status, 'active')))
        .innerJoin(tenants, and(eq(tenants.id, sessions.tenantId), eq(tenants.status, 'active')))
        .where(and(or(...wanted.map(({ tenantId, id }) => isSession(tenantId, id))), isLive(now)));
      return rows.map(({ id }) => id);
    },

    async hold(tenantId, id, now) {
      const rows = await db
        .select({ id: sessions.id })
        .from(sessions)
        .innerJoin(users, and(ownerOf, eq(users.status, 'active')))
        .where(and(isSession(tenantId, id), isLive(now)))
        .for('update');
      return rows.length === 1;
    },

    async listLive(tenantId, userId, now) {
      const rows = await db
        .select()
        .from(sessions)
        .where(and(ofUser(tenantId, userId), isLive(now)))
        .orderBy(desc(sessions.id));
      return rows.map(toSession);
    },

    async rotate({ tenantId, id, refreshCounter: counter }, { client, binding, ...changes }) {
      const { address } = client;
      const [result] = await rotate().execute({
        ...changes,
        ...toColumns(binding),
        tenantId,
        id,
        counter,
        next: counter + 1,
        address,
      });
      return result.affectedRows === 1;
    },

    async addSecondFactor(tenantId, id, method, now, level = 'signed-in') {
      const [row] = await db.select({ amr: sessions.amr }).from(sessions).where(isSession(tenantId, id));
      const amr = [...new Set([...(row?.amr ?? []), method, 'mfa' as const])];
      await db.update(sessions).set({ level, amr, authTime: now }).where(isSession(tenantId, id));
    },

    async updateAuthTime(tenantId, id, authTime) {
      await db.update(sessions).set({ authTime }).where(isSession(tenantId, id));
    },

    revoke: revokeOne,

    async revokeOthers(tenantId, userId, keptId, now) {
      const [result] = await db
        .update(sessions)
        .set({ revokedAt: now })
        .where(
          and(
            ofUser(tenantId, userId),
            isLive(now),
            keptId === undefined ? undefined : ne(sessions.id, keptId),
          ),
        );
      return result.affectedRows;
    },

    async isKeyOf(tenantId, identifier, jkt) {
      const holder = db
        .select({ userId: identifiers.userId })
        .from(identifiers)
        .where(and(isIdentifier(tenantId, identifier), isNotNull(identifiers.confirmedAt)));
      const latest = latestOf(db, tenantId, sql`(${holder})`);
      const [row] = await db
        .select({ jkt: latest.jkt })
        .from(latest)
        .where(eq(latest.jkt, Buffer.from(jkt, 'base64url')))
        .limit(1);
      return row !== undefined;
    },

    async forgetDevices(tenantId, userId) {
      // Not empty: it is known that there were devices.
      await db.update(sessions).set({ device: '-', jkt: null }).where(ofUser(tenantId, userId));
    },

    async revokeOfDevice(tenantId, userId, deviceId, now) {
      return await revokeAll(
        and(ofUser(tenantId, userId), eq(sessions.deviceId, deviceId), isLive(now)),
        now,
      );
    },

    async revokeBeyond(tenantId, userId, kept, now, expected) {
      // Where another sign-in has ended it meanwhile, another one is beyond.
      if (expected !== undefined && (await revokeOne(tenantId, userId, expected, now))) return [expected];
      const ended: string[] = [];
      for (;;) {
        // It is one, as a rule: each sign-in ends what it is one too many for.
        const beyond = await findBeyond().execute({ tenantId, userId, now, kept });
        for (const { id } of beyond) if (await revokeOne(tenantId, userId, id, now)) ended.push(id);
        if (beyond.length < mostAtOnce) break;
      }
      if (ended.length === 0) await endIdle(tenantId, userId, now);
      return ended;
    },
  };
}
