import type { ServerResponse } from 'node:http';
import { negotiateLocale } from '../domain/locale.ts';
import { manamSlug } from '../domain/tenant.ts';
import {
  accountPath,
  consolePath,
  findPageAsset,
  type HostedEntry,
  readyPath,
  renderHostedPage,
} from '../pages/hosted-pages.ts';
import { pathOf, type Route, sendBody } from '../server/handler.ts';
import type { HostedTenants } from './hosted-tenants.ts';

/** No script, style or frame of anyone else, no form that leaves the page, and images that come with it. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

type Shown = { readonly page: HostedEntry; readonly slug: string };

/** The tenant whose page a path shows; undefined: another path. The console is a page of Manam itself. */
function pageAt(path: string, isDevelopment: boolean): Shown | undefined {
  if (isDevelopment && path === readyPath) return { page: 'ready', slug: manamSlug };
  if (path === consolePath || path.startsWith(`${consolePath}/`)) return { page: 'console', slug: manamSlug };
  if (path !== accountPath && !path.startsWith(`${accountPath}/`)) return undefined;
  return { page: 'account', slug: path.slice(accountPath.length + 1).split('/', 1)[0] ?? '' };
}

/** Serves the hosted pages: `/account/{tenant}/…`, without a tenant those of Manam itself, and `/console/…`. */
export function createHostedPagesRoute(
  hostedTenants: HostedTenants,
  { isDevelopment }: { readonly isDevelopment: boolean },
): Route {
  return async (request, response) => {
    const path = pathOf(request);
    const shown = pageAt(path, isDevelopment);
    if (shown === undefined) return 'go on';
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return 'answered';
    }
    response.setHeader('content-security-policy', policy);
    // No page that opened this one keeps a hand on it.
    response.setHeader('cross-origin-opener-policy', 'same-origin');
    const asset = findPageAsset(path);
    if (asset !== undefined) {
      response.setHeader('cache-control', 'public, max-age=31536000, immutable');
      return sendBody(request, response, asset);
    }
    const { page, slug } = shown;
    if (slug === '') {
      response.writeHead(302, { location: `${accountPath}/${manamSlug}/` }).end();
      return 'answered';
    }
    const found = await hostedTenants(slug).catch(() => 'unavailable' as const);
    if (found === 'unavailable') return sendText(response, 503, 'Please try again in a moment.');
    if (found === undefined) return sendText(response, 404, 'There is nothing at this address.');
    const { tenant, key } = found;
    const asked = new URL(request.url ?? '', 'http://localhost').searchParams.get('lang');
    const locale =
      negotiateLocale(asked ?? request.headers['accept-language'] ?? null) ?? tenant.policy.defaultLocale;
    const body = Buffer.from(renderHostedPage(page, locale, tenant, key));
    return sendBody(request, response, { type: 'text/html; charset=utf-8', body });
  };
}

function sendText(response: ServerResponse, status: number, text: string): 'answered' {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
  return 'answered';
}
