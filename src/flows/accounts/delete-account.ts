import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import type { ReceiptSigner } from '../../domain/erasure.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import { auditEvent } from '../audit.ts';
import { ownSession } from '../sessions/own-session.ts';
import { eraseUser } from './erase-user.ts';

export type DeleteAccountDeps = {
  readonly store: Store<'users' | 'factors' | 'guesses' | 'outbox' | 'audit'>;
  readonly signReceipt: ReceiptSigner;
  readonly clock: Clock;
  readonly random: Random;
};

/** Erases the caller's user; answers the receipt. A last notice goes to his address. */
export function createDeleteAccount({ store, ...deps }: DeleteAccountDeps) {
  return async function deleteAccount(caller: Caller): Promise<string> {
    const { holder } = ownSession(caller);
    return await store.transaction(async (repositories) => {
      const receipt = await eraseUser(repositories, deps, caller, holder);
      // Whose account it was, and where from, the line does not say.
      const nobody = { ...caller, session: undefined, client: { ...caller.client, address: '' } };
      await repositories.audit.add(auditEvent(deps, nobody, 'delete-account', 'success'));
      return receipt;
    });
  };
}
