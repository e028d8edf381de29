import type { Clock } from '../../domain/clock.ts';
import type { LoggedEvent } from '../../domain/event-log.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import { maxPending, type Webhook, type WebhookDelivery } from '../../domain/webhook.ts';
import { isWanted } from '../events/read-events.ts';

export type FanOutDeps = {
  readonly store: Store<'webhooks' | 'eventLogs'>;
  readonly clock: Clock;
  readonly random: Random;
};

/** Webhooks of one round, and events of one transaction. */
const batchWebhooks = 50;
const batchEvents = 200;

/** Whether an event goes to a webhook: a test goes to its own webhook alone, whatever that wants. */
function isFor({ id, types }: Webhook, event: LoggedEvent): boolean {
  return event.type === 'webhook.tested' ? event.details['webhook'] === id : isWanted(event, types);
}

/** A delivery that is due now. */
export function deliveryOf(
  { clock, random }: Pick<FanOutDeps, 'clock' | 'random'>,
  { tenantId, id: webhookId }: Webhook,
  { id: eventId, type }: Pick<LoggedEvent, 'id' | 'type'>,
): WebhookDelivery {
  const now = clock();
  return {
    ...{ tenantId, id: random.uuid(), webhookId, eventId, type },
    ...{ status: 'pending', attempts: 0, claims: 0 },
    ...{ nextAttemptAt: now, createdAt: now, endedAt: undefined },
  };
}

/**
 * Makes the deliveries of new events, each webhook from its own place in the log. Place and deliveries move in one
 * transaction, so that every event is delivered and none twice, whichever instance does it and whenever it is killed.
 */
export function createFanOut({ store, clock, random }: FanOutDeps) {
  async function advance(
    { webhooks }: Pick<Repositories, 'webhooks'>,
    webhook: Webhook,
    events: readonly LoggedEvent[],
    position: number,
  ): Promise<void> {
    if (!(await webhooks.advance(webhook, position))) return;
    const wanted = events.filter((event) => isFor(webhook, event));
    await webhooks.addDeliveries(wanted.map((event) => deliveryOf({ clock, random }, webhook, event)));
  }

  /** One round over the webhooks that are behind their logs; returns the number of events that were looked at. */
  return async function fanOut(): Promise<number> {
    let count = 0;
    for (const { webhook, size } of await store.webhooks.listBehind(batchWebhooks)) {
      if ((await store.webhooks.countPending(webhook)) >= maxPending) continue;
      const events = await store.eventLogs.read(webhook.tenantId, webhook.position, size, batchEvents);
      // What retention has deleted is not waited for.
      const position = events.at(-1)?.position ?? size;
      await store.transaction((repositories) => advance(repositories, webhook, events, position));
      count += events.length;
    }
    return count;
  };
}
