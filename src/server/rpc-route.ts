import type { IncomingMessage } from 'node:http';
import type { ConnectRouter, ConnectRouterOptions, Interceptor } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { contextValuesOf, createRequestInfo, type RequestInfo } from '../rpc/context.ts';
import type { createGate } from './gate.ts';
import type { Route } from './handler.ts';

/** The largest message (R56). */
export const maxMessageBytes = 64 * 1024;
/** The longest deadline that a caller may ask for (R56). */
const maxTimeoutMs = 30_000;

export type RpcOptions = {
  readonly gate: ReturnType<typeof createGate>;
  /** The outermost first. */
  readonly interceptors: Interceptor[];
};

/**
 * The options of every router. They are set once, here: options of a single service
 * would take their place and drop the gate with them.
 */
export function routerOptions({ gate, interceptors }: RpcOptions): ConnectRouterOptions {
  return {
    requestGate: gate,
    interceptors,
    readMaxBytes: maxMessageBytes,
    writeMaxBytes: 4 * 1024 * 1024,
    maxTimeoutMs,
    jsonOptions: { ignoreUnknownFields: false },
  };
}

/** Serves gRPC, gRPC-Web and Connect. */
export function createRpcRoute(options: RpcOptions, routes: (router: ConnectRouter) => void): Route {
  const infos = new WeakMap<object, RequestInfo>();
  const passedOn = new WeakSet<object>();
  const adapter = connectNodeAdapter({
    ...routerOptions(options),
    routes,
    contextValues: (request) =>
      contextValuesOf(infos.get(request) ?? createRequestInfo('', { address: '', userAgent: '' })),
    fallback: (request) => passedOn.add(request),
  });
  return async (request: IncomingMessage, response, info) => {
    infos.set(request, info);
    adapter(request, response);
    return passedOn.has(request) ? 'go on' : 'answered';
  };
}
