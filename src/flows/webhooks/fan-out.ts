import type { Clock } from '../../domain/clock.ts';
import type { LoggedEvent } from '../../domain/event-log.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import { maxPending, type Webhook, type WebhookDelivery, type WebhookPlace } from '../../domain/webhook.ts';
import { isWanted } from '../events/read-events.ts';
import { goRound } from '../round.ts';

export type FanOutDeps = {
  readonly store: Store<'webhooks' | 'eventLogs'>;
  readonly clock: Clock;
  readonly random: Random;
};

/** Webhooks of one round, and events of one transaction. */
const batchWebhooks = 50;
const batchEvents = 200;
/** Time for which a webhook with too many pending deliveries is not looked at. */
const fullMs = 5000;

/** Whether an event goes to a webhook: a test goes to its own webhook alone, whatever that wants. */
function isFor({ id, types }: WebhookPlace, event: LoggedEvent): boolean {
  return event.type === 'webhook.tested' ? event.details['webhook'] === id : isWanted(event, types);
}

/** A delivery that is due now. */
export function deliveryOf(
  { clock, random }: Pick<FanOutDeps, 'clock' | 'random'>,
  { tenantId, id: webhookId }: Pick<Webhook, 'tenantId' | 'id'>,
  { id: eventId, type }: Pick<LoggedEvent, 'id' | 'type'>,
): WebhookDelivery {
  const now = clock();
  return {
    tenantId,
    id: random.uuid(),
    webhookId,
    eventId,
    type,
    status: 'pending',
    attempts: 0,
    claims: 0,
    nextAttemptAt: now,
    createdAt: now,
    since: now,
    endedAt: undefined,
  };
}

/**
 * Makes the deliveries of new events, each webhook from its own place in the log. Place and deliveries move in one
 * transaction, so that every event is delivered and none twice, whichever instance does it and whenever it is killed.
 */
export function createFanOut({ store, clock, random }: FanOutDeps) {
  async function advance(
    { webhooks }: Pick<Repositories, 'webhooks'>,
    webhook: WebhookPlace,
    events: readonly LoggedEvent[],
    position: number,
  ): Promise<void> {
    if (!(await webhooks.advance(webhook, position))) return;
    const wanted = events.filter((event) => isFor(webhook, event));
    await webhooks.addDeliveries(wanted.map((event) => deliveryOf({ clock, random }, webhook, event)));
  }

  /** When a webhook was found to have as many pending deliveries as it may. */
  const full = new Map<string, number>();
  let after: Pick<Webhook, 'tenantId' | 'id'> | undefined;

  async function isFull(webhook: WebhookPlace): Promise<boolean> {
    const now = clock().getTime();
    if ((full.get(webhook.id) ?? 0) > now) return true;
    full.delete(webhook.id);
    if ((await store.webhooks.countPending(webhook)) < maxPending) return false;
    full.set(webhook.id, now + fullMs);
    return true;
  }

  /**
   * One round over some webhooks that are behind their logs, those after the last round's: however many there are, each has
   * its turn. Returns the number of events that were looked at, or 1 where others wait for their turn.
   */
  return async function fanOut(): Promise<number> {
    const behind = await store.webhooks.listBehind(after, batchWebhooks);
    const isMiddle = after !== undefined;
    after = behind.length < batchWebhooks ? undefined : behind.at(-1)?.webhook;
    const count = await goRound(behind, async ({ webhook, size }) => {
      if (await isFull(webhook)) return 0;
      const events = await store.eventLogs.read(webhook.tenantId, webhook.position, size, batchEvents);
      // Events that retention has deleted are not waited for.
      const position = events.at(-1)?.position ?? size;
      await store.transaction((repositories) => advance(repositories, webhook, events, position));
      return events.length;
    });
    return count === 0 && (isMiddle || after !== undefined) ? 1 : count;
  };
}
