import type { IncomingMessage } from 'node:http';
import type { DescMethodUnary } from '@bufbuild/protobuf';
import {
  type ConnectRouter,
  type ConnectRouterOptions,
  createConnectRouter,
  type HandlerContext,
  type Interceptor,
} from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerRequest } from '@connectrpc/connect/protocol';
import { compressionBrotli, compressionGzip } from '@connectrpc/connect-node';
import { DomainError } from '../domain/errors.ts';
import { implementationsOf, type UnaryImpl } from '../rest/invoke.ts';
import { assertPlain, decodeJson } from '../rest/json.ts';
import { contextValuesOf, requestOf } from '../rpc/context.ts';
import { createConnectUnary, isConnectPost } from './connect-unary.ts';
import type { ErrorMapper } from './error-mapper.ts';
import { protocolOf, withMapper } from './framework-errors.ts';
import { createGrpcUnary } from './grpc-unary.ts';
import { cut, pathOf, type Route } from './handler.ts';
import { boundsInterceptor } from './input-bounds.ts';
import { outcomeInterceptor, successInterceptor } from './interceptors.ts';
import { serve } from './node-adapter.ts';
import { refuse } from './refuse.ts';
import type { UnaryHandler } from './unary-call.ts';

/** The largest message (R56). */
export const maxMessageBytes = 64 * 1024;
/** The longest deadline that a caller may ask for (R56). */
const maxTimeoutMs = 30_000;

export type RpcOptions = {
  readonly gate: (context: HandlerContext) => Promise<void>;
  /** The outermost first. */
  readonly interceptors: Interceptor[];
  /** Maps errors of Connect itself. */
  readonly mapError: ErrorMapper;
};

/** Bodies in JSON: well-formed UTF-8, no name twice, of which two readers may see different values. */
const strictJson = {
  decode(bytes: Uint8Array): string {
    const text = decodeJson(bytes);
    assertPlain(text);
    return text;
  },
};

/** `textDecoder` is an option of Connect's JSON serialization that the types of routers do not name. */
const jsonOptions = { ignoreUnknownFields: false, textDecoder: strictJson };

/**
 * The options of every router. They are set once, here: options of a single service
 * would take their place and drop the gate with them.
 */
export function routerOptions(
  { gate, interceptors }: Omit<RpcOptions, 'mapError'>,
  inner: readonly Interceptor[] = [boundsInterceptor],
): ConnectRouterOptions {
  return {
    requestGate: gate,
    interceptors: [successInterceptor, ...interceptors, ...inner],
    readMaxBytes: maxMessageBytes,
    writeMaxBytes: 4 * 1024 * 1024,
    maxTimeoutMs,
    jsonOptions,
  };
}

/** Serves gRPC, gRPC-Web and Connect; a method that does not exist is UNIMPLEMENTED over gRPC and gRPC-Web. */
export function createRpcRoute(options: RpcOptions, routes: (router: ConnectRouter) => void): Route {
  const { mapError } = options;
  const known = createAdapterRoute(routerOptions(options), routes, mapError);
  return async (request, response, info) => {
    if ((await known(request, response, info)) === 'answered') return 'answered';
    if (protocolOf(request.headers['content-type'] ?? '') === 'connect') return 'go on';
    refuse(mapError, request, response, info, new DomainError('NOT_IMPLEMENTED'));
    return 'answered';
  };
}

/** The same for what anyone may call, such as health; its streams end when the caller goes away. */
export function createOpenRpcRoute(mapError: ErrorMapper, routes: (router: ConnectRouter) => void): Route {
  const gate = async ({ method, values }: HandlerContext) => {
    requestOf(values).procedure = `${method.parent.typeName}/${method.name}`;
  };
  const { maxTimeoutMs: _, ...options } = routerOptions({ gate, interceptors: [outcomeInterceptor] });
  return createAdapterRoute(options, routes, mapError);
}

function createAdapterRoute(
  options: ConnectRouterOptions,
  routes: (router: ConnectRouter) => void,
  mapError: ErrorMapper,
): Route {
  const all = { acceptCompression: [compressionGzip, compressionBrotli], ...options };
  const router = createConnectRouter(all);
  routes(router);
  const specs = new Map(implementationsOf(routes).map((spec) => [spec.method, spec]));
  const handlers = new Map(
    router.handlers.map((handler) => {
      const spec = specs.get(handler.method as DescMethodUnary);
      const leaner = spec === undefined ? handler : leanerThan(handler, all, spec);
      return [handler.requestPath, withMapper(leaner, mapError)];
    }),
  );
  return async (request: IncomingMessage, response, info) => {
    const handler = handlers.get(pathOf(request));
    if (handler === undefined) return 'go on';
    info.protocol = protocolOf(request.headers['content-type'] ?? '');
    if (handler.method.methodKind === 'server_streaming') {
      allowLongTimeouts(request.headers);
      info.cut = () => cut(response);
    }
    boundTimeouts(request.headers);
    plainCharset(request.headers);
    await serve(handler, request, response, contextValuesOf(info));
    return 'answered';
  };
}

/** The handler of a method of one message in and one out; what is neither gRPC nor posted over Connect stays Connect's. */
function leanerThan(
  handler: UniversalHandler,
  options: ConnectRouterOptions,
  spec: UnaryImpl,
): UniversalHandler {
  const [overGrpc, overConnect] = [createGrpcUnary(options, spec), createConnectUnary(options, spec)];
  const serveCall: UnaryHandler = (request) => {
    if (isGrpc(request)) return overGrpc(request);
    return isConnectPost(request) ? overConnect(request) : handler(request);
  };
  return Object.assign(serveCall, handler);
}

const isGrpc = ({ header }: UniversalServerRequest) =>
  protocolOf(header.get('content-type') ?? '') === 'grpc';

/**
 * A stream may stay open longer than any other call: a deadline beyond the longest is the client's own affair,
 * which closes the stream by itself.
 */
function allowLongTimeouts(headers: IncomingMessage['headers']): void {
  const [, amount = '', unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(String(headers['grpc-timeout'])) ?? [];
  if (Number(amount) * (unitsMs[unit] ?? 0) > maxTimeoutMs) delete headers['grpc-timeout'];
  if (Number(headers['connect-timeout-ms']) > maxTimeoutMs) delete headers['connect-timeout-ms'];
}

/** The longest that a timer of Node can wait; what is longer fires at once, with a warning. */
const longestTimerMs = 2 ** 31 - 1;
const unitsMs: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Connect starts the timer of a deadline before it refuses one that is too long: it gets one that is only too long. */
function boundTimeouts(headers: IncomingMessage['headers']): void {
  const [, amount = '', unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(String(headers['grpc-timeout'])) ?? [];
  if (Number(amount) * (unitsMs[unit] ?? 0) > longestTimerMs) headers['grpc-timeout'] = '99999999m';
  if (Number(headers['connect-timeout-ms']) > longestTimerMs)
    headers['connect-timeout-ms'] = String(longestTimerMs);
}

/** Connect reads JSON with one spelling of its charset alone; all of these mean the same (RFC 8259, section 8.1). */
function plainCharset(headers: IncomingMessage['headers']): void {
  if (/^application\/json\s*;\s*charset\s*=\s*"?utf-?8"?\s*$/i.test(headers['content-type'] ?? ''))
    headers['content-type'] = 'application/json';
}
