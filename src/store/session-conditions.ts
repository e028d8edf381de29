import {
  and,
  type Column,
  desc,
  eq,
  gt,
  isNotNull,
  isNull,
  ne,
  type Param,
  type SQL,
  sql,
} from 'drizzle-orm';
import { unionAll } from 'drizzle-orm/mysql-core';
import { latestSessions } from '../domain/device.ts';
import type { Database } from './database.ts';
import { sessions } from './tables/sessions.ts';
import { users } from './tables/users.ts';

// Which sessions a statement is about, and what makes one live.

export const isSession = (tenantId: string | Param, id: string | Param) =>
  and(eq(sessions.tenantId, tenantId), eq(sessions.id, id));

export const isLive = (now: Date | Param) =>
  and(isNull(sessions.revokedAt), gt(sessions.expiresAt, now), gt(sessions.idleExpiresAt, now));

/** Whether a session is the user's own: not that of a member who acts in their place. */
export const isOwn = ne(sessions.level, 'acting');

/** The user of the session. */
export const ownerOf = and(eq(users.tenantId, sessions.tenantId), eq(users.id, sessions.userId));

/**
 * The latest sessions of a user, live or not, with what tells of their device. A user may have signed in a hundred
 * thousand times: what a call costs must not grow with it.
 */
export function latestOf(db: Database, tenantId: string | Param, userId: SQL | Param) {
  const { device, jkt, address, revokedAt, expiresAt } = sessions;
  const some = (which: SQL, end: Column, limit: number) =>
    db
      .select({ device, jkt, address })
      .from(sessions, { forceIndex: 'sessions_live' })
      .where(and(eq(sessions.tenantId, tenantId), sql`${sessions.userId} = ${userId}`, which))
      .orderBy(desc(end))
      .limit(limit);
  const open = some(isNull(revokedAt), expiresAt, latestSessions.open);
  return unionAll(open, some(isNotNull(revokedAt), revokedAt, latestSessions.ended)).as('latest');
}
