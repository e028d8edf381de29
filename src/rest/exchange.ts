import { create, type Message } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ConnectRouterOptions,
  type ContextValues,
  createContextKey,
  type Interceptor,
} from '@connectrpc/connect';
import { readAllBytes, type UniversalServerResponse } from '@connectrpc/connect/protocol';
import { errorFromJsonBytes } from '@connectrpc/connect/protocol-connect';

/**
 * The state of a running call between its router and its socket. Request and response pass
 * Connect's codecs by: they are bound and taken here, so that nothing is encoded twice.
 */
export type Exchange = {
  /** Reads and binds the request. */
  readonly bind: () => Promise<Message>;
  readonly isHead: boolean;
  answer?: Message;
  error?: ConnectError;
};

const exchangeKey = createContextKey<Exchange | undefined>(undefined, { description: 'REST exchange' });

/** Gives a call its exchange. */
export function setExchange(values: ContextValues, exchange: Exchange): void {
  values.set(exchangeKey, exchange);
}

/**
 * The same router, whose calls pass its gate and leave response or error in their
 * exchange. `inner` are the interceptors that see the bound request.
 */
export function throughExchange(
  options: ConnectRouterOptions,
  inner: readonly Interceptor[],
): ConnectRouterOptions {
  const { requestGate, interceptors = [] } = options;
  return {
    ...options,
    ...(requestGate && {
      requestGate: (context) => keepingError(context.values, async () => requestGate(context)),
    }),
    interceptors: [errorInterceptor, ...interceptors, exchangeInterceptor, ...inner],
  };
}

/** The error of a call. Errors of Connect itself are in the response alone. */
export async function errorOf({ error }: Exchange, result: UniversalServerResponse): Promise<ConnectError> {
  if (error !== undefined) return error;
  const fallback = new ConnectError('unreadable error', Code.Internal);
  if (result.body === undefined) return fallback;
  try {
    return errorFromJsonBytes(await readAllBytes(result.body, 1024 * 1024), undefined, fallback);
  } catch {
    return fallback;
  }
}

/** Keeps an error for the socket, and has Connect encode one that says nothing. */
async function keepingError<T>(values: ContextValues, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const exchange = values.get(exchangeKey);
    if (exchange === undefined || !(error instanceof ConnectError)) throw error;
    exchange.error = error;
    throw new ConnectError('', error.code);
  }
}

const errorInterceptor: Interceptor = (next) => (request) =>
  keepingError(request.contextValues, () => next(request));

/**
 * Binds the request behind the gate, and keeps the answer for the socket. A HEAD
 * passes gate and binding and runs nothing, so that it never changes anything.
 */
const exchangeInterceptor: Interceptor = (next) => async (request) => {
  const exchange = request.contextValues.get(exchangeKey);
  if (exchange === undefined || request.stream) return await next(request);
  const message = await exchange.bind();
  const empty = {
    stream: false,
    service: request.service,
    method: request.method,
    header: new Headers(),
    trailer: new Headers(),
    message: create(request.method.output),
  } as const;
  if (exchange.isHead) return empty;
  const answer = await next({ ...request, message } as typeof request);
  exchange.answer = answer.message as Message;
  return { ...answer, message: empty.message } as typeof answer;
};
