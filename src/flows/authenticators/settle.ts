import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { AuditAction } from '../../domain/events.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { UserView } from '../../domain/user.ts';
import { auditEvent } from '../audit.ts';
import { tellUser } from '../messages.ts';
import { type Proof, secondFactorPolicy } from './codes.ts';

type Deps = { readonly clock: Clock; readonly random: Random };

/** What follows a proof, in its transaction: the counters are forgotten, a recovery code is consumed and told of. */
export async function settleProof(
  deps: Deps,
  repositories: Pick<Repositories, 'factors' | 'guesses' | 'outbox'>,
  caller: Caller,
  view: UserView,
  proof: Proof,
): Promise<void> {
  const { tenantId, id: userId } = view.user;
  if (!('method' in proof)) {
    const { factors } = repositories;
    const isUsed =
      'foreignCode' in proof
        ? await factors.useForeignCode(tenantId, userId, proof.foreignCode)
        : await factors.useRecoveryCode(tenantId, userId, proof.recoveryDigest);
    if (!isUsed) throw new DomainError('CODE_INVALID');
    await tellUser(deps, repositories, caller, view, 'recovery-code-used');
  }
  await repositories.guesses.reset(tenantId, { kind: secondFactorPolicy.kind, subject: userId });
}

/** What follows every change of the factors: other sessions and all that is outstanding die, the user is told (R19). */
export async function settleChange(
  deps: Deps,
  repositories: Pick<Repositories, 'sessions' | 'challenges' | 'outbox' | 'audit'>,
  caller: Caller,
  view: UserView,
  action: AuditAction,
): Promise<void> {
  const { tenantId, id: userId } = view.user;
  const now = deps.clock();
  // First what could still become a session: a second step that is under way holds its row.
  await repositories.challenges.killAll(tenantId, userId);
  await repositories.sessions.revokeOthers(tenantId, userId, caller.session?.id, now);
  await tellUser(deps, repositories, caller, view, 'two-factor-changed');
  await repositories.audit.add(auditEvent(deps, caller, action, 'success', { userId }));
}
