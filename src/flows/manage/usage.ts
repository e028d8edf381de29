import type { Clock } from '../../domain/clock.ts';
import { dayMs } from '../../domain/duration.ts';
import { invalid } from '../../domain/errors.ts';
import { isEventType } from '../../domain/events.ts';
import type { Store } from '../../domain/repositories.ts';
import { dayOf, maxUsageDays, type UsageCount } from '../../domain/usage.ts';

export type UsageDeps = { readonly store: Store<'usage'>; readonly clock: Clock };

export type UsageQuery = { readonly from: string; readonly until: string; readonly types: readonly string[] };

export type UsageDay = { readonly day: string; readonly counts: readonly UsageCount[] };

const defaultDays = 30;

/** Reads `2026-11-29`; undefined where there is no such day. */
function parseDay(text: string): number | undefined {
  const time = Date.parse(`${text}T00:00:00Z`);
  return Number.isNaN(time) || dayOf(new Date(time)) !== text ? undefined : time;
}

/** How often each type of event happened, by day: read from the counts that the log keeps, never counted. */
export function createUsage({ store, clock }: UsageDeps) {
  return async function usage(tenantId: string, query: UsageQuery): Promise<UsageDay[]> {
    const last = query.until === '' ? parseDay(dayOf(clock())) : parseDay(query.until);
    if (last === undefined) throw invalid({ field: 'until_date', reason: 'DATE_INVALID' });
    const first = query.from === '' ? last - (defaultDays - 1) * dayMs : parseDay(query.from);
    if (first === undefined) throw invalid({ field: 'from_date', reason: 'DATE_INVALID' });
    const length = (last - first) / dayMs + 1;
    if (length < 1 || length > maxUsageDays) {
      const description = `must be before the last day, by at most ${maxUsageDays} days`;
      throw invalid({ field: 'from_date', reason: 'FIELD_INVALID', description });
    }
    if (!query.types.every(isEventType))
      throw invalid({ field: 'types', reason: 'FIELD_INVALID', description: 'is no type of event' });
    const days = Array.from({ length }, (_, index) => dayOf(new Date(first + index * dayMs)));
    const counts = await store.usage.list(tenantId, days[0] ?? '', days.at(-1) ?? '');
    const wanted = counts.filter(({ type }) => query.types.length === 0 || query.types.includes(type));
    return days.map((day) => ({ day, counts: wanted.filter((count) => count.day === day) }));
  };
}
