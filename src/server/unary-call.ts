import {
  type ConnectError,
  type ConnectRouterOptions,
  createHandlerContext,
  type HandlerContext,
} from '@connectrpc/connect';
import {
  type compressionNegotiate,
  createMethodSerializationLookup,
  invokeUnaryImplementation,
  type UniversalServerRequest,
  type UniversalServerResponse,
  validateUniversalHandlerOptions,
} from '@connectrpc/connect/protocol';
import { over, toConnectError, type UnaryImpl } from '../rest/invoke.ts';

// What the protocols have in common that serve methods of one message in and one out. The parts are Connect's; what is
// left out are its pipelines, which are made for streams: they leave a dozen generators for each call, and hidden classes
// of generators that V8 keeps, with all that the call has made, until the next full collection.

export type UnaryHandler = (request: UniversalServerRequest) => Promise<UniversalServerResponse>;

/** What the headers of a call say; errors in them are told behind the gate. */
export type CallHead = {
  readonly protocolName: string;
  readonly isBinary: boolean;
  readonly timeout: { readonly timeoutMs?: number | undefined; readonly error?: ConnectError | undefined };
  readonly packing: ReturnType<typeof compressionNegotiate>;
  readonly responseHeader: Record<string, string>;
  readonly responseTrailer?: Record<string, string>;
};

export type CallSteps<T> = {
  /** Reads the message as its serialization. */
  readonly read: () => Promise<Uint8Array>;
  /** Makes of the answer's serialization what is sent. */
  readonly pack: (data: Uint8Array) => T | Promise<T>;
};

/** The end of a call, with what it has made: an answer or an error. */
export type CallEnd<T> = { readonly context: HandlerContext } & (
  | { readonly answer: T; readonly error?: undefined }
  | { readonly answer?: undefined; readonly error: ConnectError }
);

/** The calls of a method, with the options of a router. */
export function createUnaryCall(options: ConnectRouterOptions, spec: UnaryImpl) {
  const own = validateUniversalHandlerOptions(options);
  const { method } = spec;
  const messages = createMethodSerializationLookup(method, own.binaryOptions, own.jsonOptions, own);

  /** Runs the method behind the gate: a rejected caller's body is never read. */
  async function run<T>(
    { method: requestMethod, url, header, signal, contextValues }: UniversalServerRequest,
    { protocolName, isBinary, timeout, packing, responseHeader, responseTrailer }: CallHead,
    { read, pack }: CallSteps<T>,
  ): Promise<CallEnd<T>> {
    const context = createHandlerContext({
      service: method.parent,
      method,
      requestMethod,
      protocolName,
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
      if (packing.error !== undefined) throw packing.error;
      if (timeout.error !== undefined) throw timeout.error;
      const input = messages.getI(isBinary).parse(await read());
      const output = await invokeUnaryImplementation(spec, context, input, own.interceptors);
      return { context, answer: await pack(messages.getO(isBinary).serialize(output)) };
    } catch (cause) {
      const error = toConnectError(cause);
      context.abort(error);
      return { context, error };
    } finally {
      context.abort(over);
    }
  }

  return { own, run };
}
