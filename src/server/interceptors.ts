import type { DescMethod } from '@bufbuild/protobuf';
import type { Interceptor } from '@connectrpc/connect';
import { DomainError } from '../domain/errors.ts';
import { negotiateLocale } from '../domain/locale.ts';
import { requestOf } from '../rpc/context.ts';
import { type AccessRules, ruleOf } from './access-rules.ts';
import type { ErrorDoor } from './error-door.ts';

/** How long a call may take where the caller set no shorter deadline (R56). */
const serverDeadlineMs = 10_000;

/** Every error of a flow leaves by the door. It is the outermost interceptor. */
export function errorInterceptor(door: ErrorDoor): Interceptor {
  return (next) => async (request) => {
    try {
      return await next(request);
    } catch (error) {
      const locale = negotiateLocale(request.header.get('accept-language'));
      throw door(error, requestOf(request.contextValues), locale);
    }
  };
}

/** A call ends at its deadline, whatever its flow still waits for. */
export const deadlineInterceptor: Interceptor = (next) => async (request) => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DomainError('DEADLINE_EXCEEDED')), serverDeadlineMs);
    request.signal.addEventListener('abort', () => reject(new DomainError('DEADLINE_EXCEEDED')), {
      once: true,
    });
  });
  try {
    return await Promise.race([next(request), late]);
  } finally {
    clearTimeout(timer);
  }
};

/**
 * Holds back the answers that must not tell the state of an account until the floor
 * has passed, so that the work that differs does not show in time (R33).
 */
export function floorInterceptor(rules: AccessRules, floorMs: number): Interceptor {
  const isGeneric = (method: DescMethod) => ruleOf(rules, method).genericAnswer;
  return (next) => async (request) => {
    if (floorMs === 0 || !isGeneric(request.method)) return await next(request);
    const floor = new Promise((resolve) => setTimeout(resolve, floorMs));
    try {
      return await next(request);
    } finally {
      await floor;
    }
  };
}
