// The accounts that this browser is signed in to at one tenant. Each has a session of its own; this tab shows one of them.

export type KnownAccount = {
  /** The name of its session. */
  readonly name: string;
  /** The address or number, as its owner knows it. */
  readonly label: string;
};

const listKey = (slug: string) => `manam.accounts.${slug}`;
const activeKey = (slug: string) => `manam.account.${slug}`;
const maxAccounts = 5;

/** Runs with a storage; a browser that has none knows one account. */
function using<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function list(slug: string): KnownAccount[] {
  return using(() => JSON.parse(localStorage.getItem(listKey(slug)) ?? '[]') as KnownAccount[]) ?? [];
}

function save(slug: string, accounts: readonly KnownAccount[]): void {
  using(() => localStorage.setItem(listKey(slug), JSON.stringify(accounts)));
}

export const accounts = {
  list,

  /** The name of the session that this tab shows. */
  active(slug: string): string {
    const chosen = using(() => sessionStorage.getItem(activeKey(slug)));
    return chosen ?? list(slug)[0]?.name ?? slug;
  },

  /** Shows another account, or with a new name a sign-in; the page has to be loaded again. */
  choose(slug: string, name: string): void {
    using(() => sessionStorage.setItem(activeKey(slug), name));
  },

  /** A name that no account has. */
  fresh(slug: string): string {
    const taken = new Set(list(slug).map(({ name }) => name));
    return (
      [slug, ...Array.from({ length: maxAccounts }, (_, index) => `${slug} ${index + 2}`)].find(
        (name) => !taken.has(name),
      ) ?? slug
    );
  },

  /** Notes who the session of this tab is of, the newest first. */
  note(slug: string, account: KnownAccount): void {
    const others = list(slug).filter(({ name }) => name !== account.name);
    save(slug, [account, ...others].slice(0, maxAccounts));
  },

  /** The names of all sessions, that of this tab first. */
  names(slug: string): string[] {
    return [...new Set([accounts.active(slug), ...list(slug).map(({ name }) => name)])];
  },

  /** Forgets an account; a tab that shows it shows another one at its next load. */
  drop(slug: string, name: string): void {
    using(() => {
      if (sessionStorage.getItem(activeKey(slug)) === name) sessionStorage.removeItem(activeKey(slug));
    });
    save(
      slug,
      list(slug).filter((each) => each.name !== name),
    );
  },
};
