/** How late a change may be seen where instances cannot ask for changes: a suspended tenant or a revoked key is accepted that long. */
const unaskedMs = 5000;
/** Interval at which an instance asks what has changed. */
export const changesIntervalMs = 1000;
/** Each question is about that long: a statement may have waited for its transaction to end, and clocks of servers differ. */
const windowS = 30;
/** Answers that are older say nothing of now. */
const heardMs = 3000;
/** More changes at once than that, and everything is read anew. */
const maxChanged = 1000;
/** Whatever has not changed for that long is read anew all the same. */
export const longestMs = 300_000;

export type ListChanged = (windowS: number, limit: number) => Promise<readonly string[]>;

export type DirectoryChanges = {
  /** Whether what was read of a tenant at that time (`performance.now()`) is as it is now, but for the last second or so. */
  isCurrent(tenantId: string | undefined, readAtMs: number): boolean;
  /** Reads the changes; joins a reading that is under way. */
  ask(): Promise<void>;
};

/**
 * Knows which tenants have changed, so that what calls read of them may be kept for minutes and is not taken a second after it has
 * changed. While the database does not answer, what was read is good for five seconds.
 */
export function createDirectoryChanges(listChanged: ListChanged): DirectoryChanges {
  /** When an answer last named a tenant. It does so for as long as the window: what is read meanwhile is read again. */
  const named = new Map<string, number>();
  let askedAtMs = Number.NEGATIVE_INFINITY;
  /** All changes since then were heard of. */
  let unbrokenSinceMs = Number.POSITIVE_INFINITY;
  let asking: Promise<void> | undefined;

  async function hear(): Promise<void> {
    const startedMs = performance.now();
    const changed = await listChanged(windowS, maxChanged + 1);
    const nowMs = performance.now();
    // The half of the window is left for clocks and transactions.
    if (startedMs - askedAtMs > windowS * 500 || changed.length > maxChanged) unbrokenSinceMs = nowMs;
    askedAtMs = startedMs;
    for (const tenantId of changed) named.set(tenantId, nowMs);
    for (const [tenantId, atMs] of named) if (nowMs - atMs > longestMs) named.delete(tenantId);
  }

  return {
    isCurrent(tenantId, readAtMs) {
      const nowMs = performance.now();
      if (tenantId !== undefined && (named.get(tenantId) ?? Number.NEGATIVE_INFINITY) >= readAtMs)
        return false;
      if (nowMs - readAtMs < unaskedMs) return true;
      const isHeard = nowMs - askedAtMs < heardMs && readAtMs >= unbrokenSinceMs;
      return tenantId !== undefined && isHeard && nowMs - readAtMs < longestMs;
    },
    ask() {
      asking ??= hear().finally(() => {
        asking = undefined;
      });
      return asking;
    },
  };
}
