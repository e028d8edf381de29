import { dayMs } from './duration.ts';
import { invalid } from './errors.ts';

const defaultMs = dayMs;
const maxMs = 30 * dayMs;

/** Reads the time for which a rotated secret stays valid beside its successor, in ms; throws REQUEST_INVALID. */
export function parseOverlap(overlapMs: number | undefined): number {
  if (overlapMs === undefined) return defaultMs;
  if (overlapMs < 0 || overlapMs > maxMs)
    throw invalid({ field: 'overlap', reason: 'FIELD_INVALID', description: 'must be 0 to 30 days' });
  return overlapMs;
}
