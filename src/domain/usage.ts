/** The number of events of one type on one day (UTC); failures are counted by reason. */
export type UsageCount = {
  /** `2026-11-29`. */
  readonly day: string;
  readonly type: string;
  /** Empty for a success. */
  readonly reason: string;
  readonly count: number;
};

export type UsageRepository = {
  /** Adds to the counts of a tenant. */
  add(tenantId: string, counts: readonly UsageCount[]): Promise<void>;
  /** The counts of the days from `from` to `to`, both included, the oldest day first. */
  list(tenantId: string, from: string, to: string): Promise<UsageCount[]>;
};

/** The longest time that one call reads. */
export const maxUsageDays = 92;

/** The day of a time, in UTC. */
export function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10);
}

/** Counts events by day, type and reason. */
export function countByDay(
  events: readonly { readonly type: string; readonly reason: string; readonly createdAt: Date }[],
): UsageCount[] {
  const counts = new Map<string, UsageCount>();
  for (const { type, reason, createdAt } of events) {
    const day = dayOf(createdAt);
    const key = `${day} ${type} ${reason}`;
    counts.set(key, { day, type, reason, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()];
}
