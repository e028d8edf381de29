import { Code, ConnectError, type ConnectRouterOptions } from '@connectrpc/connect';
import {
  encodeEnvelope,
  envelopeCompress,
  envelopeDecompress,
  readAllBytes,
  uResponseMethodNotAllowed,
  uResponseOk,
  uResponseUnsupportedMediaType,
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
import type { UnaryImpl } from '../rest/invoke.ts';
import { createUnaryCall, type UnaryHandler, type Wire } from './unary-call.ts';
import { Whole } from './whole.ts';

/** Flags and length, which come before a message (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const prefixBytes = 5;

const wire: Wire = {
  protocolName: 'grpc',
  encoding: headerEncoding,
  acceptEncoding: headerAcceptEncoding,
  timeout: headerTimeout,
  parseTimeout,
};

/** Serves a method of one message in and one out over gRPC. */
export function createGrpcUnary(options: ConnectRouterOptions, spec: UnaryImpl): UnaryHandler {
  const { own, run } = createUnaryCall(wire, options, spec);
  return async (request) => {
    const { header, method, body } = request;
    const type = parseContentType(header.get(headerContentType));
    if (type === undefined) return uResponseUnsupportedMediaType;
    if (method !== 'POST') return uResponseMethodNotAllowed;
    const { context, packing, answer, error } = await run(request, {
      isBinary: type.binary,
      responseHeader: { [headerContentType]: type.binary ? contentTypeProto : contentTypeJson },
      responseTrailer: { [headerGrpcStatus]: grpcStatusOk },
      async read(packing) {
        const sent = await readMessage(body as AsyncIterable<Uint8Array>, own.readMaxBytes);
        return (await envelopeDecompress(sent, packing.request, own.readMaxBytes)).data;
      },
      async pack(data, packing) {
        const sent = await envelopeCompress({ flags: 0, data }, packing.response, own.compressMinBytes);
        return encodeEnvelope(sent.flags, sent.data);
      },
    });
    const { responseHeader, responseTrailer } = context;
    if (packing.response !== null) responseHeader.set(headerEncoding, packing.response.name);
    if (error !== undefined) setTrailerStatus(responseTrailer, error);
    const whole = new Whole(answer ?? new Uint8Array());
    return { ...uResponseOk, header: responseHeader, body: whole, trailer: responseTrailer };
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
