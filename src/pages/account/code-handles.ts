// The handles of the codes that this browser asked for: the link in the mail works where its handle is. A handle
// opens nothing without the code, so it may outlive the page that asked.

type Kept = { readonly handle: string; readonly untilMs: number };

const lifetimeMs = 600_000;
/** Handle and token begin with the id of the same request: 16 bytes, of which 21 characters are whole. */
const idLength = 21;

const nameOf = (slug: string) => `manam-codes-${slug}`;

function read(slug: string): Kept[] {
  try {
    const kept = JSON.parse(localStorage.getItem(nameOf(slug)) ?? '[]') as Kept[];
    return kept.filter(({ untilMs }) => untilMs > Date.now());
  } catch {
    // Some private windows have no storage: there the page shows the code of a link.
    return [];
  }
}

function write(slug: string, kept: readonly Kept[]): void {
  try {
    if (kept.length === 0) localStorage.removeItem(nameOf(slug));
    else localStorage.setItem(nameOf(slug), JSON.stringify(kept));
  } catch {
    // As above.
  }
}

/** Keeps the handle of a code that was asked for, as long as the code is valid. */
export function keepHandle(slug: string, handle: string): void {
  write(slug, [...read(slug), { handle, untilMs: Date.now() + lifetimeMs }]);
}

/** The handle of the page that asked for a link; undefined where it was not in this browser. */
export function findHandle(slug: string, token: string): string | undefined {
  return read(slug).find(({ handle }) => handle.slice(0, idLength) === token.slice(0, idLength))?.handle;
}

/** Forgets the handles of a sign-in that is over. */
export function forgetHandles(slug: string): void {
  write(slug, []);
}
