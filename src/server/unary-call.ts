import {
  type ConnectError,
  type ConnectRouterOptions,
  createHandlerContext,
  type HandlerContext,
} from '@connectrpc/connect';
import {
  compressionNegotiate,
  createMethodSerializationLookup,
  invokeUnaryImplementation,
  type UniversalServerRequest,
  type UniversalServerResponse,
  validateUniversalHandlerOptions,
} from '@connectrpc/connect/protocol';
import { over, toConnectError, type UnaryImpl } from '../rest/invoke.ts';

// A call of one message in and one out, shared by gRPC and Connect. It uses Connect's parts without its pipelines for
// streams: those leave a dozen generators for each call, and hidden classes of generators that V8 keeps, with all that the
// call has made, until the next full collection.

export type UnaryHandler = (request: UniversalServerRequest) => Promise<UniversalServerResponse>;

/** How a protocol names its headers, and how it writes a deadline. */
export type Wire = {
  readonly protocolName: string;
  readonly encoding: string;
  readonly acceptEncoding: string;
  readonly timeout: string;
  readonly parseTimeout: (
    value: string | null,
    maxMs: number,
  ) => { readonly timeoutMs?: number | undefined; readonly error?: ConnectError | undefined };
};

/** The compressions that a call and its caller ask for. */
export type Packing = ReturnType<typeof compressionNegotiate>;

export type CallSteps<T> = {
  readonly isBinary: boolean;
  readonly responseHeader: Record<string, string>;
  readonly responseTrailer?: Record<string, string>;
  /** Reads the serialized message. */
  readonly read: (packing: Packing) => Promise<Uint8Array>;
  /** Turns the serialized answer into what is sent. */
  readonly pack: (data: Uint8Array, packing: Packing) => T | Promise<T>;
};

/** The end of a call, with what it has made: an answer or an error. */
export type CallEnd<T> = { readonly context: HandlerContext; readonly packing: Packing } & (
  | { readonly answer: T; readonly error?: undefined }
  | { readonly answer?: undefined; readonly error: ConnectError }
);

/** The calls of a method over one protocol, with the options of a router. */
export function createUnaryCall(wire: Wire, options: ConnectRouterOptions, spec: UnaryImpl) {
  const own = validateUniversalHandlerOptions(options);
  const { method } = spec;
  const messages = createMethodSerializationLookup(method, own.binaryOptions, own.jsonOptions, own);

  /** Runs the method behind the gate: a rejected caller's body is never read. */
  async function run<T>(
    { method: requestMethod, url, header, signal, contextValues }: UniversalServerRequest,
    { isBinary, responseHeader, responseTrailer, read, pack }: CallSteps<T>,
  ): Promise<CallEnd<T>> {
    const timeout = wire.parseTimeout(header.get(wire.timeout), own.maxTimeoutMs);
    const [encoding, accepted] = [header.get(wire.encoding), header.get(wire.acceptEncoding)];
    const packing = compressionNegotiate(own.acceptCompression, encoding, accepted, wire.acceptEncoding);
    const context = createHandlerContext({
      service: method.parent,
      method,
      requestMethod,
      protocolName: wire.protocolName,
      url,
      requestSignal: signal,
      requestHeader: header,
      responseHeader,
      ...(responseTrailer !== undefined && { responseTrailer }),
      ...(timeout.timeoutMs !== undefined && { timeoutMs: timeout.timeoutMs }),
      ...(contextValues !== undefined && { contextValues }),
    });
    try {
      await own.requestGate?.(context);
      // Errors in headers come after the gate: a rejected caller learns nothing else.
      if (packing.error !== undefined) throw packing.error;
      if (timeout.error !== undefined) throw timeout.error;
      const input = messages.getI(isBinary).parse(await read(packing));
      const output = await invokeUnaryImplementation(spec, context, input, own.interceptors);
      const answer = await pack(messages.getO(isBinary).serialize(output), packing);
      return { context, packing, answer };
    } catch (cause) {
      const error = toConnectError(cause);
      context.abort(error);
      return { context, packing, error };
    } finally {
      context.abort(over);
    }
  }

  return { own, run };
}
