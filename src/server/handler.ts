import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { Logger } from 'pino';
import type { Random } from '../domain/ports.ts';
import { createRequestInfo, type RequestInfo } from '../rpc/context.ts';
import { clientAddress, type parseNetworks, peerAddress } from './client-address.ts';
import { traceRequest } from './tracing.ts';

/** Answers a request, or says that it is not its own. */
export type Route = (
  request: IncomingMessage,
  response: ServerResponse,
  info: RequestInfo,
) => Promise<'answered' | 'go on'>;

export type HandlerDeps = {
  readonly routes: readonly Route[];
  readonly log: Logger;
  readonly random: Random;
  readonly proxies: ReturnType<typeof parseNetworks>;
  readonly encrypted: boolean;
  /** Told of every request that has ended. */
  readonly observe?: RequestObserver;
};

/** What is known of a request once it has ended. */
export type RequestObserver = (info: RequestInfo, durationMs: number) => void;

const maxUserAgentLength = 256;

/** The headers of every answer (R21, R66). */
const commonHeaders = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;

/** The request listener: names the request, sets the common headers, asks the routes in turn, and logs. */
export function createHandler({ routes, log, random, proxies, encrypted, observe }: HandlerDeps) {
  return function handle(request: IncomingMessage, response: ServerResponse): void {
    const info = createRequestInfo(random.uuid(), {
      address: clientAddress(peerAddress(request), header(request, 'x-forwarded-for'), proxies),
      userAgent: (header(request, 'user-agent') ?? '').slice(0, maxUserAgentLength),
    });
    // The monotonic clock: a leap of the other one would make durations of hours.
    const startedAt = performance.now();
    response.once('close', () => {
      const durationMs = performance.now() - startedAt;
      observe?.(info, durationMs);
      log.info(
        {
          requestId: info.requestId,
          tenantId: info.tenantId,
          traceId: info.traceId,
          rpc: info.procedure,
          protocol: info.protocol,
          method: request.method,
          http: request.httpVersion,
          contentType: header(request, 'content-type')?.slice(0, 64),
          status: response.headersSent ? response.statusCode : undefined,
          reason: info.reason,
          durationMs: Math.round(durationMs * 10) / 10,
        },
        'call',
      );
    });

    for (const [name, value] of Object.entries(commonHeaders)) response.setHeader(name, value);
    response.setHeader('x-request-id', info.requestId);
    if (encrypted) response.setHeader('strict-transport-security', 'max-age=31536000; includeSubDomains');
    traceRequest(request, response, info, () => answer(routes, request, response, info)).catch(
      (error: unknown) => {
        log.error({ requestId: info.requestId, err: error }, 'request failed outside of any call');
        if (!response.headersSent) response.writeHead(500);
        response.end();
      },
    );
  };
}

async function answer(
  routes: readonly Route[],
  request: IncomingMessage,
  response: ServerResponse,
  info: RequestInfo,
): Promise<void> {
  if (!hasPlausibleTarget(request)) {
    response.writeHead(400).end();
    return;
  }
  for (const route of routes) {
    if ((await route(request, response, info)) === 'answered') return;
  }
  response.writeHead(404).end();
}

/**
 * Whether target and authority make a URL: what is behind us parses them without a second
 * look. Two Host fields are none (RFC 9112, section 3.2), and Node takes the first.
 */
function hasPlausibleTarget(request: IncomingMessage): boolean {
  const hosts = request.rawHeaders.filter((name, index) => index % 2 === 0 && /^host$/i.test(name));
  if (hosts.length > 1) return false;
  const authority =
    (request as unknown as Partial<Http2ServerRequest>).authority ?? request.headers.host ?? '';
  return (
    request.url?.startsWith('/') === true &&
    authority !== '' &&
    URL.canParse(request.url, `http://${authority}`)
  );
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** The path of a request, without its query. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

/** Answers with a JSON document. */
export function sendJson(response: ServerResponse, status: number, value: unknown): 'answered' {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
  return 'answered';
}

/** Answers with a document, packed where the caller takes that. */
export function sendBody(
  request: IncomingMessage,
  response: ServerResponse,
  document: { readonly type: string; readonly body: Buffer; readonly packed?: Buffer },
): 'answered' {
  const { type, body, packed } = document;
  const isPacked = packed !== undefined && /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  const sent = isPacked ? packed : body;
  response.appendHeader('vary', 'accept-encoding');
  response.writeHead(200, {
    'content-type': type,
    'content-length': sent.length,
    ...(isPacked && { 'content-encoding': 'gzip' }),
  });
  response.end(request.method === 'HEAD' ? undefined : sent);
  return 'answered';
}
