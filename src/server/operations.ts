import { pathOf, type Route, sendJson } from './handler.ts';
import type { Readiness } from './readiness.ts';

export type OperationsDeps = {
  /** The public keys as a JWK set. */
  readonly jwks: () => object;
  readonly readiness: Readiness;
};

/** Cache lifetime of the public keys: a new key is published much longer ahead. */
const jwksLifetimeS = 60;

/** Endpoints of operators and verifiers: /healthz, /readyz and the public keys (RFC 7517). */
export function createOperations({ jwks, readiness }: OperationsDeps): Route {
  return async (request, response) => {
    const path = pathOf(request);
    if (!['/healthz', '/readyz', '/.well-known/jwks.json'].includes(path)) return 'go on';
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return 'answered';
    }
    if (path === '/healthz') return sendJson(response, 200, { status: 'ok' });
    if (path === '/readyz') {
      const ready = await readiness.isReady();
      const failing = readiness.failing();
      const gateways = failing.length === 0 ? {} : { failing_gateways: failing };
      return sendJson(response, ready ? 200 : 503, { status: ready ? 'ready' : 'unavailable', ...gateways });
    }
    response.setHeader('cache-control', `public, max-age=${jwksLifetimeS}`);
    return sendJson(response, 200, jwks());
  };
}
