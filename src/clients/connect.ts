import type { Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';

export * from './contract.ts';
export * from './failure.ts';
export * from './follow.ts';
export { createProofKey, dpop, generateProofKeyPair, type ProofKey, type ProofKeyPair } from './proof-key.ts';
export * from './revocations.ts';
export * from './tokens.ts';

import { publicServices } from '../contract/services.ts';
import { type ClientOptions, callInterceptors, defaultTimeoutMs, withOpenStreams } from './interceptors.ts';
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
    baseUrl: url,
    defaultTimeoutMs: timeoutMs,
    interceptors: callInterceptors(options),
    ...(ca !== undefined && { nodeOptions: { ca } }),
  };
  return withOpenStreams(
    protocol === 'grpc' ? createGrpcTransport(common) : createConnectTransport({ ...common, httpVersion }),
  );
}

/** A client for back-ends on Node, over Connect or gRPC. */
export function createManam(options: ConnectOptions): Manam {
  return manamOver(publicServices, createTransport(options));
}
