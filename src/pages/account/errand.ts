// What brought a person to the hosted pages, which goes on once they are signed in: an application's request, the code
// of a device, or an invitation. It is this tab's, and survives the ways that leave the page, such as a sign-in with a provider.

export type Errand =
  /** `isChosen`: the person has said which account it is for. */
  | { readonly path: 'authorize'; readonly request: string; readonly isChosen?: boolean }
  | { readonly path: 'device'; readonly userCode: string }
  /** To become one of the people who run a tenant. */
  | { readonly path: 'invitation'; readonly token: string }
  /** To sign in at another tenant with the account here: "Login with Manam". */
  | { readonly path: 'manam-login'; readonly request: string }
  /** To run a tenant: a page of the console. */
  | { readonly path: 'console'; readonly to: string };

/** As long as the request itself lives. */
const lifetimeMs = 3_600_000;
const keyOf = (slug: string) => `manam.errand.${slug}`;

/** The parts of the page that belong to a sign-in: opening any other one ends the errand. */
const onTheWay = [
  'authorize',
  'console',
  'device',
  'invitation',
  'manam-login',
  'provider',
  'confirm',
  'recover',
  'sign-in',
  'sign-up',
  'two-factor',
];

export const errands = {
  keep(slug: string, errand: Errand): void {
    try {
      sessionStorage.setItem(keyOf(slug), JSON.stringify({ errand, until: Date.now() + lifetimeMs }));
    } catch {
      // A browser that keeps nothing forgets it when the page is left.
    }
  },

  read(slug: string): Errand | undefined {
    try {
      const kept = JSON.parse(sessionStorage.getItem(keyOf(slug)) ?? '{}') as {
        readonly errand?: Errand;
        readonly until?: number;
      };
      return (kept.until ?? 0) > Date.now() ? kept.errand : undefined;
    } catch {
      return undefined;
    }
  },

  /** Notes that the account is chosen: after the page is loaded again it is not asked for. */
  noteChoice(slug: string): void {
    const errand = errands.read(slug);
    if (errand?.path === 'authorize') errands.keep(slug, { ...errand, isChosen: true });
  },

  forget(slug: string): void {
    try {
      sessionStorage.removeItem(keyOf(slug));
    } catch {
      // There is none.
    }
  },
};

/** A page of the console, whatever the address says. */
function consoleAddress(to: string): string {
  return /^\/console\/[\w/-]*$/.test(to) ? to : '/console/';
}

/** The errand that an address begins, or goes on with; undefined: it has none. */
export function takeErrand(slug: string): Errand | undefined {
  const path = location.pathname.slice(`/account/${slug}/`.length);
  const query = new URLSearchParams(location.search);
  const [request, token] = [query.get('request') ?? '', query.get('token') ?? ''];
  const userCode = new URLSearchParams(location.hash.slice(1)).get('user_code') ?? '';
  if ((path === 'authorize' || path === 'manam-login') && request !== '')
    errands.keep(slug, { path, request });
  else if (path === 'invitation' && token !== '') errands.keep(slug, { path, token });
  else if (path === 'console') errands.keep(slug, { path, to: consoleAddress(query.get('to') ?? '') });
  else if (path === 'device' && userCode !== '') errands.keep(slug, { path, userCode });
  else if (path === 'device' && errands.read(slug)?.path !== 'device')
    errands.keep(slug, { path, userCode: '' });
  else if (!onTheWay.includes(path)) errands.forget(slug);
  return errands.read(slug);
}
