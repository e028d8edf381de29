import { Code } from '@connectrpc/connect';
import {
  readAllBytes,
  type UniversalHandler,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from '@connectrpc/connect/protocol';

/** What Connect says of a body that it cannot unpack or read, as if that were its own defect. */
const unreadable = /^(?:parse binary|decompression failed)/;
const maxErrorBytes = 64 * 1024;

/**
 * A handler that tells every malformed request that it is that. Connect calls a body that
 * cannot be read an internal error, which over its own protocol is HTTP 500; and where the
 * text of an error holds half a character, such as the unknown field "\\ud800", it cannot
 * write it into a header and never answers at all.
 */
export function answerMalformed(handler: UniversalHandler): UniversalHandler {
  const answer = async (request: UniversalServerRequest): Promise<UniversalServerResponse> => {
    try {
      const response = await handler(request);
      return response.status === 500 ? await asMalformed(response) : response;
    } catch (error) {
      if (!(error instanceof URIError)) throw error;
      // An answer that is trailers alone (gRPC over HTTP/2, "Responses").
      const header = new Headers({
        'content-type': request.header.get('content-type') ?? 'application/grpc',
        'grpc-status': String(Code.InvalidArgument),
        'grpc-message': 'the request is malformed',
      });
      return { status: 200, header };
    }
  };
  return Object.assign(answer, handler);
}

async function asMalformed(response: UniversalServerResponse): Promise<UniversalServerResponse> {
  // What Connect says of a malformed request is too short to be packed.
  if (response.body === undefined || new Headers(response.header).has('content-encoding')) return response;
  const bytes = await readAllBytes(response.body, maxErrorBytes);
  const body = (each: Uint8Array) =>
    (async function* () {
      yield each;
    })();
  const {
    code,
    message = '',
    ...rest
  } = JSON.parse(Buffer.from(bytes).toString()) as {
    readonly code: string;
    readonly message?: string;
  };
  if (code !== 'internal' || !unreadable.test(message)) return { ...response, body: body(bytes) };
  const refusal = Buffer.from(JSON.stringify({ code: 'invalid_argument', message, ...rest }));
  const header = new Headers(response.header);
  header.set('content-length', String(refusal.length));
  return { ...response, status: 400, header, body: body(refusal) };
}
