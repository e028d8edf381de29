import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
  status,
} from '@grpc/grpc-js';
import { type Guard, GuardError } from './guard.ts';

/**
 * An interceptor of servers over @grpc/grpc-js: `new Server({ interceptors: [grpcGuard(guard)] })`; handlers read
 * `guard.claimsOf(call.metadata)`. Refuses with UNAUTHENTICATED, PERMISSION_DENIED or UNAVAILABLE.
 */
export function grpcGuard<Claims>(guard: Guard<Claims>): ServerInterceptor {
  return ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        const onMetadata = (metadata: Metadata, pass: (metadata: Metadata) => void) => {
          guard.check({ headers: headersOf(metadata), method: 'POST', url: path }).then(
            (claims) => {
              guard.note(metadata, claims);
              pass(metadata);
            },
            (error: unknown) => {
              const code = error instanceof GuardError ? codes[error.status] : status.INTERNAL;
              const details = error instanceof GuardError ? error.message : 'the guard failed';
              call.sendStatus({ code, details });
            },
          );
        };
        next(new ServerListenerBuilder().withOnReceiveMetadata(onMetadata).build());
      },
    });
}

const codes = {
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  503: status.UNAVAILABLE,
} as const;

/** The headers that a guard checks. A repeated header counts as missing. */
function headersOf(metadata: Metadata): Record<string, string> {
  const read = (name: string) => {
    const values = metadata.get(name);
    return values.length === 1 ? String(values[0]) : '';
  };
  return { authorization: read('authorization'), dpop: read('dpop') };
}
