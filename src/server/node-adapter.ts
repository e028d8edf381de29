import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { ContextValues } from '@connectrpc/connect';
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from '@connectrpc/connect/protocol';
import { chunksOf } from '../rest/chunks.ts';
import { closeSignal } from '../rest/close-signal.ts';
import { Whole } from './whole.ts';

// Replaces `connectNodeAdapter`: its iterators, compiled for an old JavaScript, are most of the garbage of a short call.

/** Has a handler answer a request. */
export async function serve(
  handler: UniversalHandler,
  request: IncomingMessage,
  response: ServerResponse,
  contextValues: ContextValues,
): Promise<void> {
  // Without a listener an 'error' event ends the process; readers and writers use the signal.
  request.on('error', () => {});
  response.on('error', () => {});
  const signal = closeSignal(response);
  const answer = await handler(toUniversal(request, signal, contextValues));
  // An answer to HEAD has no body, and Node ends it with its headers.
  const { body, ...head } = answer;
  await write(request.method === 'HEAD' ? head : answer, response, signal);
}

function toUniversal(
  request: IncomingMessage,
  signal: AbortSignal,
  contextValues: ContextValues,
): UniversalServerRequest {
  const { httpVersion, method = '', url = '/', headers } = request;
  const authority = (request as unknown as Partial<Http2ServerRequest>).authority ?? headers.host ?? '';
  const scheme = (request.socket as Partial<TLSSocket>).encrypted === true ? 'https' : 'http';
  return {
    httpVersion,
    method,
    url: `${scheme}://${authority}${url}`,
    header: toHeaders(headers),
    body: chunksOf(request),
    signal,
    contextValues,
  };
}

/** No header of an answer has two lines: only `set-cookie` would, and no session is a cookie. */
const toNodeHeaders = (headers: Headers | undefined) => Object.fromEntries(headers ?? []);

function toHeaders(from: IncomingMessage['headers']): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(from)) {
    // The pseudo-headers of HTTP/2 are no headers of the call.
    if (value === undefined || name.startsWith(':')) continue;
    headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  return headers;
}

/** Writes an answer as fast as the caller takes it, and no further than the caller stays. */
async function write(
  { status, header, body, trailer }: UniversalServerResponse,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  if (body instanceof Whole) {
    if (signal.aborted) return;
    response.writeHead(status, toNodeHeaders(header));
    if (trailer !== undefined) response.addTrailers(toNodeHeaders(trailer));
    response.end(body.bytes.length === 0 ? undefined : body.bytes);
    return;
  }
  const chunks = body?.[Symbol.asyncIterator]();
  // A handler may set headers until its first message.
  let chunk = await chunks?.next();
  if (!signal.aborted) response.writeHead(status, toNodeHeaders(header));
  while (chunk?.done === false && !signal.aborted) {
    if (!response.write(chunk.value)) await once(response, 'drain', { signal }).catch(() => {});
    chunk = await chunks?.next();
  }
  if (signal.aborted) {
    await chunks?.return?.();
    return;
  }
  if (trailer !== undefined) response.addTrailers(toNodeHeaders(trailer));
  response.end();
}
