import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { pathOf, type Route, sendBody } from '../server/handler.ts';

/** No script or frame of anyone else. The viewer writes styles into its elements. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Manam API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/docs/swagger-ui.css">
<script src="/docs/swagger-ui-bundle.js" defer></script><script src="/docs/start.js" defer></script></head>
<body><div id="viewer"></div></body></html>`;

const script = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#viewer', deepLinking: true, docExpansion: 'list',
  defaultModelsExpandDepth: 0, filter: true, validatorUrl: null });`;

type Document = { readonly type: string; readonly body: Buffer; readonly packed: Buffer };

/** Serves the description of the API at /openapi.json, and a viewer for it at /docs. */
export function createDocsRoute(prefixes: readonly string[]): Route {
  const viewer = (name: string) => readFileSync(new URL(import.meta.resolve(`swagger-ui-dist/${name}`)));
  const sources: Record<string, { readonly type: string; readonly read: () => string | Buffer }> = {
    '/openapi.json': { type: 'application/json', read: () => readDescription(prefixes) },
    '/docs': { type: 'text/html; charset=utf-8', read: () => page },
    '/docs/start.js': { type: 'text/javascript; charset=utf-8', read: () => script },
    '/docs/swagger-ui.css': { type: 'text/css; charset=utf-8', read: () => viewer('swagger-ui.css') },
    '/docs/swagger-ui-bundle.js': {
      type: 'text/javascript; charset=utf-8',
      read: () => viewer('swagger-ui-bundle.js'),
    },
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

/** The description that is generated from the contract, for the prefixes that REST is mounted under here. */
function readDescription(prefixes: readonly string[]): string {
  const text = readFileSync(new URL('../../gen/openapi.json', import.meta.url), 'utf8');
  const servers = prefixes.map((prefix) => ({ url: prefix === '' ? '/' : prefix }));
  return JSON.stringify({ ...(JSON.parse(text) as object), servers });
}
