import { createPkce } from '../../clients/web.ts';

// What this tab remembers while its browser is at an identity provider.

/** A way that left the page. */
export type Away = {
  readonly provider: string;
  readonly purpose: 'sign-in' | 'link';
  /** Whether the user asked to stay signed in. */
  readonly isRemembered?: boolean;
  readonly codeVerifier: string;
};

const awayKey = (slug: string) => `manam.away.${slug}`;
const wishKey = (slug: string) => `manam.wish.${slug}`;
const lastKey = (slug: string) => `manam.provider.${slug}`;

/** Runs with a storage; a browser that has none, or no room, forgets. */
function using<T>(storage: () => Storage, work: (storage: Storage) => T): T | undefined {
  try {
    return work(storage());
  } catch {
    return undefined;
  }
}

/** Goes to a provider; `start` returns the address for a page to return to and a challenge. */
export async function leave(
  slug: string,
  way: Omit<Away, 'codeVerifier'>,
  start: (back: { readonly redirectUri: string; readonly codeChallenge: string }) => Promise<string>,
): Promise<void> {
  const { codeVerifier, codeChallenge } = await createPkce();
  const address = await start({ redirectUri: `${location.origin}/account/${slug}/provider`, codeChallenge });
  using(
    () => sessionStorage,
    (storage) => storage.setItem(awayKey(slug), JSON.stringify({ ...way, codeVerifier })),
  );
  location.assign(address);
}

/** The way that this tab is back from, once. */
export function takeAway(slug: string): Away | undefined {
  return using(
    () => sessionStorage,
    (storage) => {
      const text = storage.getItem(awayKey(slug));
      storage.removeItem(awayKey(slug));
      return text === null ? undefined : (JSON.parse(text) as Away);
    },
  );
}

/** A wish is of the person in front of the page, for as long as a sign-in takes. */
const wishMs = 900_000;

/** The provider that the user wanted to sign in with and cannot yet: it is offered for a connection once they are in. */
export const wish = {
  keep: (slug: string, provider: string) =>
    using(
      () => sessionStorage,
      (storage) => storage.setItem(wishKey(slug), JSON.stringify({ provider, until: Date.now() + wishMs })),
    ),
  read: (slug: string) =>
    using(
      () => sessionStorage,
      (storage) => {
        const kept = JSON.parse(storage.getItem(wishKey(slug)) ?? '{}') as {
          readonly provider?: string;
          readonly until?: number;
        };
        return (kept.until ?? 0) > Date.now() ? kept.provider : undefined;
      },
    ),
  forget: (slug: string) =>
    using(
      () => sessionStorage,
      (storage) => storage.removeItem(wishKey(slug)),
    ),
};

/** The provider that this browser signed in with last. */
export const lastUsed = {
  keep: (slug: string, provider: string) =>
    using(
      () => localStorage,
      (storage) => storage.setItem(lastKey(slug), provider),
    ),
  read: (slug: string) =>
    using(
      () => localStorage,
      (storage) => storage.getItem(lastKey(slug)),
    ) ?? undefined,
};
