import { takeErrand } from './errand.ts';

export type Place = { readonly path: string; readonly query: URLSearchParams };

/** Where the address points to. The token of a link is taken out of it at once: addresses are kept and shown. */
export function takePlace(slug: string): Place {
  const query = new URLSearchParams(location.search);
  const lang = query.get('lang');
  // A page that is loaded again still knows its token: not from the address, but from its place in the history.
  const kept = new URLSearchParams((history.state as { readonly link?: string } | null)?.link ?? '');
  // What the link of a sign-in holds no server sees.
  const fragment = new URLSearchParams(location.hash.slice(1));
  const link = ['cnf', 'token', 'error', 'code', 'request'].some((name) => query.has(name))
    ? query
    : fragment.has('token')
      ? fragment
      : kept;
  history.replaceState(
    { link: String(link) },
    '',
    location.pathname + (lang === 'en' || lang === 'fa' ? `?lang=${lang}` : ''),
  );
  return { path: location.pathname.slice(`/account/${slug}/`.length), query: link };
}

/** What a visitor came with. */
export type Arrival = { readonly errand: ReturnType<typeof takeErrand>; readonly place: Place };

/** Takes it out of the address, before anything is waited for. */
export function takeArrival(slug: string): Arrival {
  // Before the address is cleaned of what it carries.
  const errand = takeErrand(slug);
  return { errand, place: takePlace(slug) };
}
