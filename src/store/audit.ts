import { and, asc, desc, eq, gt } from 'drizzle-orm';
import type { AuditAction, AuditEvent, AuditRepository } from '../domain/events.ts';
import type { Database } from './database.ts';
import { once, slotsOf } from './prepared.ts';
import { auditEvents as table } from './schema.ts';

export function createAuditRepository(db: Database, prepared: Database): AuditRepository {
  const insert = once(() => prepared.insert(table).values(slotsOf(table)).prepare());

  return {
    async add({ userId = null, sessionId = null, keyId = null, ...event }) {
      await insert().execute({ ...event, userId, sessionId, keyId });
    },

    async anonymize(tenantId, userId) {
      const [result] = await db
        .update(table)
        .set({ userId: null, sessionId: null, address: '' })
        .where(and(eq(table.tenantId, tenantId), eq(table.userId, userId)));
      return result.affectedRows;
    },

    async list({ tenantId, userId, action, outcome, afterId }, limit) {
      const rows = await db
        .select()
        .from(table)
        .where(
          and(
            eq(table.tenantId, tenantId),
            userId === undefined ? undefined : eq(table.userId, userId),
            action === undefined ? undefined : eq(table.action, action as AuditAction),
            outcome === undefined ? undefined : eq(table.outcome, outcome as AuditEvent['outcome']),
            afterId === undefined ? undefined : gt(table.id, afterId),
          ),
        )
        // Whoever follows the log must not miss the oldest of many.
        .orderBy(afterId === undefined ? desc(table.id) : asc(table.id))
        .limit(limit);
      if (afterId !== undefined) rows.reverse();
      return rows.map(({ userId: user, sessionId, keyId, ...row }) => ({
        ...row,
        userId: user ?? undefined,
        sessionId: sessionId ?? undefined,
        keyId: keyId ?? undefined,
      }));
    },
  };
}
