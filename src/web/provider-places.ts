import { isConnectionName } from '../domain/connection.ts';
import { googleProvider } from '../domain/google.ts';

/** What a browser or a provider asks for. */
export type Place = { readonly procedure: string } & (
  | { readonly at: 'start'; readonly provider: string; readonly key: string }
  /** `slug`: the tenant's, in the addresses that name one. */
  | { readonly at: 'callback'; readonly provider: string; readonly slug: string | undefined }
  | { readonly at: 'logout'; readonly provider: string; readonly slug: string }
);

/** The place of a path below one of the prefixes; undefined: it is none of ours. */
export function findPlace(method: string, path: string, prefixes: readonly string[]): Place | undefined {
  for (const prefix of prefixes) {
    const place = path.startsWith(`${prefix}/`) ? placeOf(method, path.slice(prefix.length + 1)) : undefined;
    if (place !== undefined) return place;
  }
  return undefined;
}

function placeOf(method: string, path: string): Place | undefined {
  const isGet = method === 'GET';
  const parts = path.split('/');
  if (!parts.every((part) => /^[\w-]+$/.test(part))) return undefined;
  const [first, second = '', third = '', fourth = ''] = parts;
  if (first === 'googlelogin' && parts.length === 2 && isGet) {
    if (second === 'callback')
      return { at: 'callback', procedure: 'googlelogin/callback', provider: googleProvider, slug: undefined };
    return { at: 'start', procedure: 'googlelogin', provider: googleProvider, key: second };
  }
  if (first !== 'login') return undefined;
  if (parts.length === 3 && isGet && isConnectionName(second))
    return { at: 'start', procedure: 'login', provider: second, key: third };
  if (parts.length !== 4 || !isConnectionName(fourth)) return undefined;
  if (second === 'callback' && (isGet || method === 'POST'))
    return { at: 'callback', procedure: 'login/callback', provider: fourth, slug: third };
  if (second === 'logout' && method === 'POST')
    return { at: 'logout', procedure: 'login/logout', provider: fourth, slug: third };
  return undefined;
}
