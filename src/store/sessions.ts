import { and, eq, gt, isNull } from 'drizzle-orm';
import type { SessionRepository } from '../domain/ports.ts';
import type { Database } from './database.ts';
import { sessions, users } from './schema.ts';

export function createSessionRepository(db: Database): SessionRepository {
  return {
    async insert({ client, ...session }) {
      await db.insert(sessions).values({
        ...session,
        amr: [...session.amr],
        address: client.address,
        userAgent: client.userAgent,
      });
    },

    async findLive(tenantId, id, now) {
      const [row] = await db
        .select({ session: sessions })
        .from(sessions)
        .innerJoin(users, and(eq(users.tenantId, sessions.tenantId), eq(users.id, sessions.userId)))
        .where(
          and(
            eq(sessions.tenantId, tenantId),
            eq(sessions.id, id),
            isNull(sessions.revokedAt),
            gt(sessions.expiresAt, now),
            gt(sessions.idleExpiresAt, now),
            eq(users.status, 'active'),
          ),
        );
      if (row === undefined) return undefined;
      const { address, userAgent, revokedAt: _, ...session } = row.session;
      return { ...session, client: { address, userAgent } };
    },
  };
}
