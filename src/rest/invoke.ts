import { create, type DescMethodUnary, type DescService, type Message } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  type ContextValues,
  createHandlerContext,
  createServiceImplSpec,
  type Interceptor,
  type MethodImplSpec,
  type ServiceImpl,
} from '@connectrpc/connect';

/** A call over REST, whose message is still to be read. */
export type Call = {
  readonly header: Headers;
  readonly signal: AbortSignal;
  readonly values: ContextValues;
  /** Reads and binds the request. */
  readonly bind: () => Promise<Message>;
  /** A HEAD passes gate and binding and runs nothing, so that it never changes anything. */
  readonly isHead: boolean;
};

/** The result of a call: its headers, and a message, an error, or neither after a HEAD. */
export type Outcome = { readonly header: Headers; readonly message?: Message; readonly error?: ConnectError };

export type UnaryImpl = Extract<MethodImplSpec, { readonly kind: 'unary' }> & {
  readonly method: DescMethodUnary;
};

export type Invoke = (implementation: UnaryImpl, call: Call) => Promise<Outcome>;

/** Collects the unary implementations that services are registered with. */
export function implementationsOf(routes: (router: ConnectRouter) => void): UnaryImpl[] {
  const found: UnaryImpl[] = [];
  const router = {
    handlers: [],
    service(service: DescService, implementation: Partial<ServiceImpl<DescService>>) {
      const { methods } = createServiceImplSpec(service, implementation);
      found.push(...Object.values(methods).filter((each): each is UnaryImpl => each.kind === 'unary'));
      return router;
    },
  };
  routes(router as unknown as ConnectRouter);
  return found;
}

/** The reason of the abort at the end of a call. Without one Node makes an error with a stack for every call. */
export const over = new ConnectError('the call is over', Code.Canceled);

/** The error of a failed call; its text is generic unless the implementation threw a ConnectError. */
export function toConnectError(cause: unknown): ConnectError {
  if (cause instanceof ConnectError) return cause;
  return new ConnectError('internal error', Code.Internal, undefined, undefined, cause);
}

/**
 * Calls implementations as Connect's handlers do, behind the gate and the interceptors of a router, but for a message that is
 * bound and an answer that is taken as they are: nothing is encoded that no one reads. The body is read behind the gate and the
 * interceptors: a rejected caller's is never read. `inner` are the interceptors that see the bound request.
 */
export function createInvoke(
  { requestGate, interceptors = [] }: Pick<ConnectRouterOptions, 'requestGate' | 'interceptors'>,
  inner: readonly Interceptor[],
): Invoke {
  return async function invoke({ method, impl }, { header, signal, values, bind, isHead }) {
    const service = method.parent;
    const origin = {
      service,
      requestMethod: 'POST',
      url: `http://localhost/${service.typeName}/${method.name}`,
    };
    const context = createHandlerContext({
      ...origin,
      method,
      protocolName: 'rest',
      requestHeader: header,
      requestSignal: signal,
      contextValues: values,
    });
    const common = {
      stream: false,
      service,
      method,
      header: context.responseHeader,
      trailer: context.responseTrailer,
    } as const;
    const run: Next = async ({ message }) => ({
      ...common,
      message: create(method.output, (await impl(message as Message, context)) as Message),
    });
    const bound: Interceptor = (next) => async (request) => {
      const message = await bind();
      // The deadline passed while the body was read: the response is sent already.
      if (context.signal.aborted) throw context.signal.reason;
      if (isHead) return { ...common, message: create(method.output) };
      return await next({ ...request, message } as typeof request);
    };
    const chain = [...interceptors, bound, ...inner].reduceRight((next, each) => each(next), run);
    try {
      await requestGate?.(context);
      const { message } = await chain({
        ...origin,
        stream: false,
        method,
        message: create(method.input),
        header: context.requestHeader,
        signal: context.signal,
        contextValues: context.values,
      });
      return { header: context.responseHeader, ...(!isHead && { message: message as Message }) };
    } catch (cause) {
      const error = toConnectError(cause);
      context.abort(error);
      return { header: context.responseHeader, error };
    } finally {
      context.abort(over);
    }
  };
}

type Next = ReturnType<Interceptor>;
