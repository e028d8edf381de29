import type { ConnectRouterOptions } from '@connectrpc/connect';
import {
  mergeNonProtocolHeaders,
  readAllBytes,
  type UniversalServerRequest,
  uResponseOk,
  uResponseUnsupportedMediaType,
} from '@connectrpc/connect/protocol';
import {
  codeToHttpStatus,
  contentTypeUnaryJson,
  contentTypeUnaryProto,
  contentTypeUnaryRegExp,
  errorToJsonBytes,
  headerContentType,
  headerTimeout,
  headerUnaryAcceptEncoding,
  headerUnaryContentLength,
  headerUnaryEncoding,
  headerUnaryTrailerPrefix,
  parseContentType,
  parseTimeout,
} from '@connectrpc/connect/protocol-connect';
import type { UnaryImpl } from '../rest/invoke.ts';
import { createUnaryCall, type UnaryHandler, type Wire } from './unary-call.ts';
import { Whole } from './whole.ts';

/** Whether a request is one of Connect's that posts one message; a GET is left to Connect's own handler. */
export function isConnectPost({
  method,
  header,
}: Pick<UniversalServerRequest, 'method' | 'header'>): boolean {
  return method === 'POST' && contentTypeUnaryRegExp.test(header.get(headerContentType) ?? '');
}

const wire: Wire = {
  protocolName: 'connect',
  encoding: headerUnaryEncoding,
  acceptEncoding: headerUnaryAcceptEncoding,
  timeout: headerTimeout,
  parseTimeout,
};

/** Serves a method of one message in and one out over Connect, where it is posted. */
export function createConnectUnary(options: ConnectRouterOptions, spec: UnaryImpl): UnaryHandler {
  const { own, run } = createUnaryCall(wire, options, spec);
  return async (request) => {
    const { header, body } = request;
    const type = parseContentType(header.get(headerContentType));
    if (type === undefined || type.stream) return uResponseUnsupportedMediaType;
    const { context, packing, answer, error } = await run(request, {
      isBinary: type.binary,
      responseHeader: { [headerContentType]: type.binary ? contentTypeUnaryProto : contentTypeUnaryJson },
      async read({ request: compression }) {
        const length = header.get(headerUnaryContentLength);
        const sent = await readAllBytes(body as AsyncIterable<Uint8Array>, own.readMaxBytes, length);
        return compression === null ? sent : await compression.decompress(sent, own.readMaxBytes);
      },
      // Errors are packed as well, further down.
      pack: (data) => data,
    });
    const { responseHeader, responseTrailer } = context;
    if (error !== undefined) {
      responseHeader.set(headerContentType, contentTypeUnaryJson);
      mergeNonProtocolHeaders(responseHeader, error.metadata);
    }
    let bytes = error === undefined ? answer : errorToJsonBytes(error, own.jsonOptions);
    if (packing.response !== null && bytes.length >= own.compressMinBytes) {
      bytes = await packing.response.compress(bytes);
      responseHeader.set(headerUnaryEncoding, packing.response.name);
    }
    // Trailers of one message are headers (Connect, "Unary-Response").
    for (const [name, value] of responseTrailer)
      responseHeader.append(`${headerUnaryTrailerPrefix}${name}`, value);
    responseHeader.set(headerUnaryContentLength, String(bytes.length));
    const status = error === undefined ? uResponseOk.status : codeToHttpStatus(error.code);
    return { status, header: responseHeader, body: new Whole(bytes) };
  };
}
