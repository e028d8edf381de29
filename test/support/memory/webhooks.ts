import type {
  Webhook,
  WebhookDelivery,
  WebhookPlace,
  WebhookRepository,
} from '../../../src/domain/webhook.ts';
import { byId } from './table.ts';
import type { Tables } from './tables.ts';

const toPlace = ({ secrets: _, ...place }: Webhook): WebhookPlace => place;
const placeOf = ({ tenantId, id }: Pick<Webhook, 'tenantId' | 'id'>) => `${tenantId} ${id}`;

export function createWebhooks(tables: Tables): WebhookRepository {
  const { webhooks, webhookDeliveries: deliveries, webhookAttempts: attempts, eventLogs } = tables;
  const is = (tenantId: string, id: string) => (each: { readonly tenantId: string; readonly id: string }) =>
    each.tenantId === tenantId && each.id === id;
  const isOf = (tenantId: string, webhookId: string) => (each: WebhookDelivery) =>
    each.tenantId === tenantId && each.webhookId === webhookId;
  const isPending = ({ status }: WebhookDelivery) => status === 'pending';
  const isClaim =
    ({ tenantId, id }: WebhookDelivery, claims: number) =>
    (each: WebhookDelivery) =>
      is(tenantId, id)(each) && each.claims === claims && isPending(each);
  const sizeOf = (tenantId: string) =>
    Math.max(0, ...eventLogs.all((each) => each.tenantId === tenantId).map(({ size }) => size));
  return {
    async insert(webhook) {
      webhooks.insert(webhook);
    },
    list: async (tenantId) =>
      webhooks
        .all((each) => each.tenantId === tenantId)
        .sort(byId)
        .map(toPlace),
    find: async (tenantId, id) => webhooks.find(is(tenantId, id)),
    update: async (tenantId, id, changes) =>
      webhooks.update(is(tenantId, id), changes as Partial<Webhook>) === 1,
    delete: async (tenantId, id) => webhooks.delete(is(tenantId, id)) === 1,
    listBehind: async (after, limit) =>
      webhooks
        .all(
          ({ tenantId, position, disabledReason }) =>
            disabledReason === undefined && position < sizeOf(tenantId),
        )
        .sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1))
        .filter((each) => after === undefined || placeOf(each) > placeOf(after))
        .slice(0, limit)
        .map((webhook) => ({ webhook: toPlace(webhook), size: sizeOf(webhook.tenantId) })),
    advance: async ({ tenantId, id, position: from }, position) =>
      webhooks.update((each) => is(tenantId, id)(each) && each.position === from, { position }) === 1,
    async rewind(tenantId, size) {
      webhooks.update((each) => each.tenantId === tenantId && each.position > size, { position: size });
    },
    async noteFailure(tenantId, id, now) {
      webhooks.update((each) => is(tenantId, id)(each) && each.failingSince === undefined, {
        failingSince: now,
      });
    },
    listFailing: async (since) =>
      webhooks
        .all(
          ({ disabledReason, failingSince }) =>
            disabledReason === 'GONE' ||
            disabledReason === 'FAILING' ||
            (failingSince !== undefined && failingSince < since),
        )
        .sort(byId)
        .map(toPlace),
    async addDeliveries(rows) {
      for (const row of rows) deliveries.insert(row);
    },
    listDue: async (now, without, limit) =>
      deliveries
        .all(
          (each) =>
            isPending(each) &&
            each.nextAttemptAt <= now &&
            !without.webhooks.includes(each.webhookId) &&
            !without.tenants.includes(each.tenantId),
        )
        .filter((each) => {
          const webhook = webhooks.find(is(each.tenantId, each.webhookId));
          const tenant = tables.tenants.find(({ id }) => id === each.tenantId);
          return webhook !== undefined && webhook.disabledReason === undefined && tenant?.status === 'active';
        })
        .sort((a, b) => a.nextAttemptAt.getTime() - b.nextAttemptAt.getTime())
        .slice(0, limit),
    claim: async (delivery, until) =>
      deliveries.update(isClaim(delivery, delivery.claims), ({ claims }) => ({
        claims: claims + 1,
        nextAttemptAt: until,
      })) === 1,
    end: async (delivery, end) => deliveries.update(isClaim(delivery, delivery.claims + 1), end) === 1,
    async addAttempt(attempt) {
      attempts.insert(attempt);
    },
    listDeliveries: async ({ tenantId, webhookId, status, beforeId }, limit) =>
      deliveries
        .all(isOf(tenantId, webhookId))
        .filter((each) => status === undefined || each.status === status)
        .filter(({ id }) => beforeId === undefined || id < beforeId)
        .sort(byId)
        .reverse()
        .slice(0, limit),
    findDelivery: async (tenantId, id) => deliveries.find(is(tenantId, id)),
    listAttempts: async (tenantId, deliveryId) =>
      attempts.all((each) => each.tenantId === tenantId && each.deliveryId === deliveryId).sort(byId),
    retry: async (tenantId, id, now) =>
      deliveries.update(is(tenantId, id), {
        ...{ status: 'pending', nextAttemptAt: now, since: now, endedAt: undefined },
      }) === 1,
    async postpone(tenantId, webhookId, nextAttemptAt) {
      deliveries.update((each) => isOf(tenantId, webhookId)(each) && isPending(each), { nextAttemptAt });
    },
    countPending: async (webhook) =>
      deliveries.all(
        (each) => isPending(each) && (webhook === undefined || isOf(webhook.tenantId, webhook.id)(each)),
      ).length,
  };
}
