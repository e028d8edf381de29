import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { RateClass } from '../../gen/manam/options/v1/access_pb.js';
import { audienceOf } from '../domain/caller.ts';
import { DomainError } from '../domain/errors.ts';
import { negotiateLocale } from '../domain/locale.ts';
import { networkOf } from '../domain/network.ts';
import { budgetOf } from '../flows/limits.ts';
import type { Refunds } from '../flows/refunds.ts';
import { callerOf, requestOf } from '../rpc/context.ts';
import { type AccessRules, ruleOf } from './access-rules.ts';
import { type ApplicationAttemptDeps, createApplicationAttempts } from './application-attempts.ts';
import { serverDeadlineMs } from './deadline.ts';
import type { ErrorMapper } from './error-mapper.ts';
import { codeOf } from './error-reasons.ts';
import { toDomainError } from './framework-errors.ts';

/** Maps every error of a flow to the wire, those of streams included. It is the outermost interceptor. */
export function errorInterceptor(mapError: ErrorMapper): Interceptor {
  return (next) => async (request) => {
    const fail = (error: unknown): never => {
      const locale = negotiateLocale(request.header.get('accept-language'));
      throw mapError(error, requestOf(request.contextValues), locale);
    };
    // The message of a stream is read inside of it: what Connect makes of it comes here, and not to the caller.
    const failStream = (error: unknown) => fail(error instanceof ConnectError ? toDomainError(error) : error);
    return watchStream(await next(request).catch(request.stream ? failStream : fail), failStream);
  };
}

/** The same answer; where it is a stream, `onError` gets what its messages throw. */
function watchStream(answer: Answer, onError: (error: unknown) => never): Answer {
  if (!answer.stream) return answer;
  const { message } = answer;
  async function* watched() {
    try {
      yield* message;
    } catch (error) {
      onError(error);
    }
  }
  return { ...answer, message: watched() };
}

type Answer = Awaited<ReturnType<ReturnType<Interceptor>>>;

/** Notes that a call was answered: what Connect refuses by itself never comes here. */
export const successInterceptor: Interceptor = (next) => async (request) => {
  const answer = await next(request);
  requestOf(request.contextValues).isDone = true;
  return answer;
};

/** The same for services without the error mapper: the outcome of a call, and of a stream's messages. */
export const outcomeInterceptor: Interceptor = (next) => async (request) => {
  const info = requestOf(request.contextValues);
  const fail = (error: unknown): never => {
    info.reason = snakeCase(Code[error instanceof ConnectError ? error.code : Code.Internal] ?? '');
    throw error;
  };
  return watchStream(await next(request).catch(fail), fail);
};

/** `ResourceExhausted` as RESOURCE_EXHAUSTED. */
function snakeCase(name: string): string {
  return name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
}

/** A call ends at its deadline, whatever its flow still waits for. */
export const deadlineInterceptor: Interceptor = (next) => async (request) => {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const end = () => reject(new DomainError('DEADLINE_EXCEEDED'));
  // Nothing begins for a caller who left while the body was read.
  if (request.signal.aborted) throw new DomainError('DEADLINE_EXCEEDED');
  const timer = setTimeout(end, serverDeadlineMs);
  request.signal.addEventListener('abort', end, { once: true });
  try {
    return await Promise.race([next(request), late]);
  } finally {
    clearTimeout(timer);
    request.signal.removeEventListener('abort', end);
  }
};

/** Bodies that arrive later than this after their headers trigger a second check. */
const promptMs = 100;

/**
 * Repeats the gate's look-ups after a late body. The gate runs before the body is read, so a caller could delay the body until their
 * session, key or membership has ended, and still be served.
 */
export const lateBodyInterceptor: Interceptor = (next) => async (request) => {
  const { admission } = requestOf(request.contextValues);
  if (admission !== undefined && performance.now() - admission.atMs > promptMs) await admission.again();
  return await next(request);
};

/**
 * Delays responses that must not disclose the state of an account until the floor
 * has passed, so that the work that differs does not show in time (R33): every answer that
 * is the same for all accounts, and the failures of what names an account.
 */
export function floorInterceptor(rules: AccessRules, floorMs: number): Interceptor {
  return (next) => async (request) => {
    const { genericAnswer, namesAccount } = ruleOf(rules, request.method);
    if (floorMs === 0 || (!genericAnswer && !namesAccount)) return await next(request);
    const floor = new Promise((resolve) => setTimeout(resolve, floorMs));
    try {
      const answer = await next(request);
      if (genericAnswer) await floor;
      return answer;
    } catch (error) {
      if (genericAnswer || (error instanceof DomainError && isWrongSecret(error))) await floor;
      throw error;
    }
  };
}

export type AttemptDeps = ApplicationAttemptDeps & {
  readonly rules: AccessRules;
  readonly refunds: Refunds;
};

/**
 * The gate counts every attempt before it is made; a success gives it back, so
 * that what counts against a network is failures (R9). Failures also count against the
 * tenant; over its limit this instance rejects attempts until the window ends.
 */
export function attemptInterceptor({ rules, refunds, ...deps }: AttemptDeps): Interceptor {
  const { limiter, limits, clock } = deps;
  const closedUntil = new Map<string, number>();
  const attemptOfApplication = createApplicationAttempts(deps);
  return (next) => async (request) => {
    if (ruleOf(rules, request.method).rate !== RateClass.GUESS) return await next(request);
    const caller = callerOf({ values: request.contextValues });
    const { tenant, client, countedAt } = caller;
    const audience = audienceOf(caller);
    if (audience === 'application') return await attemptOfApplication(caller, () => next(request));
    const perNetwork = budgetOf(limits.attemptsPerNetwork, audience);
    const refund = () =>
      countedAt && refunds.add(tenant.id, perNetwork, networkOf(client.address), countedAt);
    const now = clock().getTime();
    // Failures of strangers do not lock users who have passed the first factor.
    const lane = `${tenant.id} ${audience}`;
    const closed = closedUntil.get(lane) ?? 0;
    if (closed > now) {
      refund();
      throw new DomainError('RATE_LIMITED', { retryAfterMs: closed - now });
    }
    closedUntil.delete(lane);
    try {
      const answer = await next(request);
      refund();
      return answer;
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      if (!isWrongSecret(error)) {
        // A malformed call costs its sender as much as a wrong secret.
        if (codeOf(error.reason) !== Code.InvalidArgument) refund();
        throw error;
      }
      const perTenant = budgetOf(limits.attemptsPerTenant, audience);
      await limiter.charge(tenant.id, perTenant, '').catch((refusal: unknown) => {
        if (!(refusal instanceof DomainError) || refusal.reason !== 'RATE_LIMITED') throw refusal;
        closedUntil.set(lane, now + (refusal.details.retryAfterMs ?? 0));
      });
      throw error;
    }
  };
}

/** Whether a call failed because a secret was wrong, and not because the request was. */
function isWrongSecret({ reason }: DomainError): boolean {
  return codeOf(reason) === Code.Unauthenticated;
}
