import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { DomainError } from '../domain/errors.ts';
import type { Network } from '../domain/network.ts';
import type { Random } from '../domain/random.ts';
import { createRequestInfo, type RequestInfo } from '../rpc/context.ts';
import { clientAddress, peerAddress } from './client-address.ts';
import type { ErrorMapper } from './error-mapper.ts';
import { refuse } from './refuse.ts';
import { traceRequest } from './tracing.ts';

/** Returns a request, or says that it is not its own. */
export type Route = (
  request: IncomingMessage,
  response: ServerResponse,
  info: RequestInfo,
) => Promise<'answered' | 'go on'>;

export type HandlerDeps = {
  readonly routes: readonly Route[];
  readonly log: Logger;
  readonly random: Random;
  readonly mapError: ErrorMapper;
  readonly proxies: readonly Network[];
  /** Set where the listener speaks TLS: cleartext is refused, pages are redirected to this origin (R72). */
  readonly encryptedOrigin: string | undefined;
  /** Called with every request that has ended. */
  readonly observe?: RequestObserver;
};

/** Observes a request once it has ended. */
export type RequestObserver = (info: RequestInfo, durationMs: number) => void;

const maxUserAgentLength = 256;

/** The headers of every answer (R21, R66). */
const commonHeaders = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;

/** The request listener: names the request, sets the common headers, asks the routes in turn, and logs. */
export function createHandler(deps: HandlerDeps) {
  const { log, random, proxies, encryptedOrigin, observe } = deps;
  return function handle(request: IncomingMessage, response: ServerResponse): void {
    const client = {
      address: clientAddress(peerAddress(request), header(request, 'x-forwarded-for'), proxies),
      userAgent: (header(request, 'user-agent') ?? '').slice(0, maxUserAgentLength),
    };
    takeOriginForm(request);
    const target = { method: request.method ?? '', path: pathOf(request) };
    const info = createRequestInfo(random.uuid(), client, target);
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
          contentType: plausibleContentType(header(request, 'content-type')),
          status: response.headersSent ? response.statusCode : undefined,
          reason: info.reason,
          durationMs: Math.round(durationMs * 10) / 10,
        },
        'call',
      );
    });

    // A refusal may come before the body has: what is left of it would hold up the next request
    // of the connection. The time that a request may take bounds it.
    response.once('finish', () => {
      if (request.complete) return;
      // A reader that stopped early, such as Connect's, keeps the stream paused; Node
      // drops its listener one tick later.
      request.removeAllListeners('readable');
      setImmediate(() => request.resume());
    });

    for (const [name, value] of Object.entries(commonHeaders)) response.setHeader(name, value);
    response.setHeader('x-request-id', info.requestId);
    const isSecure = (request.socket as Partial<TLSSocket>).encrypted === true;
    if (isSecure) response.setHeader('strict-transport-security', 'max-age=31536000; includeSubDomains');
    const work =
      encryptedOrigin !== undefined && !isSecure
        ? async () => refuseCleartext(deps, encryptedOrigin, request, response, info)
        : () => answer(deps, request, response, info);
    traceRequest(request, response, info, work).catch((error: unknown) => {
      log.error({ requestId: info.requestId, err: error }, 'request failed outside of any call');
      fail(response);
    });
  };
}

/** Answers as a defect; what has begun is cut, so that it looks whole to no one. */
function fail(response: ServerResponse): void {
  try {
    if (response.headersSent) cut(response);
    else response.writeHead(500).end();
  } catch {
    // A stream of HTTP/2 may be closed before its response knows.
    cut(response);
  }
}

/** Ends a response at once. */
export function cut(response: ServerResponse): void {
  const { stream } = response as unknown as { readonly stream?: { destroy(): void } };
  (stream ?? response).destroy();
}

/** Cleartext has shown its secrets to the network already: a page is redirected, anything else refused (R72). */
async function refuseCleartext(
  { mapError }: HandlerDeps,
  origin: string,
  request: IncomingMessage,
  response: ServerResponse,
  info: RequestInfo,
): Promise<void> {
  const isPage = request.method === 'GET' && /\btext\/html\b/.test(header(request, 'accept') ?? '');
  if (isPage && hasPlausibleTarget(request)) {
    response.writeHead(308, { location: new URL(request.url ?? '/', origin).href }).end();
    return;
  }
  refuse(mapError, request, response, info, new DomainError('TLS_REQUIRED'));
}

/** Headers that decide who calls and what is read: a second one would let two readers disagree (R75). */
const singleHeaders = new Set([
  'authorization',
  'apieco_key',
  'x-api-key',
  'access_token',
  'content-type',
  'content-length',
  'content-encoding',
  'idempotency-key',
  'manam-tenant',
  'dpop',
  'dpop-bind',
  'origin',
  'host',
]);
/** The limits of R56. Node holds HTTP/1.1 to them, and HTTP/2 only asks for them. */
const maxHeaderBytes = 16 * 1024;
const maxHeaderPairs = 64;

/** The reason why headers are refused; undefined: they are not. */
function judgeHeaders({ rawHeaders }: IncomingMessage): DomainError | undefined {
  const seen = new Set<string>();
  let bytes = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    bytes += name.length + (rawHeaders[index + 1] ?? '').length;
    if (singleHeaders.has(name) && seen.has(name))
      return new DomainError('HEADER_DUPLICATE', { metadata: { header: name } });
    seen.add(name);
  }
  return bytes > maxHeaderBytes || rawHeaders.length > 2 * maxHeaderPairs
    ? new DomainError('HEADERS_TOO_LARGE')
    : undefined;
}

/** A content type without anything else that a caller may have put there (R73). */
function plausibleContentType(text: string | undefined): string | undefined {
  return text === undefined ? undefined : (/^[\w.+-]{1,40}\/[\w.+-]{1,60}/.exec(text)?.[0] ?? 'unreadable');
}

async function answer(
  { routes, mapError }: HandlerDeps,
  request: IncomingMessage,
  response: ServerResponse,
  info: RequestInfo,
): Promise<void> {
  const refused = judgeHeaders(request);
  if (refused !== undefined) return refuse(mapError, request, response, info, refused);
  if (!hasPlausibleTarget(request)) {
    response.writeHead(400).end();
    return;
  }
  for (const route of routes) {
    if ((await route(request, response, info)) === 'answered') return;
  }
  response.writeHead(404).end();
}

/** Reduces a target in absolute form, which proxies are sent, to its path (RFC 9112, section 3.2.2); one of another host stays, and is refused. */
function takeOriginForm(request: IncomingMessage): void {
  const [origin, authority = ''] = /^https?:\/\/([^/?#]+)/i.exec(request.url ?? '') ?? [];
  if (origin === undefined || authority.toLowerCase() !== request.headers.host?.toLowerCase()) return;
  const rest = (request.url ?? '').slice(origin.length);
  request.url = rest.startsWith('/') ? rest : `/${rest}`;
}

/** Whether target and authority make a URL: what is behind us parses them without a second look. */
function hasPlausibleTarget(request: IncomingMessage): boolean {
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

/** Returns with a JSON document. */
export function sendJson(response: ServerResponse, status: number, value: unknown): 'answered' {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
  return 'answered';
}

/** Returns with a document, packed where the caller takes that. */
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
