import { Code, ConnectError, type Interceptor, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';

export * from './contract.ts';
export * from './failure.ts';
export * from './follow.ts';
export { createProofKey, dpop, generateProofKeyPair, type ProofKey, type ProofKeyPair } from './proof-key.ts';
export * from './revocations.ts';
export * from './tokens.ts';

import { publicServices } from '../contract/services.ts';
import { readFailure } from './failure.ts';
import {
  type ClientOptions,
  callInterceptors,
  defaultTimeoutMs,
  serviceUrl,
  withOpenStreams,
} from './interceptors.ts';
import { type Manam, manamOver } from './manam.ts';

export { createClient } from '@connectrpc/connect';
export { bearer, type ClientOptions } from './interceptors.ts';
export type { Manam } from './manam.ts';

export type ConnectOptions = ClientOptions & {
  /** What is spoken: `connect`, the default, or `grpc`, which always takes HTTP/2. */
  readonly protocol?: 'connect' | 'grpc';
  /** Default 1.1; with `2`, calls share one connection. */
  readonly httpVersion?: '1.1' | '2';
  /** Certificates to trust instead of the system's, in PEM. */
  readonly ca?: string;
};

/**
 * The way of any service of this service for back-ends on Node, over Connect or gRPC:
 * `createClient(SomeService, createTransport(…))`.
 */
export function createTransport(options: ConnectOptions): Transport {
  const { url, ca, timeoutMs = defaultTimeoutMs, protocol = 'connect', httpVersion = '1.1' } = options;
  const common = {
    baseUrl: serviceUrl(url),
    defaultTimeoutMs: timeoutMs,
    interceptors: [...callInterceptors(options), nameLostConnection],
    ...(ca !== undefined && { nodeOptions: { ca } }),
  };
  return withOpenStreams(
    protocol === 'grpc' ? createGrpcTransport(common) : createConnectTransport({ ...common, httpVersion }),
  );
}

/** Codes of Node's errors for a connection that the peer has closed. */
const closings = new Set<unknown>(['EPIPE', 'ECONNRESET']);

/** Maps lost connections to UNAVAILABLE: Connect on Node reports them with several codes, one of which is that of the caller's abort. */
const nameLostConnection: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    const isClosed = closings.has((error.cause as { readonly code?: unknown } | undefined)?.code);
    const isCut = error.code === Code.Aborted || error.code === Code.Canceled;
    if (request.signal.aborted || readFailure(error).reason !== undefined || !(isClosed || isCut))
      throw thrown;
    throw new ConnectError('the connection was lost', Code.Unavailable, error.metadata, undefined, error);
  }
};

/** A client for back-ends on Node, over Connect or gRPC. */
export function createManam(options: ConnectOptions): Manam {
  return manamOver(publicServices, createTransport(options));
}
