import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  readAllBytes,
  type UniversalHandler,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from '@connectrpc/connect/protocol';
import { codeToHttpStatus, errorFromJsonBytes, errorToJsonBytes } from '@connectrpc/connect/protocol-connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { trailerFlag, trailerParse, trailerSerialize } from '@connectrpc/connect/protocol-grpc-web';
import { DomainError, invalid, isPlausibleField, type Violation } from '../domain/errors.ts';
import { negotiateLocale } from '../domain/locale.ts';
import {
  contextValuesOf,
  createRequestInfo,
  type Protocol,
  type RequestInfo,
  requestOf,
} from '../rpc/context.ts';
import type { ErrorMapper } from './error-mapper.ts';

// Requests that Connect itself rejects, such as a body that it cannot read, never reach an
// interceptor, and would leave without our details. Here it gets them.

const maxErrorBytes = 64 * 1024;
/** An error may quote the whole of a message. */
const maxUnpackedBytes = 2 * maxErrorBytes;

/** The field that a parser's message is about; undefined: none that may be named. */
function violationOf(message: string): Violation | undefined {
  const unknown = /: key "([^"]*)" is unknown/.exec(message)?.[1];
  if (unknown !== undefined) {
    return isPlausibleField(unknown) ? { field: unknown, reason: 'FIELD_UNKNOWN' } : undefined;
  }
  const repeated = /fields-invalid: (.*)$/.exec(message)?.[1];
  if (repeated !== undefined)
    return isPlausibleField(repeated) ? { field: repeated, reason: 'FIELD_DUPLICATE' } : undefined;
  const wrong = /cannot decode field manam\.[\w.]+?\.([a-z_0-9]+) from JSON/.exec(message)?.[1];
  return wrong === undefined ? undefined : { field: wrong, reason: 'FIELD_TYPE' };
}

/** The meaning of an error that Connect made. Its text may quote the request, and stays here. */
export function toDomainError({ code, rawMessage }: ConnectError): DomainError {
  if (/^(?:parse binary|decompression failed|invalid compressed)|input message/.test(rawMessage))
    return new DomainError('BODY_MALFORMED');
  if (code === Code.InvalidArgument) {
    const violation = violationOf(rawMessage);
    if (violation !== undefined) return invalid(violation);
    return new DomainError(
      /is unknown|fields-invalid/.test(rawMessage) ? 'REQUEST_INVALID' : 'BODY_MALFORMED',
    );
  }
  if (code === Code.ResourceExhausted) return new DomainError('BODY_TOO_LARGE');
  if (code === Code.Unimplemented) return new DomainError('NOT_IMPLEMENTED');
  if (code === Code.DeadlineExceeded || code === Code.Canceled) return new DomainError('DEADLINE_EXCEEDED');
  // No flow has begun: what broke is the way of the request here, such as a body that is cut off.
  return new DomainError('BODY_MALFORMED', { cause: new Error(rawMessage) });
}

type Rewrite = (error: ConnectError) => ConnectError;

/** A handler whose every failure goes through the error mapper, those of Connect itself included. */
export function withMapper(handler: UniversalHandler, mapError: ErrorMapper): UniversalHandler {
  const answer = async (request: UniversalServerRequest): Promise<UniversalServerResponse> => {
    const info = requestOf(request.contextValues ?? contextValuesOf(emptyInfo()));
    const protocol = protocolOf(request.header.get('content-type') ?? '');
    const locale = negotiateLocale(request.header.get('accept-language'));
    const rewrite: Rewrite = (error) => mapError(toDomainError(error), info, locale);
    try {
      const response = await handler(request);
      if (response.status === 415)
        return refusal(mapError(new DomainError('MEDIA_TYPE_UNSUPPORTED'), info, locale), 415);
      if (response.status === 405) {
        const header = new Headers({ allow: handler.allowedMethods.join(', ') });
        return refusal(mapError(new DomainError('METHOD_NOT_ALLOWED'), info, locale), 405, {
          ...response,
          header,
        });
      }
      // Results and errors of flows are mapped already.
      if (info.isDone || info.reason !== undefined) return response;
      if (protocol === 'grpc') return grpc(response, info, rewrite);
      if (protocol === 'grpc-web') return grpcWeb(response, info, rewrite);
      return await connect(response, rewrite);
    } catch (error) {
      // The text of an error had half a character, which a header cannot carry.
      if (!(error instanceof URIError)) throw error;
      const refused = mapError(new DomainError('BODY_MALFORMED'), info, locale);
      const header = new Headers({
        'content-type': request.header.get('content-type') ?? 'application/grpc',
      });
      return { status: 200, header: setTrailerStatus(header, refused) };
    }
  };
  return Object.assign(answer, handler);
}

const emptyInfo = () => createRequestInfo('', { address: '', userAgent: '' });

/** The protocol that a content type announces. */
export function protocolOf(contentType: string): Protocol {
  if (contentType.startsWith('application/grpc-web')) return 'grpc-web';
  return contentType.startsWith('application/grpc') ? 'grpc' : 'connect';
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** An answer before any protocol is known: an error in the JSON of Connect. */
function refusal(
  error: ConnectError,
  status: number,
  from?: UniversalServerResponse,
): UniversalServerResponse {
  const body = errorToJsonBytes(error, undefined);
  const header = new Headers(from?.header);
  for (const [name, value] of error.metadata) header.set(name, value);
  header.set('content-type', 'application/json');
  header.set('content-length', String(body.length));
  return { status, header, body: once(body) };
}

/** The bytes of a body, whatever its `content-encoding`. */
function unpacked(bytes: Uint8Array, header: Headers | undefined): Uint8Array {
  switch (header?.get('content-encoding')) {
    case 'gzip':
      return gunzipSync(bytes, { maxOutputLength: maxUnpackedBytes });
    case 'br':
      return brotliDecompressSync(bytes, { maxOutputLength: maxUnpackedBytes });
    default:
      return bytes;
  }
}

async function connect(
  response: UniversalServerResponse,
  rewrite: Rewrite,
): Promise<UniversalServerResponse> {
  if (response.status === 200 || response.body === undefined) return response;
  // An error that quotes a long value is packed.
  const bytes = unpacked(await readAllBytes(response.body, maxErrorBytes), response.header);
  const fallback = new ConnectError('unreadable error', Code.Internal);
  const error = rewrite(errorFromJsonBytes(bytes, undefined, fallback));
  const header = new Headers(response.header);
  header.delete('content-encoding');
  return refusal(error, codeToHttpStatus(error.code), { ...response, header });
}

/** The status stands in trailers, which are written when the body has ended. */
function grpc(
  response: UniversalServerResponse,
  info: RequestInfo,
  rewrite: Rewrite,
): UniversalServerResponse {
  const { body, trailer } = response;
  if (body === undefined || trailer === undefined) return response;
  async function* watched() {
    yield* body as AsyncIterable<Uint8Array>;
    amend(trailer as Headers, info, rewrite);
  }
  return { ...response, body: watched() };
}

/** The trailers are the last envelope of the body (gRPC-Web, "Protocol differences"). */
function grpcWeb(
  response: UniversalServerResponse,
  info: RequestInfo,
  rewrite: Rewrite,
): UniversalServerResponse {
  const { body } = response;
  if (body === undefined) return response;
  async function* watched() {
    for await (const envelope of body as AsyncIterable<Uint8Array>) {
      const view = Buffer.from(envelope.buffer, envelope.byteOffset, envelope.byteLength);
      if (envelope[0] !== trailerFlag || view.readUInt32BE(1) !== envelope.length - 5) {
        yield envelope;
        continue;
      }
      const trailer = trailerParse(envelope.subarray(5));
      amend(trailer, info, rewrite);
      const data = trailerSerialize(trailer);
      const head = Buffer.alloc(5);
      head[0] = trailerFlag;
      head.writeUInt32BE(data.length, 1);
      yield Buffer.concat([head, data]);
    }
  }
  return { ...response, body: watched() };
}

function amend(trailer: Headers, info: RequestInfo, rewrite: Rewrite): void {
  const code = Number(trailer.get('grpc-status') ?? 0);
  if (code === 0 || info.reason !== undefined) return;
  const message = decode(trailer.get('grpc-message') ?? '');
  setTrailerStatus(trailer, rewrite(new ConnectError(message, code as Code)));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
