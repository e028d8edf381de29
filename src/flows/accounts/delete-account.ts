import type { Caller } from '../../domain/caller.ts';
import { digestOfUser, type ReceiptSigner } from '../../domain/erasure.ts';
import type { Store } from '../../domain/repositories.ts';
import { assertMayChange } from '../after-change.ts';
import { record } from '../events/record.ts';
import type { TellDeps, TellStores } from '../provider/tell-ended.ts';
import { ownSession } from '../sessions/own-session.ts';
import { eraseUser } from './erase-user.ts';

export type DeleteAccountDeps = TellDeps & {
  readonly store: Store<
    'users' | 'sessions' | 'authenticators' | 'attempts' | 'events' | 'members' | 'tenants' | TellStores
  >;
  readonly signReceipt: ReceiptSigner;
};

/** Erases the caller's user, with a last notice to an address of theirs. Returns the receipt. */
export function createDeleteAccount({ store, ...deps }: DeleteAccountDeps) {
  return async function deleteAccount(caller: Caller): Promise<string> {
    const session = ownSession(caller);
    const { holder } = session;
    return await store.transaction(async (repositories) => {
      await assertMayChange(repositories, deps.clock, { ...caller, session }, holder.user);
      const receipt = await eraseUser(repositories, deps, caller, holder);
      // The event names neither the user nor the address of the call.
      const anonymous = { ...caller, session: undefined, client: { ...caller.client, address: '' } };
      await record(repositories, deps, anonymous, {
        type: 'user.deleted',
        details: { user: digestOfUser(holder.user.id) },
      });
      return receipt;
    });
  };
}
