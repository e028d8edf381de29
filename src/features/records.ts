import type { FeatureDeps } from './deps.ts';
import type { Feature } from './feature.ts';

/** Rows that are kept for a time beside accounts: events, limits, answers to repeated calls. */
export function records({ config }: FeatureDeps) {
  return {
    retention: { events: config.retention.eventDays, idempotency: 0, budgets: 2 },
  } satisfies Feature;
}
