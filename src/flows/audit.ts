import type { Caller } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import { DomainError } from '../domain/errors.ts';
import type { AuditAction, AuditEvent } from '../domain/events.ts';
import type { Random } from '../domain/random.ts';
import type { Repositories } from '../domain/repositories.ts';

export type AuditDeps = { readonly clock: Clock; readonly random: Random };

type Subject = {
  readonly userId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly reason?: string;
};

/** Who an audit line is about: a caller of the public services, or an operator at work on a tenant. */
export type Actor = Pick<Caller, 'requestId' | 'client'> & {
  readonly tenant: Pick<Caller['tenant'], 'id'>;
  readonly key: { readonly id: string } | undefined;
  readonly session?: Caller['session'];
  readonly pending?: Caller['pending'];
};

/** The audit line of a decision about this caller. */
export function auditEvent(
  { clock, random }: AuditDeps,
  caller: Actor,
  action: AuditAction,
  outcome: AuditEvent['outcome'],
  { userId, sessionId, reason = '' }: Subject = {},
): AuditEvent {
  return {
    id: random.uuid(),
    tenantId: caller.tenant.id,
    action,
    outcome,
    reason,
    userId: userId ?? caller.session?.userId ?? caller.pending?.userId,
    sessionId: sessionId ?? caller.session?.id,
    keyId: caller.key?.id,
    address: caller.client.address,
    requestId: caller.requestId,
    createdAt: clock(),
  };
}

/** The reason of a failure, for its audit line. */
function reasonOf(error: unknown): string {
  return error instanceof DomainError ? error.reason : 'INTERNAL';
}

/** Runs a step whose failure is a decision worth a line; the line is written beside whatever was rolled back. */
export async function auditFailure<T>(
  deps: AuditDeps & { readonly store: Pick<Repositories, 'audit'> },
  caller: Caller,
  action: AuditAction,
  step: () => Promise<T>,
): Promise<T> {
  try {
    return await step();
  } catch (error) {
    await deps.store.audit.add(auditEvent(deps, caller, action, 'failure', { reason: reasonOf(error) }));
    throw error;
  }
}
