import type { DescService } from '@bufbuild/protobuf';
import { createContextValues, type Transport } from '@connectrpc/connect';
import { runStreamingCall, runUnaryCall } from '@connectrpc/connect/protocol';
import { type CallCredentials, Client, credentials, Metadata } from '@grpc/grpc-js';

export * from './contract.ts';
export * from './failure.ts';
export * from './follow.ts';
export { grpcGuard } from './guards/grpc.ts';
export { createProofKey, dpop, generateProofKeyPair, type ProofKey, type ProofKeyPair } from './proof-key.ts';
export * from './revocations.ts';
export * from './tokens.ts';

import { publicServices } from '../contract/services.ts';
import { readFailure } from './failure.ts';
import { openStream, send } from './grpc-wire.ts';
import {
  type ClientOptions,
  callInterceptors,
  defaultTimeoutMs,
  isRetrySafe,
  retryPolicy,
  serviceUrl,
} from './interceptors.ts';
import { type Manam, manamOver } from './manam.ts';
import { dpop, type ProofKey } from './proof-key.ts';
import type { TokenSource } from './tokens.ts';

export { createClient } from '@connectrpc/connect';
export { bearer, type ClientOptions } from './interceptors.ts';
export type { Manam } from './manam.ts';

export type GrpcOptions = ClientOptions & {
  /** Certificates to trust instead of the system's, in PEM. */
  readonly ca?: string;
};

/** A connection that is kept until it is closed. */
export type Closable = { close(): void };

/**
 * The way of any service of this service over gRPC by @grpc/grpc-js, for back-ends:
 * `createClient(SomeService, createTransport(…))`. `https` is TLS, `http` cleartext.
 * Methods that may be repeated are tried again: where the connection fails by gRPC's own
 * service config (https://github.com/grpc/proposal/blob/master/A6-client-retries.md).
 */
export function createTransport(options: GrpcOptions): Transport & Closable {
  const { ca, timeoutMs: ownTimeoutMs = defaultTimeoutMs } = options;
  const url = serviceUrl(options.url);
  const { protocol, hostname, port, pathname } = new URL(url);
  if (pathname !== '/')
    throw new TypeError('gRPC has no path before that of its services: url must be an origin');
  const isSecure = protocol === 'https:';
  const channel = new Client(
    `${hostname}:${port === '' ? (isSecure ? 443 : 80) : port}`,
    isSecure
      ? credentials.createSsl(ca === undefined ? null : Buffer.from(ca))
      : credentials.createInsecure(),
    {
      'grpc.service_config': JSON.stringify(serviceConfig),
      // gRPC would send the proof of the first attempt again, which is good once.
      'grpc.enable_retries': options.proofKey === undefined ? 1 : 0,
    },
  );
  const interceptors = callInterceptors(
    options,
    ...(options.proofKey === undefined ? [isOutageOfService] : []),
  );

  return {
    close: () => channel.close(),
    async unary(method, signal, wantedMs = ownTimeoutMs, header, message, contextValues) {
      // As Connect's own transports have it: nothing left of a deadline means none.
      const timeoutMs = wantedMs <= 0 ? undefined : wantedMs;
      return await runUnaryCall({
        interceptors,
        ...(timeoutMs !== undefined && { timeoutMs }),
        ...(signal && { signal }),
        req: {
          stream: false,
          service: method.parent,
          method,
          requestMethod: 'POST',
          url: `${url}/${method.parent.typeName}/${method.name}`,
          header: new Headers(header),
          contextValues: contextValues ?? createContextValues(),
          message,
        },
        next: (request) =>
          send(channel, request, timeoutMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + timeoutMs),
      });
    },
    async stream(method, signal, timeoutMs, header, message, contextValues) {
      return await runStreamingCall({
        interceptors,
        ...(timeoutMs !== undefined && timeoutMs > 0 && { timeoutMs }),
        ...(signal && { signal }),
        req: {
          stream: true,
          service: method.parent,
          method,
          requestMethod: 'POST',
          url: `${url}/${method.parent.typeName}/${method.name}`,
          header: new Headers(header),
          contextValues: contextValues ?? createContextValues(),
          message,
        },
        next: (request) => openStream(channel, request),
      });
    },
  };
}

/**
 * Whether the service itself said that it is out of reach. gRPC tries nothing again once the
 * head of an answer has come, which is where a failure of the service stands behind.
 */
function isOutageOfService(error: unknown): boolean {
  return readFailure(error).reason === 'UNAVAILABLE';
}

/**
 * Call credentials for stubs of other generators over @grpc/grpc-js: each attempt proves the key, with the
 * session's access token where there is one (RFC 9449). `origin` is that of the service, such as
 * `https://id.example.com`: gRPC tells no port. They need a channel with TLS, as all call credentials of gRPC do.
 */
export function createProofCredentials(key: ProofKey, origin: string, tokens?: TokenSource): CallCredentials {
  return credentials.createFromMetadataGenerator(({ method_name: path }, done) => {
    const prove = async () => {
      const accessToken = await tokens?.get();
      const metadata = new Metadata();
      if (accessToken !== undefined) metadata.set('authorization', dpop(accessToken).authorization);
      metadata.set('dpop', await key.prove({ method: 'POST', url: new URL(path, origin).href, accessToken }));
      return metadata;
    };
    prove().then((metadata) => done(null, metadata), done);
  });
}

/** A client for back-ends, over gRPC. */
export function createManam(options: GrpcOptions): Manam & Closable {
  const transport = createTransport(options);
  return { ...manamOver(publicServices, transport), close: () => transport.close() };
}

const services: readonly DescService[] = Object.values(publicServices);

const seconds = (ms: number) => `${ms / 1000}s`;

/** gRPC's service config: which methods are tried again, and how. */
const serviceConfig = {
  methodConfig: [
    {
      name: services
        .flatMap(({ methods }) => methods)
        .filter(isRetrySafe)
        .map((method) => ({ service: method.parent.typeName, method: method.name })),
      retryPolicy: {
        maxAttempts: retryPolicy.maxAttempts,
        initialBackoff: seconds(retryPolicy.initialBackoffMs),
        maxBackoff: seconds(retryPolicy.maxBackoffMs),
        backoffMultiplier: retryPolicy.multiplier,
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    },
  ],
  // Where most calls fail, trying again makes it worse.
  retryThrottling: { maxTokens: 10, tokenRatio: 0.1 },
};
