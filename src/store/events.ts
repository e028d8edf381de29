import { and, asc, desc, eq, gt } from 'drizzle-orm';
import type { EventDetails, EventRepository, EventType } from '../domain/events.ts';
import type { Database } from './database.ts';
import { once, slotsOf } from './prepared.ts';
import { events as table } from './tables/events.ts';

export function createEventRepository(db: Database, prepared: Database): EventRepository {
  const insert = once(() => prepared.insert(table).values(slotsOf(table)).prepare());

  return {
    async add({ userId = null, sessionId = null, keyId = null, details, ...event }) {
      await insert().execute({ ...event, userId, sessionId, keyId, details: JSON.stringify(details) });
    },

    async removePersonalPart(tenantId, userId) {
      const [result] = await db
        .update(table)
        .set({ userId: null, sessionId: null, address: '' })
        .where(and(eq(table.tenantId, tenantId), eq(table.userId, userId)));
      return result.affectedRows;
    },

    async list({ tenantId, userId, type, outcome, afterId }, limit) {
      const rows = await db
        .select()
        .from(table)
        .where(
          and(
            eq(table.tenantId, tenantId),
            userId === undefined ? undefined : eq(table.userId, userId),
            type === undefined ? undefined : eq(table.type, type as EventType),
            outcome === undefined ? undefined : eq(table.outcome, outcome as 'success' | 'failure'),
            afterId === undefined ? undefined : gt(table.id, afterId),
          ),
        )
        // A reader that follows the log must not miss the oldest of many.
        .orderBy(afterId === undefined ? desc(table.id) : asc(table.id))
        .limit(limit);
      if (afterId !== undefined) rows.reverse();
      return rows.map(({ userId: user, sessionId, keyId, details, ...row }) => ({
        ...row,
        details: JSON.parse(details) as EventDetails,
        userId: user ?? undefined,
        sessionId: sessionId ?? undefined,
        keyId: keyId ?? undefined,
      }));
    },
  };
}
