import { type DescMethod, getOption } from '@bufbuild/protobuf';
import { Code, ConnectError, type Interceptor, type Transport } from '@connectrpc/connect';
import { type Access, access, KeyKind } from '../../gen/manam/options/v1/access_pb.js';
import { readFailure } from './failure.ts';
import { pause, untilAborted } from './pause.ts';
import { dpop, type ProofKey, proofInterceptor } from './proof-key.ts';
import type { TokenSource } from './tokens.ts';
import { type WorkSolver, workInterceptor } from './work.ts';

/** The languages that the service speaks. */
export type Language = 'en' | 'fa';

/** The options of every client of this service. */
export type ClientOptions = {
  /** The origin of the service, such as `https://id.example.com`. */
  readonly url: string;
  /** A key of the tenant: the publishable one in browsers and apps, a secret one on the tenant's servers. For AdminService an operator's. */
  readonly key?: string;
  /**
   * The key that binds sessions to this client (DPoP, RFC 9449): sign-ins prove it, and the tokens that they
   * return are of no use without it. Default: none, tokens are a bearer's.
   */
  readonly proofKey?: ProofKey;
  /** Solves the challenges that the service asks for against bots. Default: in this thread. */
  readonly solveWork?: WorkSolver;
  /** The session to call with. A call may bring another token: `{ headers: bearer(token) }`. */
  readonly tokens?: TokenSource;
  /** The language of messages, or a function that returns it for each call. Default: the tenant's. */
  readonly locale?: Language | (() => Language);
  /** The default deadline of a call, in milliseconds. Default: 10,000, the limit of the service. */
  readonly timeoutMs?: number;
};

export const defaultTimeoutMs = 10_000;

/** The address of the service without a slash at its end. Throws TypeError where it is none of http or https. */
export function serviceUrl(url: string): string {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new TypeError('url must be that of the service, such as https://id.example.com');
  return url.replace(/\/+$/, '');
}

/** The same transport, whose streams stay open: the deadline of calls is none of theirs. */
export function withOpenStreams(transport: Transport): Transport {
  return {
    unary: (...call) => transport.unary(...call),
    stream: (method, signal, timeoutMs = 0, ...rest) => transport.stream(method, signal, timeoutMs, ...rest),
  };
}

/** The authorization header of one token, for a single call. */
export function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** Whether a method may be sent again when its answer was lost; those with an idempotency key get one. */
export function isRetrySafe(method: DescMethod): boolean {
  const { retrySafe, idempotencyKey } = getOption(method, access);
  return retrySafe || idempotencyKey;
}

/** Headers and retries of every call: inside of the token interceptor, so that a renewal is retried separately. */
export function callInterceptors(
  { key, tokens, locale, proofKey, solveWork }: ClientOptions,
  isOutage = isOutOfReach,
): Interceptor[] {
  return [
    headerInterceptor(key, locale),
    workInterceptor(solveWork),
    ...(tokens === undefined ? [] : [tokenInterceptor(tokens, proofKey === undefined ? bearer : dpop)]),
    retryInterceptor(isOutage),
    ...(proofKey === undefined ? [] : [proofInterceptor(proofKey)]),
  ];
}

/** Key and language; and an idempotency key, the same for every try of one call. */
function headerInterceptor(key: string | undefined, locale: ClientOptions['locale']): Interceptor {
  const language = typeof locale === 'function' ? locale : () => locale;
  return (next) => (request) => {
    const { header } = request;
    const rule = getOption(request.method, access);
    // A member names the tenant, and calls with a session alone.
    if (isOfMember(rule, header)) header.delete('x-api-key');
    else if (key !== undefined && rule.key === KeyKind.ADMIN)
      setOnce(header, 'authorization', `Bearer ${key}`);
    else if (key !== undefined && !header.has('apieco_key')) setOnce(header, 'x-api-key', key);
    const spoken = language();
    if (spoken !== undefined) setOnce(header, 'accept-language', spoken);
    if (rule.idempotencyKey) setOnce(header, 'idempotency-key', globalThis.crypto.randomUUID());
    return next(request);
  };
}

/** Whether a call is made as a member of the tenant that its header names. */
function isOfMember({ members }: Access, header: Headers): boolean {
  return members.length > 0 && header.has('manam-tenant');
}

/** Headers of the call take precedence. */
function setOnce(header: Headers, name: string, value: string): void {
  if (!header.has(name)) header.set(name, value);
}

/** The session's token, and once another one where it is refused. */
function tokenInterceptor(tokens: TokenSource, present: typeof bearer): Interceptor {
  return (next) => async (request) => {
    const rule = getOption(request.method, access);
    const wantsSession = rule.sessions.length > 0 || isOfMember(rule, request.header);
    if (!wantsSession || request.header.has('authorization')) return await next(request);
    // Others may wait for the same renewal: it goes on where this call is over.
    const token = await untilAborted(tokens.get(), request.signal);
    if (token === undefined) return await next(request);
    request.header.set('authorization', present(token).authorization);
    // The message of a stream can be sent once.
    if (request.stream) return await next(request);
    try {
      return await next(request);
    } catch (error) {
      if (readFailure(error).reason !== 'TOKEN_INVALID') throw error;
      const renewed = await untilAborted(tokens.renew(token), request.signal);
      if (renewed === undefined || renewed === token) throw error;
      request.header.set('authorization', present(renewed).authorization);
      return await next(request);
    }
  };
}

/** Attempts of a call and the first pause between them; gRPC clients use the same. */
export const retryPolicy = {
  maxAttempts: 4,
  initialBackoffMs: 100,
  maxBackoffMs: 2000,
  multiplier: 2,
} as const;

/** A call that would have to wait for longer fails at once, and says how long. */
const longestWaitMs = defaultTimeoutMs;

/** Tries a call again that may be repeated, where `isOutage` says that the service was out of reach. */
function retryInterceptor(isOutage: (error: unknown) => boolean): Interceptor {
  const { maxAttempts, initialBackoffMs, maxBackoffMs, multiplier } = retryPolicy;
  return (next) => async (request) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await next(request);
      } catch (error) {
        // The service knows better when it is back.
        const leastMs = readFailure(error).retryAfterMs ?? 0;
        const isOver =
          attempt >= maxAttempts || request.signal.aborted || request.stream || leastMs > longestWaitMs;
        if (isOver || !isRetrySafe(request.method) || !isOutage(error)) throw error;
        const backoffMs = Math.min(initialBackoffMs * multiplier ** (attempt - 1), maxBackoffMs);
        await pause(Math.max(leastMs, backoffMs * (0.5 + Math.random())), request.signal);
        request.signal.throwIfAborted();
      }
    }
  };
}

/** Whether the service or the way to it was out of reach. */
function isOutOfReach(error: unknown): boolean {
  // The error of fetch where there is no response.
  return error instanceof TypeError || (error instanceof ConnectError && error.code === Code.Unavailable);
}
