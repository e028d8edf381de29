import type { Caller } from '../domain/caller.ts';
import { DomainError } from '../domain/errors.ts';
import type { AuditAction, AuditEvent } from '../domain/model.ts';
import type { Clock, Random } from '../domain/ports.ts';

export type AuditDeps = { readonly clock: Clock; readonly random: Random };

type Subject = {
  readonly userId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly reason?: string;
};

/** The audit line of a decision about this caller. */
export function auditEvent(
  { clock, random }: AuditDeps,
  caller: Caller,
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
    userId: userId ?? caller.session?.userId,
    sessionId: sessionId ?? caller.session?.id,
    keyId: caller.key?.id,
    address: caller.client.address,
    requestId: caller.requestId,
    createdAt: clock(),
  };
}

/** The reason of a failure, for its audit line. */
export function reasonOf(error: unknown): string {
  return error instanceof DomainError ? error.reason : 'INTERNAL';
}
