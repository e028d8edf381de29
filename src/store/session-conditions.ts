import { and, desc, eq, gt, isNull, type Param, type Placeholder, type SQL, sql } from 'drizzle-orm';
import { latestSessions } from '../domain/device.ts';
import type { Database } from './database.ts';
import { sessions } from './tables/sessions.ts';
import { users } from './tables/users.ts';

// Which sessions a statement is about, and what makes one live.

export const isSession = (tenantId: string | Param, id: string | Param) =>
  and(eq(sessions.tenantId, tenantId), eq(sessions.id, id));

export const isLive = (now: Date | Param) =>
  and(isNull(sessions.revokedAt), gt(sessions.expiresAt, now), gt(sessions.idleExpiresAt, now));

/** The user of the session. */
export const ownerOf = and(eq(users.tenantId, sessions.tenantId), eq(users.id, sessions.userId));

/** The sessions beyond a limit that are read at once. */
export const mostBeyond = 16;

/** The live sessions of a user beyond so many, the newest of them first. */
export function beyondOf(
  db: Database,
  tenantId: string | Param,
  userId: SQL | Param,
  now: Date | Param,
  kept: number | Placeholder,
) {
  return (
    db
      .select({ id: sessions.id })
      // For the order of ids the database may read every session of the tenant, from the newest on.
      .from(sessions, { forceIndex: 'sessions_live' })
      .where(and(eq(sessions.tenantId, tenantId), sql`${sessions.userId} = ${userId}`, isLive(now)))
      .orderBy(desc(sessions.id))
      .limit(mostBeyond)
      .offset(kept)
  );
}

/**
 * The latest sessions of a user, live or not, with what tells of their device. A user may have signed in a hundred
 * thousand times: what a call costs must not grow with it.
 */
export function latestOf(db: Database, tenantId: string | Param, userId: SQL | Param) {
  return db
    .select({ device: sessions.device, jkt: sessions.jkt, address: sessions.address })
    .from(sessions, { forceIndex: 'sessions_user' })
    .where(and(eq(sessions.tenantId, tenantId), sql`${sessions.userId} = ${userId}`))
    .orderBy(desc(sessions.expiresAt))
    .limit(latestSessions)
    .as('latest');
}
