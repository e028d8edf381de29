import { pathOf, type Route, sendJson } from './handler.ts';

export type OperationsDeps = {
  /** The public keys as a JWK set. */
  readonly jwks: () => object;
  /** Whether the database answers and agrees about the time. */
  readonly isReady: () => Promise<boolean>;
};

/** How long others may keep our public keys: a new key is published much longer ahead. */
const jwksLifetimeS = 60;

/** What operators and verifiers read: /healthz, /readyz and the public keys (RFC 7517). */
export function createOperations({ jwks, isReady }: OperationsDeps): Route & { drain(): void } {
  let draining = false;
  const route: Route = async (request, response) => {
    const path = pathOf(request);
    if (!['/healthz', '/readyz', '/.well-known/jwks.json'].includes(path)) return 'go on';
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return 'answered';
    }
    if (path === '/healthz') return sendJson(response, 200, { status: 'ok' });
    if (path === '/readyz') {
      const ready = !draining && (await isReady());
      return sendJson(response, ready ? 200 : 503, { status: ready ? 'ready' : 'unavailable' });
    }
    response.setHeader('cache-control', `public, max-age=${jwksLifetimeS}`);
    return sendJson(response, 200, jwks());
  };
  return Object.assign(route, {
    drain: () => {
      draining = true;
    },
  });
}
