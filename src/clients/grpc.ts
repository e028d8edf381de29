import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  createContextValues,
  type Transport,
  type UnaryRequest,
  type UnaryResponse,
} from '@connectrpc/connect';
import { runUnaryCall } from '@connectrpc/connect/protocol';
import { findTrailerError } from '@connectrpc/connect/protocol-grpc';
import { type CallCredentials, Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';

export * from './contract.ts';
export * from './failure.ts';
export { createProofKey, dpop, generateProofKeyPair, type ProofKey, type ProofKeyPair } from './proof-key.ts';
export * from './tokens.ts';

import { publicServices } from '../contract/services.ts';
import { readFailure } from './failure.ts';
import {
  type ClientOptions,
  callInterceptors,
  defaultTimeoutMs,
  isRetrySafe,
  retryPolicy,
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
  const { url, ca, timeoutMs: ownTimeoutMs = defaultTimeoutMs } = options;
  const { protocol, hostname, port } = new URL(url);
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
    stream: () => Promise.reject(new ConnectError('streams are not served', Code.Unimplemented)),
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
  return { ...manamOver(transport), close: () => transport.close() };
}

function send<I extends DescMessage, O extends DescMessage>(
  channel: Client,
  { method, message, header, signal, service }: UnaryRequest<I, O>,
  deadline: number,
): Promise<UnaryResponse<I, O>> {
  signal.throwIfAborted();
  const { input, output } = method as DescMethodUnary<I, O>;
  const metadata = new Metadata();
  header.forEach((value, name) => {
    metadata.set(name, value);
  });
  return new Promise((resolve, reject) => {
    let answerHeader = new Headers();
    let answer: MessageShape<O> | undefined;
    const call = channel.makeUnaryRequest<MessageShape<I>, MessageShape<O>>(
      `/${service.typeName}/${method.name}`,
      (value) => Buffer.from(toBinary(input, value)),
      (bytes) => fromBinary(output, bytes),
      message,
      metadata,
      { deadline },
      (error, value) => {
        if (error !== null) reject(toConnectError(error));
        answer = value;
      },
    );
    const cancel = () => call.cancel();
    signal.addEventListener('abort', cancel);
    call.on('metadata', (received: Metadata) => {
      answerHeader = toHeaders(received);
    });
    call.on('status', ({ metadata: received }: { metadata: Metadata }) => {
      signal.removeEventListener('abort', cancel);
      resolve({
        stream: false,
        service,
        method,
        header: answerHeader,
        trailer: toHeaders(received),
        message: answer ?? create(output),
      });
    });
  });
}

function toHeaders(metadata: Metadata): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(metadata.getMap()))
    headers.set(name, typeof value === 'string' ? value : value.toString('base64'));
  return headers;
}

/** The error as every other client of this service throws it, details included. */
function toConnectError({ code, details, metadata }: ServiceError): ConnectError {
  const trailer = toHeaders(metadata);
  trailer.set('grpc-status', String(code));
  trailer.set('grpc-message', encodeURIComponent(details));
  return findTrailerError(trailer) ?? new ConnectError(details, code as number);
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
