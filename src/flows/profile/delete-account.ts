import type { Caller } from '../../domain/caller.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Clock, Random } from '../../domain/ports.ts';
import type { Store } from '../../domain/repositories.ts';
import { auditEvent } from '../audit.ts';
import { ownSession } from '../session/own-session.ts';
import { eraseUser } from './erase-user.ts';

export type DeleteAccountDeps = {
  readonly store: Store<'users' | 'guesses' | 'outbox' | 'audit'>;
  readonly clock: Clock;
  readonly random: Random;
};

/** Deletes the caller's user with every row of his; a last notice goes to his address. */
export function createDeleteAccount({ store, clock, random }: DeleteAccountDeps) {
  const deps = { clock, random };
  return async function deleteAccount(caller: Caller): Promise<void> {
    const view = await store.users.findById(caller.tenant.id, ownSession(caller).userId);
    if (view === undefined) throw new DomainError('TOKEN_INVALID');
    await store.transaction(async (repositories) => {
      await eraseUser(repositories, deps, caller, view);
      await repositories.audit.add(auditEvent(deps, caller, 'delete-account', 'success'));
    });
  };
}
