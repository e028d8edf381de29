import type { SigningKeyRow } from './model.ts';

export type SigningKeyState = 'next' | 'active' | 'retired';

/** How long a retired key is still published: the life of its last token, the leeway of clocks, and a margin. */
export const retirementMs = 15 * 60_000;

type Timed = Pick<SigningKeyRow, 'id' | 'activatesAt'>;

/** The key that signs at a time: the one that began last. */
export function activeKey<K extends Timed>(keys: readonly K[], now: Date): K | undefined {
  return keys
    .filter(({ activatesAt }) => activatesAt <= now)
    .sort((a, b) => b.activatesAt.getTime() - a.activatesAt.getTime() || (a.id < b.id ? 1 : -1))[0];
}

/** What a key is good for at a time: published ahead, signing, or good for its last tokens only (R13). */
export function stateOf(keys: readonly Timed[], key: Timed, now: Date): SigningKeyState {
  if (key.activatesAt > now) return 'next';
  return activeKey(keys, now)?.id === key.id ? 'active' : 'retired';
}

/** The keys that are still published: all but those whose last token has expired. */
export function publishedKeys<K extends Timed>(keys: readonly K[], now: Date): K[] {
  return keys.filter((key) => {
    // The first that took its place: from then on it has signed nothing.
    const successors = keys.filter(({ activatesAt }) => activatesAt > key.activatesAt && activatesAt <= now);
    const [retiredAt] = successors.map(({ activatesAt }) => activatesAt.getTime()).sort((a, b) => a - b);
    return retiredAt === undefined || now.getTime() - retiredAt < retirementMs;
  });
}
