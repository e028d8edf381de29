import type { Caller } from '../../domain/caller.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { UserView } from '../../domain/user.ts';
import { afterUndoableChange, type UndoableChangeStores } from '../after-change.ts';
import type { RecordDeps } from '../events/record.ts';
import { signInCounters } from '../password-check.ts';
import type { UndoLinkDeps } from './undo-link.ts';

/**
 * Replaces a password in the caller's transaction: the new hash, the counters
 * of wrong passwords, and what follows any change of credentials (R19, R46).
 */
export async function replacePassword(
  deps: RecordDeps & UndoLinkDeps,
  repositories: Pick<Repositories, 'users' | 'authenticators' | 'attempts' | UndoableChangeStores>,
  caller: Caller,
  view: UserView,
  passwordHash: string,
  type: 'credential.changed' | 'recovery.completed',
): Promise<void> {
  const { tenantId, id: userId } = view.user;
  const former = {
    kind: 'password',
    passwordHash: await repositories.users.findPasswordHash(tenantId, userId),
    isPasskeyOnly: (await repositories.authenticators.findEnrolled(tenantId, userId)).isPasskeyOnly,
  } as const;
  await repositories.users.updatePasswordHash(tenantId, userId, passwordHash);
  const own = { kind: 'reauthentication', subject: userId } as const;
  await repositories.attempts.reset(tenantId, own, ...signInCounters(userId, caller));
  await afterUndoableChange(deps, repositories, caller, view, {
    notice: 'password-changed',
    event: { type },
    former,
    toAll: type === 'recovery.completed',
  });
}
