import { and, eq, gt, isNull, type Param } from 'drizzle-orm';
import { sessions } from './tables/sessions.ts';
import { users } from './tables/users.ts';

// Which session a statement is about, and what makes one live.

export const isSession = (tenantId: string | Param, id: string | Param) =>
  and(eq(sessions.tenantId, tenantId), eq(sessions.id, id));

export const isLive = (now: Date | Param) =>
  and(isNull(sessions.revokedAt), gt(sessions.expiresAt, now), gt(sessions.idleExpiresAt, now));

/** The user of the session. */
export const ownerOf = and(eq(users.tenantId, sessions.tenantId), eq(users.id, sessions.userId));
