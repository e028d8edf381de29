import {
  create,
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type StreamRequest,
  type StreamResponse,
  type UnaryRequest,
  type UnaryResponse,
} from '@connectrpc/connect';
import { findTrailerError } from '@connectrpc/connect/protocol-grpc';
import { type Client, Metadata, type ServiceError } from '@grpc/grpc-js';

/** Sends a call with one message each way. */
export function send<I extends DescMessage, O extends DescMessage>(
  channel: Client,
  { method, message, header, signal, service }: UnaryRequest<I, O>,
  deadline: number,
): Promise<UnaryResponse<I, O>> {
  signal.throwIfAborted();
  const { input, output } = method as DescMethodUnary<I, O>;
  const metadata = toMetadata(header);
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

/** Opens a stream of the server; it is cancelled where the signal aborts, or its reader stops reading. */
export async function openStream<I extends DescMessage, O extends DescMessage>(
  channel: Client,
  { method, message, header, signal, service }: StreamRequest<I, O>,
): Promise<StreamResponse<I, O>> {
  if (method.methodKind !== 'server_streaming')
    throw new ConnectError('the service has no streams of clients', Code.Unimplemented);
  const { input, output } = method as DescMethodServerStreaming<I, O>;
  const request = await firstOf(message);
  signal.throwIfAborted();
  const call = channel.makeServerStreamRequest<MessageShape<I> | undefined, MessageShape<O>>(
    `/${service.typeName}/${method.name}`,
    (value) => Buffer.from(toBinary(input, value ?? create(input))),
    (bytes) => fromBinary(output, bytes),
    request,
    toMetadata(header),
  );
  const cancel = () => call.cancel();
  signal.addEventListener('abort', cancel);
  const trailer = new Headers();
  // A failure before the first read is thrown by that read; without a listener it would end the process.
  call.on('error', () => {});
  call.on('status', ({ metadata }: { metadata: Metadata }) => {
    signal.removeEventListener('abort', cancel);
    toHeaders(metadata).forEach((value, name) => void trailer.set(name, value));
  });
  async function* messages(): AsyncGenerator<MessageShape<O>> {
    try {
      yield* call as AsyncIterable<MessageShape<O>>;
    } catch (error) {
      throw toConnectError(error as ServiceError);
    } finally {
      call.cancel();
    }
  }
  return { stream: true, service, method, header: new Headers(), trailer, message: messages() };
}

/** The one message that a caller sends. */
async function firstOf<T>(messages: AsyncIterable<T>): Promise<T | undefined> {
  for await (const message of messages) return message;
  return undefined;
}

function toMetadata(header: Headers): Metadata {
  const metadata = new Metadata();
  header.forEach((value, name) => {
    metadata.set(name, value);
  });
  return metadata;
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
