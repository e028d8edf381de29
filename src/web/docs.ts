import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { renderReferencePage } from '../pages/hosted-pages.ts';
import { root } from '../root.ts';
import { pathOf, type Route, sendBody } from '../server/handler.ts';

/** No script, style or frame of anyone else, and nothing inline. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

type Document = { readonly type: string; readonly body: Buffer; readonly packed: Buffer };

/** Serves the descriptions of the API, as REST and as Connect, and the reference that is drawn from them at /docs. */
export function createDocsRoute(prefixes: readonly string[]): Route {
  const sources: Record<string, { readonly type: string; readonly read: () => string }> = {
    '/openapi.json': { type: 'application/json', read: () => readDescription('openapi', prefixes) },
    // Connect's paths are mounted at the root alone.
    '/openapi.connect.json': {
      type: 'application/json',
      read: () => readDescription('openapi.connect', ['']),
    },
    '/docs': { type: 'text/html; charset=utf-8', read: renderReferencePage },
  };
  // Read when someone asks: most instances are never asked.
  const documents = new Map<string, Document>();

  return async (request, response) => {
    const path = pathOf(request);
    const source = Object.hasOwn(sources, path) ? sources[path] : undefined;
    if (source === undefined) return 'go on';
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return 'answered';
    }
    let document = documents.get(path);
    if (document === undefined) {
      const body = Buffer.from(source.read());
      document = { type: source.type, body, packed: gzipSync(body) };
      documents.set(path, document);
    }
    response.setHeader('content-security-policy', policy);
    response.setHeader('cache-control', 'public, max-age=300');
    return sendBody(request, response, document);
  };
}

/** A description that is generated from the contract, for the prefixes that it is mounted under here. */
function readDescription(name: string, prefixes: readonly string[]): string {
  const text = readFileSync(new URL(`gen/${name}.json`, root), 'utf8');
  const servers = prefixes.map((prefix) => ({ url: prefix === '' ? '/' : prefix }));
  return JSON.stringify({ ...(JSON.parse(text) as object), servers });
}
