import { createMetrics, type Metrics } from '../adapters/metrics.ts';
import type { PasswordHasher } from '../domain/password.ts';
import type { Store } from '../domain/repositories.ts';
import type { RequestObserver } from '../server/handler.ts';
import type { DatabaseHandle } from '../store/database.ts';

/** The figures of this instance. */
export function createInstanceMetrics(
  store: Pick<Store, 'outbox' | 'tenants' | 'webhooks'>,
  hasher: Pick<PasswordHasher, 'load'>,
  database: Pick<DatabaseHandle, 'load'>,
): Metrics {
  return createMetrics({
    hashQueue: hasher.load,
    pool: database.load,
    pendingDeliveries: () => store.webhooks.countPending(),
    waiting: async () => {
      const slugs = new Map<string, string>();
      const waiting = await store.outbox.countWaiting();
      for (const { tenantId } of waiting) {
        if (!slugs.has(tenantId)) slugs.set(tenantId, (await store.tenants.findById(tenantId))?.slug ?? '');
      }
      return waiting.map((each) => ({ ...each, tenant: slugs.get(each.tenantId) ?? '' }));
    },
  });
}

/** Counts the requests of routes of the contract, without pages and probes. */
export function callObserver(metrics: Pick<Metrics, 'observeCall'>): RequestObserver {
  return ({ procedure, protocol, reason, isDone }, durationMs) => {
    if (protocol === undefined) return;
    // Input must not become a label: any caller could create any number of them.
    const method = procedure ?? 'unknown';
    metrics.observeCall({ method, protocol, reason: reason ?? (isDone ? 'OK' : 'MALFORMED'), durationMs });
  };
}
