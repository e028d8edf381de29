import type { IncomingMessage, ServerResponse } from 'node:http';
import { cors as connectCors } from '@connectrpc/connect';
import { isRegisteredOrigin } from '../domain/registered-url.ts';
import type { ApplicationDirectory } from './application-directory.ts';
import { pathOf } from './handler.ts';
import type { TenantDirectory } from './tenant-directory.ts';

const ownHeaders = [
  'apieco_key',
  'x-api-key',
  'authorization',
  'accept-language',
  'idempotency-key',
  'access_token',
  'dpop',
  'dpop-bind',
  'proof-of-work',
  'manam-tenant',
];
/** Headers that tracing in a browser adds to every call (W3C Trace Context and Baggage, and their predecessors). */
const tracingHeaders = [
  'traceparent',
  'tracestate',
  'baggage',
  'sentry-trace',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'uber-trace-id',
  'x-request-id',
  'x-correlation-id',
  'x-datadog-trace-id',
  'x-datadog-parent-id',
  'x-datadog-origin',
  'x-datadog-sampling-priority',
  'x-datadog-tags',
  'newrelic',
  'elastic-apm-traceparent',
  'x-amzn-trace-id',
  'x-cloud-trace-context',
];
const allowedHeaders = [...connectCors.allowedHeaders, ...ownHeaders, ...tracingHeaders].join(', ');
const exposedHeaders = [
  ...connectCors.exposedHeaders,
  'x-request-id',
  'retry-after',
  'www-authenticate',
  'proof-of-work-challenge',
].join(', ');
const allowedMethods = 'GET, POST, PUT, PATCH, DELETE, HEAD';
const preflightLifetimeS = 600;

/** The endpoints that browsers navigate to. They have no CORS (RFC 9700, section 2.6). */
const visited = /\/t\/[a-z0-9-]{1,63}\/oauth\/(?:authorize|end_session|form_post)$/;

/**
 * Cross-origin calls (Fetch standard, section 3.2). A preflight carries no key, so it
 * gets the union of all tenants' origins; the gate then limits the call to the origins of
 * its tenant. Never `*`, never credentials (R57).
 */
export function createCors(directory: TenantDirectory, applications: ApplicationDirectory) {
  /** An issuer may be called from the origins of its applications; all else from those of the tenants. */
  async function isAllowed(origin: string, path: string): Promise<boolean> {
    if (visited.test(path)) return false;
    if (isRegisteredOrigin(origin, await directory.listOrigins())) return true;
    const slug = /\/t\/([a-z0-9-]{1,63})\/oauth\//.exec(path)?.[1];
    const tenant = slug === undefined ? undefined : await directory.findBySlug(slug);
    return tenant !== undefined && (await applications.hasOrigin(tenant.id, origin));
  }

  return async function cors(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<'answered' | 'go on'> {
    response.setHeader('vary', 'Origin');
    const { origin } = request.headers;
    const isPreflight =
      request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined;
    if (origin !== undefined && (await isAllowed(origin, pathOf(request)).catch(() => false))) {
      response.setHeader('access-control-allow-origin', origin);
      response.setHeader('access-control-expose-headers', exposedHeaders);
      if (isPreflight) {
        response.setHeader('access-control-allow-methods', allowedMethods);
        response.setHeader('access-control-allow-headers', allowedHeaders);
        response.setHeader('access-control-max-age', String(preflightLifetimeS));
      }
    }
    if (!isPreflight) return 'go on';
    response.writeHead(204).end();
    return 'answered';
  };
}
