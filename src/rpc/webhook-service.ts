import { durationMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { WebhookService } from '../../gen/manam/v1/webhook_service_pb.js';
import {
  type DeliveryStatus,
  never,
  type Webhook,
  type WebhookAttempt,
  type WebhookDelivery,
  type WebhookPlace,
} from '../domain/webhook.ts';
import { bodyOf } from '../flows/webhooks/deliver.ts';
import type { Deliveries } from '../flows/webhooks/deliveries.ts';
import type { ManageWebhooks } from '../flows/webhooks/manage.ts';
import { callerOf } from './context.ts';

export function webhookHandlers(
  webhooks: ManageWebhooks,
  log: Deliveries,
  countPending: (webhook: Webhook) => Promise<number>,
): ServiceImpl<typeof WebhookService> {
  return {
    async createWebhook({ url, description, types }, context) {
      const made = await webhooks.create(callerOf(context), { url, description, types: plain(types) });
      return { webhook: toWebhook(made), secret: secretOf(made) };
    },

    async listWebhooks(_, context) {
      return { webhooks: (await webhooks.list(callerOf(context))).map(toWebhook) };
    },

    async getWebhook({ webhookId }, context) {
      const found = await webhooks.get(callerOf(context), webhookId);
      return { webhook: toWebhook(found), secret: secretOf(found), pending: await countPending(found) };
    },

    async updateWebhook({ webhookId, url, description, types }, context) {
      const changes = { url, description, types: types.length === 0 ? undefined : plain(types) };
      return { webhook: toWebhook(await webhooks.update(callerOf(context), webhookId, changes)) };
    },

    async deleteWebhook({ webhookId }, context) {
      await webhooks.delete(callerOf(context), webhookId);
      return {};
    },

    async rotateWebhookSecret({ webhookId, overlap }, context) {
      const overlapMs = overlap === undefined ? undefined : durationMs(overlap);
      return { secret: secretOf(await webhooks.rotateSecret(callerOf(context), webhookId, overlapMs)) };
    },

    async enableWebhook({ webhookId, skipMissed }, context) {
      return { webhook: toWebhook(await webhooks.enable(callerOf(context), webhookId, skipMissed)) };
    },

    async disableWebhook({ webhookId }, context) {
      return { webhook: toWebhook(await webhooks.disable(callerOf(context), webhookId)) };
    },

    async testWebhook({ webhookId }, context) {
      await webhooks.test(callerOf(context), webhookId);
      return {};
    },

    async listWebhookDeliveries({ webhookId, state, beforeDeliveryId: beforeId, limit }, context) {
      const status = state === '' ? undefined : (state as DeliveryStatus);
      const query = { webhookId, status, beforeId, limit };
      const { deliveries, hasMore } = await log.listDeliveries(callerOf(context), query);
      return { deliveries: deliveries.map(toDelivery), hasMore };
    },

    async getWebhookDelivery({ deliveryId }, context) {
      const { delivery, attempts, event } = await log.getDelivery(callerOf(context), deliveryId);
      return {
        delivery: toDelivery(delivery),
        request: event === undefined ? '' : bodyOf(event),
        attempts: attempts.map(toAttempt),
      };
    },

    async retryWebhookDelivery({ deliveryId }, context) {
      return { delivery: toDelivery(await log.retry(callerOf(context), deliveryId)) };
    },

    async replayEvents({ webhookId, after, until, types }, context) {
      const command = { webhookId, after, until, types: plain(types) };
      return { deliveries: await log.replay(callerOf(context), command) };
    },
  };
}

/** `*` stands for all types, which an empty list does in the flows. */
const plain = (types: readonly string[]) => (types.includes('*') ? [] : types);

const secretOf = ({ secrets }: Webhook) => secrets[0]?.text ?? '';

function toWebhook({ id, url, description, types, disabledReason, failingSince, createdAt }: WebhookPlace) {
  return {
    webhookId: id,
    url,
    description,
    types: [...types],
    state: disabledReason === undefined ? 'enabled' : 'disabled',
    disabledReason: disabledReason ?? '',
    ...(failingSince && { failingSinceTime: timestampFromDate(failingSince) }),
    createTime: timestampFromDate(createdAt),
  };
}

function toDelivery(delivery: WebhookDelivery) {
  const { id, eventId, type, status, attempts, createdAt, nextAttemptAt, endedAt } = delivery;
  return {
    deliveryId: id,
    eventId,
    type,
    state: status,
    attempts,
    createTime: timestampFromDate(createdAt),
    ...(status === 'pending' &&
      nextAttemptAt < never && { nextAttemptTime: timestampFromDate(nextAttemptAt) }),
    ...(endedAt && { endTime: timestampFromDate(endedAt) }),
  };
}

function toAttempt({ statusCode, error, response, durationMs: ms, createdAt }: WebhookAttempt) {
  return { statusCode, error, response, durationMs: ms, createTime: timestampFromDate(createdAt) };
}
