import { isIP } from 'node:net';
import { invalid } from './errors.ts';

/** Reads a URL as the documented samples write it: without a scheme it is https. */
function parseUrl(text: string): URL | undefined {
  const schemed = /^[a-z][a-z0-9+.-]*:\/\/[^/]/i.test(text)
    ? text
    : /^\w/.test(text)
      ? `https://${text}`
      : '';
  return URL.canParse(schemed) ? new URL(schemed) : undefined;
}

/** Whether a URL may be registered at all (R38): https, a name for a host, nothing hidden in it. */
export function isRegistrable(url: URL): boolean {
  const local = url.hostname === 'localhost' || url.hostname === '127.0.0.1';
  return (
    (url.protocol === 'https:' || (local && url.protocol === 'http:')) &&
    url.username === '' &&
    url.password === '' &&
    url.hash === '' &&
    !url.hostname.includes('*') &&
    (local || (isIP(url.hostname) === 0 && !url.hostname.startsWith('[')))
  );
}

/**
 * The registered URL that a caller named, or the default where they named none. Both
 * sides are parsed once and compared in their parsed form; what is answered is the
 * registered one, never the submitted string.
 */
export function matchRegisteredUrl(
  text: string,
  registered: readonly string[],
  fallback: string,
  field: string,
): string {
  if (text === '') return fallback;
  const wanted = /[\s\\]|\p{Cc}/u.test(text) ? undefined : parseUrl(text);
  const match =
    wanted !== undefined && isRegistrable(wanted)
      ? registered.find((url) => parseUrl(url)?.href === wanted.href)
      : undefined;
  if (match === undefined) throw invalid({ field, reason: 'URL_NOT_REGISTERED' });
  return parseUrl(match)?.href ?? fallback;
}

/** Whether a URL that was registered once still is. */
export function isRegisteredUrl(text: string, registered: readonly string[]): boolean {
  return text !== '' && registered.some((url) => parseUrl(url)?.href === text);
}

/** Whether a browser's origin may be registered, as browsers write it; `http://localhost:*` represents any port. */
export function isRegistrableOrigin(text: string): boolean {
  if (/^https?:\/\/(?:localhost|127\.0\.0\.1):\*$/.test(text)) return true;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && isRegistrable(url) && url.origin === text;
}

/** Whether a browser's origin is one of the tenant's; `http://localhost:*` represents any port. */
export function isRegisteredOrigin(origin: string, registered: readonly string[]): boolean {
  return registered.some(
    (allowed) =>
      allowed === origin || (allowed.endsWith(':*') && origin.replace(/:\d{1,5}$/, ':*') === allowed),
  );
}

/** A registered page with parameters of this service; what stood in its query stays. */
export function withParameters(page: string, parameters: Readonly<Record<string, string>>): string {
  const url = new URL(page);
  // Registered pages are checked when they are registered; this is the last look before a redirect.
  if (!isRegistrable(url)) throw new TypeError('a page that cannot be registered');
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}
