import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import { isUuid } from '../../domain/token.ts';
import type { DeliveryStatus, WebhookAttempt, WebhookDelivery } from '../../domain/webhook.ts';
import { isWanted, parseTypes, type ReadEvents } from '../events/read-events.ts';
import { record } from '../events/record.ts';
import { deliveryOf } from './fan-out.ts';
import { findWebhook } from './manage.ts';

export type DeliveriesDeps = {
  readonly store: Store<'webhooks' | 'eventLogs' | 'tenants' | 'events'>;
  readonly read: ReadEvents;
  readonly clock: Clock;
  readonly random: Random;
};

export type ReplayCommand = {
  readonly webhookId: string;
  readonly after: string;
  readonly until: string;
  readonly types: readonly string[];
};

const defaultPage = 50;
const replayPage = 500;
/** Events of one replay. */
const maxReplayed = 10_000;

/** The log of deliveries, and what is sent again by hand. */
export function createDeliveries({ store, read, clock, random }: DeliveriesDeps) {
  const deps = { clock, random };
  const find = (tenantId: string, id: string) => findWebhook(store, tenantId, id);

  async function findDelivery(tenantId: string, id: string): Promise<WebhookDelivery> {
    const delivery = isUuid(id) ? await store.webhooks.findDelivery(tenantId, id) : undefined;
    if (delivery === undefined) throw new DomainError('NOT_FOUND');
    return delivery;
  }

  return {
    async listDeliveries(
      { tenant }: Caller,
      query: {
        readonly webhookId: string;
        readonly status: DeliveryStatus | undefined;
        readonly beforeId: string;
        readonly limit: number;
      },
    ): Promise<{ deliveries: WebhookDelivery[]; hasMore: boolean }> {
      const { webhookId, status, beforeId } = query;
      await find(tenant.id, webhookId);
      if (beforeId !== '' && !isUuid(beforeId))
        throw invalid({ field: 'before_delivery_id', reason: 'FIELD_INVALID' });
      const limit = query.limit === 0 ? defaultPage : query.limit;
      const filter = {
        tenantId: tenant.id,
        webhookId,
        status,
        beforeId: beforeId === '' ? undefined : beforeId,
      };
      const rows = await store.webhooks.listDeliveries(filter, limit + 1);
      return { deliveries: rows.slice(0, limit), hasMore: rows.length > limit };
    },

    /** A delivery with the request that it makes and all attempts. */
    async getDelivery({ tenant }: Caller, id: string) {
      const delivery = await findDelivery(tenant.id, id);
      const attempts: WebhookAttempt[] = await store.webhooks.listAttempts(tenant.id, id);
      const event = await store.eventLogs.findSealed(tenant.id, delivery.eventId);
      return { delivery, attempts, event };
    },

    /** Sends a delivery again at once, and for three more days where that fails. */
    async retry({ tenant }: Caller, id: string): Promise<WebhookDelivery> {
      const { webhookId } = await findDelivery(tenant.id, id);
      // A log outlives its webhook.
      await find(tenant.id, webhookId);
      await store.webhooks.retry(tenant.id, id, clock());
      return await findDelivery(tenant.id, id);
    },

    /** Delivers events of a range of the log again, with their ids: a receiver that honours those acts on none twice. */
    async replay(caller: Caller, command: ReplayCommand): Promise<number> {
      const { tenant } = caller;
      const webhook = await find(tenant.id, command.webhookId);
      const types = command.types.length === 0 ? webhook.types : parseTypes(command.types);
      const [log] = await store.eventLogs.findCurrent([tenant.id]);
      const size = log?.size ?? 0;
      const after =
        command.after === '' ? await read.start(tenant.id) : await read.positionOf(tenant.id, command.after);
      const until = command.until === '' ? size : await read.positionOf(tenant.id, command.until);
      const tooMany = (description: string) =>
        invalid({ field: 'until', reason: 'FIELD_INVALID', description });
      if (until - after > maxReplayed) throw tooMany(`at most ${maxReplayed} events at a time`);
      const assertRoom = async ({ webhooks }: Pick<typeof store, 'webhooks'>, added: number) => {
        const pending = await webhooks.countPending(webhook);
        if (pending + added > 2 * maxReplayed) throw tooMany(`${pending} deliveries wait still`);
      };
      await assertRoom(store, Math.max(0, until - after));
      const deliveries: WebhookDelivery[] = [];
      for (let position = after; position < until; ) {
        const events = await store.eventLogs.read(tenant.id, position, until, replayPage);
        const last = events.at(-1);
        if (last === undefined) break;
        const wanted = events.filter((event) => isWanted(event, types) && event.type !== 'webhook.tested');
        deliveries.push(...wanted.map((event) => deliveryOf(deps, webhook, event)));
        ({ position } = last);
      }
      const count = deliveries.length;
      await store.transaction(async (repositories) => {
        // One replay at a time, so that concurrent requests queue no more events than sequential ones.
        await repositories.tenants.findForUpdate(tenant.id);
        await assertRoom(repositories, count);
        for (let index = 0; index < count; index += replayPage)
          await repositories.webhooks.addDeliveries(deliveries.slice(index, index + replayPage));
        const details = { webhook: webhook.id, count };
        await record(repositories, deps, caller, { type: 'webhook.replayed', details });
      });
      return count;
    },
  };
}

export type Deliveries = ReturnType<typeof createDeliveries>;
