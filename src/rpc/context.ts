import { type ContextValues, createContextKey, createContextValues } from '@connectrpc/connect';
import type { Caller, Operator } from '../domain/caller.ts';
import { DomainError } from '../domain/errors.ts';
import type { Client } from '../domain/network.ts';

/** How a call came in. */
export type Protocol = 'grpc' | 'grpc-web' | 'connect' | 'rest';

/** The method and the path of a request, without its query. */
export type RequestTarget = { readonly method: string; readonly path: string };

/** When the gate admitted a call, and how to look again whether it would: who calls may have lost the right to since. */
export type Admission = { readonly atMs: number; again(): Promise<void> };

/** The data of a call that is known before its body is read, and the content of its log line. */
export type RequestInfo = {
  readonly requestId: string;
  readonly client: Client;
  /** The request line, before any transcoding; undefined: the call came in without one. */
  readonly target: RequestTarget | undefined;
  /** The tenant, once the gate knows it. */
  tenantId: string | undefined;
  /** The reason of the failure, where it failed. */
  reason: string | undefined;
  /** The RPC, once it is known: paths can hold secrets and are not logged. */
  procedure: string | undefined;
  /** Set by the gate, where the right of a caller can end. */
  admission: Admission | undefined;
  /** The trace that it belongs to, where traces are recorded. */
  traceId: string | undefined;
  /** Set by the route that takes it. */
  protocol: Protocol | undefined;
  /** Ends its connection, or its stream of HTTP/2, whatever still waits to be written; undefined: it has none. */
  cut: (() => void) | undefined;
  /** Whether a flow has answered it. What Connect itself refuses has neither this nor a reason. */
  isDone: boolean;
};

const requestKey = createContextKey<RequestInfo | undefined>(undefined, { description: 'request' });
const operatorKey = createContextKey<Operator | undefined>(undefined, { description: 'operator' });
const callerKey = createContextKey<Caller | undefined>(undefined, { description: 'caller' });

export function createRequestInfo(requestId: string, client: Client, target?: RequestTarget): RequestInfo {
  return {
    requestId,
    client,
    target,
    tenantId: undefined,
    reason: undefined,
    procedure: undefined,
    admission: undefined,
    traceId: undefined,
    protocol: undefined,
    cut: undefined,
    isDone: false,
  };
}

export function contextValuesOf(info: RequestInfo): ContextValues {
  return createContextValues().set(requestKey, info);
}

/** The request of a call; a call that came without one, as in-memory ones do, gets an empty one. */
export function requestOf(values: ContextValues): RequestInfo {
  const known = values.get(requestKey);
  if (known !== undefined) return known;
  const made = createRequestInfo('', { address: '', userAgent: '' });
  values.set(requestKey, made);
  return made;
}

export function setCaller(values: ContextValues, caller: Caller): void {
  values.set(callerKey, caller);
}

export function setOperator(values: ContextValues, operator: Operator): void {
  values.set(operatorKey, operator);
}

/** The caller of the admin service. */
export function operatorOf({ values }: { readonly values: ContextValues }): Operator {
  const operator = values.get(operatorKey);
  if (operator === undefined) throw new DomainError('INTERNAL', { cause: new Error('the gate did not run') });
  return operator;
}

/** The caller, as the gate has established it. */
export function callerOf({ values }: { readonly values: ContextValues }): Caller {
  const caller = values.get(callerKey);
  if (caller === undefined) throw new DomainError('INTERNAL', { cause: new Error('the gate did not run') });
  return caller;
}
