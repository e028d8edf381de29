import { and, asc, count, desc, eq, gt, inArray, isNull, lt, lte, max, notInArray, or } from 'drizzle-orm';
import type { Vault } from '../domain/vault.ts';
import type {
  Webhook,
  WebhookDelivery,
  WebhookPlace,
  WebhookRepository,
  WebhookSecret,
} from '../domain/webhook.ts';
import type { Database } from './database.ts';
import { eventLogs } from './tables/events.ts';
import { tenants } from './tables/tenants.ts';
import {
  webhookAttempts as attempts,
  webhookDeliveries as deliveries,
  webhooks as table,
} from './tables/webhooks.ts';

const purpose = 'webhook-secret';

type Row = typeof table.$inferSelect;

/** A webhook without its secrets, which only an attempt needs: one that does not open holds up no other. */
function toPlace({ secrets: _, disabledReason, failingSince, ...row }: Row): WebhookPlace {
  return {
    ...row,
    disabledReason: disabledReason === '' ? undefined : disabledReason,
    failingSince: failingSince ?? undefined,
  };
}

type StoredSecret = { readonly text: string; readonly until: number | null };

export function createWebhookRepository(db: Database, vault: Vault): WebhookRepository {
  const is = (tenantId: string, id: string) => and(eq(table.tenantId, tenantId), eq(table.id, id));
  const isAfter = ({ tenantId, id }: Pick<Webhook, 'tenantId' | 'id'>) =>
    or(gt(table.tenantId, tenantId), and(eq(table.tenantId, tenantId), gt(table.id, id)));
  const isDelivery = (tenantId: string, id: string) =>
    and(eq(deliveries.tenantId, tenantId), eq(deliveries.id, id));

  function seal(id: string, secrets: readonly WebhookSecret[]): Buffer {
    const stored = secrets.map(({ text, until }) => ({ text, until: until?.getTime() ?? null }));
    return vault.seal(purpose, id, Buffer.from(JSON.stringify(stored)));
  }

  function toWebhook(row: Row): Webhook {
    const stored = JSON.parse(vault.open(purpose, row.id, row.secrets).toString()) as StoredSecret[];
    const secrets = stored.map(({ text, until }) => ({
      text,
      until: until === null ? undefined : new Date(until),
    }));
    return { ...toPlace(row), secrets };
  }

  return {
    async insert({ secrets, types, disabledReason, failingSince, ...webhook }) {
      await db.insert(table).values({
        ...webhook,
        secrets: seal(webhook.id, secrets),
        types: [...types],
        disabledReason: disabledReason ?? '',
        failingSince: failingSince ?? null,
      });
    },

    async list(tenantId) {
      const rows = await db.select().from(table).where(eq(table.tenantId, tenantId)).orderBy(asc(table.id));
      return rows.map(toPlace);
    },

    async find(tenantId, id) {
      const [row] = await db.select().from(table).where(is(tenantId, id));
      return row && toWebhook(row);
    },

    async update(tenantId, id, { secrets, types, ...changes }) {
      const [result] = await db
        .update(table)
        .set({
          ...changes,
          ...('disabledReason' in changes && { disabledReason: changes.disabledReason ?? '' }),
          ...('failingSince' in changes && { failingSince: changes.failingSince ?? null }),
          ...(secrets && { secrets: seal(id, secrets) }),
          ...(types && { types: [...types] }),
        })
        .where(is(tenantId, id));
      return result.affectedRows === 1;
    },

    async delete(tenantId, id) {
      const [result] = await db.delete(table).where(is(tenantId, id));
      return result.affectedRows === 1;
    },

    async listBehind(after, limit) {
      const found = await db
        .select({ tenantId: table.tenantId, id: table.id, size: max(eventLogs.size) })
        .from(table)
        .innerJoin(eventLogs, and(eq(eventLogs.tenantId, table.tenantId), gt(eventLogs.size, table.position)))
        .where(and(eq(table.disabledReason, ''), after && isAfter(after)))
        .groupBy(table.tenantId, table.id)
        .orderBy(asc(table.tenantId), asc(table.id))
        .limit(limit);
      if (found.length === 0) return [];
      const rows = await db
        .select()
        .from(table)
        .where(or(...found.map(({ tenantId, id }) => is(tenantId, id))))
        .orderBy(asc(table.tenantId), asc(table.id));
      const sizes = new Map(found.map(({ id, size }) => [id, Number(size)]));
      return rows.map((row) => ({ webhook: toPlace(row), size: sizes.get(row.id) ?? 0 }));
    },

    async advance({ tenantId, id, position: from }, position) {
      const [result] = await db
        .update(table)
        .set({ position })
        .where(and(is(tenantId, id), eq(table.position, from)));
      return result.affectedRows === 1;
    },

    async rewind(tenantId, size) {
      await db
        .update(table)
        .set({ position: size })
        .where(and(eq(table.tenantId, tenantId), gt(table.position, size)));
    },

    async noteFailure(tenantId, id, now) {
      await db
        .update(table)
        .set({ failingSince: now })
        .where(and(is(tenantId, id), isNull(table.failingSince)));
    },

    async listFailing(since) {
      const rows = await db
        .select()
        .from(table)
        .where(or(inArray(table.disabledReason, ['GONE', 'FAILING']), lt(table.failingSince, since)))
        .orderBy(asc(table.id));
      return rows.map(toPlace);
    },

    async addDeliveries(rows) {
      if (rows.length > 0)
        await db.insert(deliveries).values(rows.map((row) => ({ ...row, endedAt: row.endedAt ?? null })));
    },

    async listDue(now, without, limit) {
      const rows = await db
        .select({ delivery: deliveries })
        .from(deliveries)
        .innerJoin(table, and(eq(table.tenantId, deliveries.tenantId), eq(table.id, deliveries.webhookId)))
        .innerJoin(tenants, and(eq(tenants.id, deliveries.tenantId), eq(tenants.status, 'active')))
        .where(
          and(
            eq(deliveries.status, 'pending'),
            lte(deliveries.nextAttemptAt, now),
            eq(table.disabledReason, ''),
            without.webhooks.length === 0
              ? undefined
              : notInArray(deliveries.webhookId, [...without.webhooks]),
            without.tenants.length === 0 ? undefined : notInArray(deliveries.tenantId, [...without.tenants]),
          ),
        )
        .orderBy(asc(deliveries.nextAttemptAt))
        .limit(limit);
      return rows.map(({ delivery }) => toDelivery(delivery));
    },

    async claim({ tenantId, id, claims }, until) {
      const [result] = await db
        .update(deliveries)
        .set({ claims: claims + 1, nextAttemptAt: until })
        .where(
          and(isDelivery(tenantId, id), eq(deliveries.claims, claims), eq(deliveries.status, 'pending')),
        );
      return result.affectedRows === 1;
    },

    async end({ tenantId, id, claims }, { endedAt, ...end }) {
      const [result] = await db
        .update(deliveries)
        .set({ ...end, endedAt: endedAt ?? null })
        .where(
          and(isDelivery(tenantId, id), eq(deliveries.claims, claims + 1), eq(deliveries.status, 'pending')),
        );
      return result.affectedRows === 1;
    },

    async addAttempt(attempt) {
      await db.insert(attempts).values(attempt);
    },

    async listDeliveries({ tenantId, webhookId, status, beforeId }, limit) {
      const rows = await db
        .select()
        .from(deliveries)
        .where(
          and(
            eq(deliveries.tenantId, tenantId),
            eq(deliveries.webhookId, webhookId),
            status === undefined ? undefined : eq(deliveries.status, status),
            beforeId === undefined ? undefined : lt(deliveries.id, beforeId),
          ),
        )
        .orderBy(desc(deliveries.id))
        .limit(limit);
      return rows.map(toDelivery);
    },

    async findDelivery(tenantId, id) {
      const [row] = await db.select().from(deliveries).where(isDelivery(tenantId, id));
      return row && toDelivery(row);
    },

    listAttempts: async (tenantId, deliveryId) =>
      await db
        .select()
        .from(attempts)
        .where(and(eq(attempts.tenantId, tenantId), eq(attempts.deliveryId, deliveryId)))
        .orderBy(asc(attempts.id)),

    async retry(tenantId, id, now) {
      const [result] = await db
        .update(deliveries)
        .set({ status: 'pending', nextAttemptAt: now, since: now, endedAt: null })
        .where(isDelivery(tenantId, id));
      return result.affectedRows === 1;
    },

    async postpone(tenantId, webhookId, nextAttemptAt) {
      await db
        .update(deliveries)
        .set({ nextAttemptAt })
        .where(
          and(
            eq(deliveries.tenantId, tenantId),
            eq(deliveries.webhookId, webhookId),
            eq(deliveries.status, 'pending'),
          ),
        );
    },

    async countPending(webhook) {
      const isOwn =
        webhook && and(eq(deliveries.tenantId, webhook.tenantId), eq(deliveries.webhookId, webhook.id));
      const [row] = await db
        .select({ pending: count() })
        .from(deliveries)
        .where(and(isOwn, eq(deliveries.status, 'pending')));
      return row?.pending ?? 0;
    },
  };
}

function toDelivery({ endedAt, ...row }: typeof deliveries.$inferSelect): WebhookDelivery {
  return { ...row, endedAt: endedAt ?? undefined };
}
