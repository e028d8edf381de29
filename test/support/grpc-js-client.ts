import { create, type DescMethodUnary, type DescService, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Client as ConnectClient } from '@connectrpc/connect';
import { findTrailerError } from '@connectrpc/connect/protocol-grpc';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';

/** The error of a grpc-js call as Connect's clients throw it, details included. */
function toConnectError(error: ServiceError): unknown {
  const trailer = new Headers();
  for (const [name, value] of Object.entries(error.metadata?.getMap() ?? {})) {
    trailer.set(name, typeof value === 'string' ? value : value.toString('base64'));
  }
  trailer.set('grpc-status', String(error.code));
  trailer.set('grpc-message', encodeURIComponent(error.details));
  return findTrailerError(trailer) ?? error;
}

/** A client of @grpc/grpc-js over our generated types, with the methods that Connect's clients have. */
export function createGrpcJsClient<S extends DescService>(
  service: S,
  address: string,
  headers: Record<string, string>,
): { client: ConnectClient<S>; close(): void } {
  const channel = new Client(address, credentials.createInsecure());
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);

  const call = (method: DescMethodUnary) => (request: Record<string, unknown>) =>
    new Promise((resolve, reject) => {
      channel.makeUnaryRequest(
        `/${service.typeName}/${method.name}`,
        (message: Uint8Array) => Buffer.from(message),
        (bytes: Buffer) => fromBinary(method.output, bytes),
        toBinary(method.input, create(method.input, request)),
        metadata,
        { deadline: Date.now() + 15_000 },
        (error, response) => (error === null ? resolve(response) : reject(toConnectError(error))),
      );
    });
  const methods = service.methods.map((method) => [method.localName, call(method as DescMethodUnary)]);
  return { client: Object.fromEntries(methods) as ConnectClient<S>, close: () => channel.close() };
}
