import { type DescMethod, getOption } from '@bufbuild/protobuf';
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { access } from '../../gen/manam/options/v1/access_pb.js';
import { readFailure } from './failure.ts';
import type { TokenSource } from './tokens.ts';

/** What every client of ours is told. */
export type ClientOptions = {
  /** The origin of the service, such as `https://id.example.com`. */
  readonly url: string;
  /** A key of the tenant: the publishable one in browsers and apps, a secret one on the tenant's servers. */
  readonly key?: string;
  /** The session to call with. A call may bring another token: `{ headers: bearer(token) }`. */
  readonly tokens?: TokenSource;
  /** The language of messages. Default: the tenant's. */
  readonly locale?: 'en' | 'fa';
  /** The deadline of a call that has none of its own, in milliseconds. Default 10,000, as long as the service works on one. */
  readonly timeoutMs?: number;
};

export const defaultTimeoutMs = 10_000;

/** The header of one token, for a call of its own. */
export function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** Whether a method may be sent again when its answer was lost; those with an idempotency key get one. */
export function isRetrySafe(method: DescMethod): boolean {
  const { retrySafe, idempotencyKey } = getOption(method, access);
  return retrySafe || idempotencyKey;
}

/** What every call carries. */
export function callInterceptors({ key, tokens, locale }: ClientOptions): Interceptor[] {
  return [headerInterceptor(key, locale), ...(tokens === undefined ? [] : [tokenInterceptor(tokens)])];
}

/** Key and language; and an idempotency key, the same for every try of one call. */
function headerInterceptor(key: string | undefined, locale: string | undefined): Interceptor {
  return (next) => (request) => {
    const { header } = request;
    if (key !== undefined && !header.has('apieco_key')) header.set('apieco_key', key);
    if (locale !== undefined && !header.has('accept-language')) header.set('accept-language', locale);
    if (getOption(request.method, access).idempotencyKey && !header.has('idempotency-key'))
      header.set('idempotency-key', globalThis.crypto.randomUUID());
    return next(request);
  };
}

/** The session's token, and once another one where it is refused. */
function tokenInterceptor(tokens: TokenSource): Interceptor {
  return (next) => async (request) => {
    const wantsSession = getOption(request.method, access).sessions.length > 0;
    if (!wantsSession || request.stream || request.header.has('authorization')) return await next(request);
    const token = await tokens.get();
    if (token === undefined) return await next(request);
    request.header.set('authorization', `Bearer ${token}`);
    try {
      return await next(request);
    } catch (error) {
      if (readFailure(error).reason !== 'TOKEN_INVALID') throw error;
      const renewed = await tokens.renew(token);
      if (renewed === undefined || renewed === token) throw error;
      request.header.set('authorization', `Bearer ${renewed}`);
      return await next(request);
    }
  };
}

/** How often a call is tried, and how long is waited in between at first; gRPC clients have the same. */
export const retryPolicy = {
  maxAttempts: 4,
  initialBackoffMs: 100,
  maxBackoffMs: 2000,
  multiplier: 2,
} as const;

/** Tries a call again that may be repeated, where `isOutage` says that the service was out of reach. */
export function retryInterceptor(isOutage: (error: unknown) => boolean = isOutOfReach): Interceptor {
  const { maxAttempts, initialBackoffMs, maxBackoffMs, multiplier } = retryPolicy;
  return (next) => async (request) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await next(request);
      } catch (error) {
        const isOver = attempt >= maxAttempts || request.signal.aborted || request.stream;
        if (isOver || !isRetrySafe(request.method) || !isOutage(error)) throw error;
        const backoffMs = Math.min(initialBackoffMs * multiplier ** (attempt - 1), maxBackoffMs);
        await pause(backoffMs * (0.5 + Math.random()), request.signal);
      }
    }
  };
}

/** Whether the service or the way to it was out of reach. */
function isOutOfReach(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return false;
  // What fetch throws where nobody answers comes without a code.
  return error.code === Code.Unavailable || (error.code === Code.Unknown && error.cause instanceof TypeError);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, ms);
    function end() {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    }
    signal.addEventListener('abort', end);
  });
}
