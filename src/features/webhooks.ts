import type { Finding } from '../domain/finding.ts';
import type { Store } from '../domain/repositories.ts';
import { createReadEvents } from '../flows/events/read-events.ts';
import { createEventTail } from '../flows/events/tail.ts';
import { createDeliver } from '../flows/webhooks/deliver.ts';
import { createDeliveries } from '../flows/webhooks/deliveries.ts';
import { createFanOut } from '../flows/webhooks/fan-out.ts';
import { createManageWebhooks } from '../flows/webhooks/manage.ts';
import { consolePath } from '../pages/hosted-pages.ts';
import { webhookHandlers } from '../rpc/webhook-service.ts';
import type { FeatureDeps } from './deps.ts';
import type { Feature, Job } from './feature.ts';
import { createLoop } from './loop.ts';

/** Pauses while there is no new event, and no delivery that is due. */
const fanOutRestMs = 100;
const deliverRestMs = 200;
/** Time that a shutdown gives attempts before it aborts them, within the drain time (R65). */
const graceMs = 15_000;

/** Events that come to the tenants' servers: their webhooks, the deliveries, and what failed. */
export function webhooks(deps: FeatureDeps) {
  const { adapters, config, observeWebhook } = deps;
  const { store, vault, clock, random } = adapters;
  const read = createReadEvents({ store, tail: createEventTail({ store }), vault });
  const manage = createManageWebhooks({ store, allowed: config.outgoingNetworks, clock, random });
  const deliveries = createDeliveries({ store, read, clock, random });
  return {
    handlers: {
      webhooks: webhookHandlers(manage, deliveries, (webhook) => store.webhooks.countPending(webhook)),
    },
    jobs: [createDelivery(deps)],
    retention: {
      webhookDeliveries: config.retention.messageDays,
      webhookAttempts: config.retention.messageDays,
    },
  } satisfies Feature;

  function createDelivery({ webhookStore, log }: FeatureDeps): Job {
    const stopping = new AbortController();
    const onError = (error: unknown) => log.warn({ err: error }, 'webhooks could not be served');
    const deliver = createDeliver({
      store: webhookStore,
      outgoingFetch: adapters.outgoingFetch,
      sign: adapters.signWebhook,
      webhookPage: (slug, id) => `${new URL(config.issuer).origin}${consolePath}/${slug}/webhooks/${id}`,
      clock,
      random,
      observe: observeWebhook,
      onError,
    });
    const fanOut = createFanOut({ store: webhookStore, clock, random });
    const loops = [
      createLoop(fanOut, fanOutRestMs, stopping.signal, onError),
      createLoop((signal) => deliver.runOnce(signal), deliverRestMs, stopping.signal, onError),
    ];
    return {
      start: () => {
        for (const loop of loops) loop.start();
      },
      stop: async () => {
        const cut = setTimeout(() => stopping.abort(), graceMs);
        await Promise.all(loops.map((loop) => loop.stop()));
        await deliver.idle();
        clearTimeout(cut);
      },
    };
  }
}

/** Webhooks that failures have switched off, or that have failed for an hour. */
export async function examineWebhooks(
  store: Pick<Store, 'webhooks' | 'tenants'>,
  now: Date,
): Promise<Finding[]> {
  const check = 'webhooks.failing';
  const failing = await store.webhooks.listFailing(new Date(now.getTime() - 3_600_000));
  if (failing.length === 0) return [{ check, state: 'ok', detail: 'none fails', fix: '' }];
  return await Promise.all(
    failing.map(async ({ tenantId, id, disabledReason, failingSince }) => {
      const tenant = await store.tenants.findById(tenantId);
      const since = failingSince === undefined ? '' : ` since ${failingSince.toISOString()}`;
      const state = disabledReason === undefined ? `fails${since}` : `is off (${disabledReason})`;
      return {
        check,
        state: 'warning' as const,
        detail: `webhook ${id} of ${tenant?.slug ?? tenantId} ${state}`,
        fix: 'its tenant finds the responses with ListWebhookDeliveries, and switches it on with EnableWebhook',
      };
    }),
  );
}
