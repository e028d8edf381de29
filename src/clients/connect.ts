import type { Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';

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
  /** Default 1.1; with `2`, calls share one connection. */
  readonly httpVersion?: '1.1' | '2';
  /** Certificates to trust instead of the system's, in PEM. */
  readonly ca?: string;
};

/** The way of any service of this service over Connect, for back-ends on Node: `createClient(SomeService, createTransport(…))`. */
export function createTransport(options: ConnectOptions): Transport {
  const { url, ca, timeoutMs = defaultTimeoutMs, httpVersion = '1.1' } = options;
  return withOpenStreams(
    createConnectTransport({
      baseUrl: url,
      httpVersion,
      defaultTimeoutMs: timeoutMs,
      interceptors: callInterceptors(options),
      ...(ca !== undefined && { nodeOptions: { ca } }),
    }),
  );
}

/** A client for back-ends on Node, over Connect. */
export function createManam(options: ConnectOptions): Manam {
  return manamOver(publicServices, createTransport(options));
}
