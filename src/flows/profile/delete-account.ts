import type { Caller } from '../../domain/caller.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Clock, Random } from '../../domain/ports.ts';
import type { Store } from '../../domain/repositories.ts';
import { auditEvent } from '../audit.ts';
import { composeNotice } from '../messages.ts';
import { ownSession } from '../session/own-session.ts';

export type DeleteAccountDeps = {
  readonly store: Store<'users' | 'guesses' | 'outbox' | 'audit'>;
  readonly clock: Clock;
  readonly random: Random;
};

/** Deletes the caller's user with every row of his; a last notice goes to his address. */
export function createDeleteAccount({ store, clock, random }: DeleteAccountDeps) {
  const deps = { clock, random };
  return async function deleteAccount(caller: Caller): Promise<void> {
    const { userId } = ownSession(caller);
    const tenantId = caller.tenant.id;
    const view = await store.users.findById(tenantId, userId);
    if (view === undefined) throw new DomainError('TOKEN_INVALID');
    const { email, mobile, user } = view;
    const told = email ?? mobile;
    await store.transaction(async ({ users, guesses, outbox, audit }) => {
      await users.delete(tenantId, userId);
      await guesses.forget(tenantId, userId);
      if (told !== undefined) {
        const to = {
          kind: told.kind,
          address: told.address,
          userLocale: user.locale,
          senderEmail: user.senderEmail,
        };
        await outbox.add(composeNotice(deps, caller, to, 'account-deleted'));
      }
      await audit.add(auditEvent(deps, caller, 'delete-account', 'success'));
    });
  };
}
