import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { type Guard, GuardError } from './guard.ts';

/**
 * An interceptor of Connect servers: `connectNodeAdapter({ routes, interceptors: [connectGuard(guard)] })`; handlers read
 * `guard.claimsOf(context.values)`. Refuses with unauthenticated, permission_denied or unavailable.
 */
export function connectGuard<Claims>(guard: Guard<Claims>): Interceptor {
  return (next) => async (request) => {
    const { header: headers, requestMethod: method, url } = request;
    try {
      guard.note(request.contextValues, await guard.check({ headers, method, url }));
    } catch (error) {
      if (!(error instanceof GuardError)) throw error;
      throw new ConnectError(error.message, codes[error.status], error.headers);
    }
    return await next(request);
  };
}

const codes = { 401: Code.Unauthenticated, 403: Code.PermissionDenied, 503: Code.Unavailable } as const;
