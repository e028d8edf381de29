import { Code, ConnectError, type ConnectRouterOptions, createHandlerContext } from '@connectrpc/connect';
import {
  compressionNegotiate,
  createMethodSerializationLookup,
  encodeEnvelope,
  envelopeCompress,
  envelopeDecompress,
  invokeUnaryImplementation,
  readAllBytes,
  type UniversalServerRequest,
  type UniversalServerResponse,
  uResponseMethodNotAllowed,
  uResponseOk,
  uResponseUnsupportedMediaType,
  validateUniversalHandlerOptions,
} from '@connectrpc/connect/protocol';
import {
  contentTypeJson,
  contentTypeProto,
  grpcStatusOk,
  headerAcceptEncoding,
  headerContentType,
  headerEncoding,
  headerGrpcStatus,
  headerTimeout,
  parseContentType,
  parseTimeout,
  setTrailerStatus,
} from '@connectrpc/connect/protocol-grpc';
import { over, toConnectError, type UnaryImpl } from '../rest/invoke.ts';

// gRPC for methods of one message in and one out. Connect serves them by pipelines that are made for streams: a dozen
// generators for each call, each of which makes a hidden class that V8 keeps, with all that the call has made, until the
// next full collection. The parts are Connect's; what is left out is the pipeline.

export type UnaryHandler = (request: UniversalServerRequest) => Promise<UniversalServerResponse>;

/** Flags and length, which come before a message (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const prefixBytes = 5;

/** A factory of handlers, with the options of a router. */
export function createGrpcUnary(options: ConnectRouterOptions): (spec: UnaryImpl) => UnaryHandler {
  const own = validateUniversalHandlerOptions(options);
  return (spec) => {
    const { method } = spec;
    const messages = createMethodSerializationLookup(method, own.binaryOptions, own.jsonOptions, own);
    return async ({ header, method: requestMethod, url, signal, contextValues, body }) => {
      const type = parseContentType(header.get(headerContentType));
      if (type === undefined) return uResponseUnsupportedMediaType;
      if (requestMethod !== 'POST') return uResponseMethodNotAllowed;
      const timeout = parseTimeout(header.get(headerTimeout), own.maxTimeoutMs);
      const context = createHandlerContext({
        service: method.parent,
        method,
        requestMethod,
        protocolName: 'grpc',
        url,
        requestSignal: signal,
        requestHeader: header,
        responseHeader: { [headerContentType]: type.binary ? contentTypeProto : contentTypeJson },
        responseTrailer: { [headerGrpcStatus]: grpcStatusOk },
        ...(timeout.timeoutMs !== undefined && { timeoutMs: timeout.timeoutMs }),
        ...(contextValues !== undefined && { contextValues }),
      });
      const accepted = header.get(headerAcceptEncoding);
      const encoding = header.get(headerEncoding);
      const packing = compressionNegotiate(own.acceptCompression, encoding, accepted, headerAcceptEncoding);
      if (packing.response !== null) context.responseHeader.set(headerEncoding, packing.response.name);
      const chunks: Uint8Array[] = [];
      try {
        // A rejected caller's body is never read.
        await own.requestGate?.(context);
        if (packing.error !== undefined) throw packing.error;
        if (timeout.error !== undefined) throw timeout.error;
        const sent = await readMessage(body as AsyncIterable<Uint8Array>, own.readMaxBytes);
        const { data } = await envelopeDecompress(sent, packing.request, own.readMaxBytes);
        const input = messages.getI(type.binary).parse(data);
        const output = await invokeUnaryImplementation(spec, context, input, own.interceptors);
        const plain = { flags: 0, data: messages.getO(type.binary).serialize(output) };
        const answer = await envelopeCompress(plain, packing.response, own.compressMinBytes);
        chunks.push(encodeEnvelope(answer.flags, answer.data));
      } catch (cause) {
        const error = toConnectError(cause);
        context.abort(error);
        setTrailerStatus(context.responseTrailer, error);
      } finally {
        context.abort(over);
      }
      const { responseHeader, responseTrailer } = context;
      return { ...uResponseOk, header: responseHeader, body: each(chunks), trailer: responseTrailer };
    };
  };
}

/** Reads the one message of a body. */
async function readMessage(body: AsyncIterable<Uint8Array>, maxBytes: number) {
  const bytes = await readAllBytes(body, prefixBytes + maxBytes);
  const unimplemented = (text: string) =>
    new ConnectError(`protocol error: ${text} for unary method`, Code.Unimplemented);
  if (bytes.length === 0) throw unimplemented('missing input message');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < prefixBytes ? undefined : view.getUint32(1);
  if (length !== undefined && length > maxBytes)
    throw new ConnectError(`message size ${length} is larger than ${maxBytes}`, Code.ResourceExhausted);
  if (length === undefined || bytes.length < prefixBytes + length)
    throw new ConnectError('protocol error: incomplete envelope', Code.InvalidArgument);
  if (bytes.length > prefixBytes + length) throw unimplemented('received extra input message');
  return { flags: view.getUint8(0), data: bytes.subarray(prefixBytes) };
}

async function* each(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
