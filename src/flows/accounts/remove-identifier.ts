import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { IdentifierKind } from '../../domain/identifier.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import { afterUndoableChange, type UndoableChangeStores } from '../after-change.ts';
import type { UndoLinkDeps } from '../recovery/undo-link.ts';
import { ownSession } from '../sessions/own-session.ts';

export type RemoveIdentifierDeps = {
  readonly store: Store<UndoableChangeStores>;
  readonly undoPage: UndoLinkDeps['undoPage'];
  readonly clock: Clock;
  readonly random: Random;
};

/**
 * Removes an identifier of the caller's user; all identifiers get a notice, the removed one
 * included. Throws NOT_FOUND where there is none of that kind, and LAST_IDENTIFIER for the
 * only confirmed one.
 */
export function createRemoveIdentifier(deps: RemoveIdentifierDeps) {
  const { store } = deps;
  return async function removeIdentifier(
    caller: Caller,
    command: { readonly kind: IdentifierKind },
  ): Promise<void> {
    const { userId } = ownSession(caller);
    const { id: tenantId } = caller.tenant;
    await store.transaction(async (repositories) => {
      const { users } = repositories;
      // Two calls that remove one identifier each must not remove both.
      await users.lock(tenantId, userId);
      const view = await users.findById(tenantId, userId);
      if (view === undefined) throw new DomainError('TOKEN_INVALID');
      const [removed, kept] =
        command.kind === 'email' ? [view.email, view.mobile] : [view.mobile, view.email];
      if (removed === undefined) throw new DomainError('NOT_FOUND');
      if (kept?.confirmedAt === undefined) throw new DomainError('LAST_IDENTIFIER');
      await users.removeIdentifiers(tenantId, userId, [command.kind]);
      const event = { type: 'identifier.removed', details: { kind: command.kind } } as const;
      const former = { kind: command.kind, identifier: removed };
      await afterUndoableChange(deps, repositories, caller, view, {
        notice: 'identifier-changed',
        event,
        former,
      });
    });
  };
}
