import type { FeatureDeps } from './deps.ts';
import type { Feature } from './feature.ts';

/** Rows beside accounts with limited retention: events, limits, responses to repeated calls. */
export function records({ config }: FeatureDeps) {
  return {
    retention: { events: config.retention.eventDays, idempotency: 0, proofs: 0, budgets: 2 },
  } satisfies Feature;
}
