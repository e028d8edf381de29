import type { Caller } from '../../domain/caller.ts';
import { parseEmail } from '../../domain/email.ts';
import { DomainError } from '../../domain/errors.ts';
import type { UserView } from '../../domain/model.ts';
import type { Store } from '../../domain/repositories.ts';
import { targetOf, type UserReference } from './target.ts';

export type ViewUserDeps = { readonly store: Store<'users'> };

/** Shows a user: a session its own and nobody else, a secret key every user of its tenant (R42). */
export function createViewUser({ store }: ViewUserDeps) {
  return async function viewUser(caller: Caller, command: UserReference): Promise<UserView> {
    const view = await store.users.findById(caller.tenant.id, await targetOf(store, caller, command));
    const own = caller.session !== undefined;
    const named = command.email === '' ? undefined : parseEmail(command.email).canonical;
    if (view === undefined || (own && named !== undefined && named !== view.email?.canonical)) {
      throw new DomainError('NOT_FOUND');
    }
    return view;
  };
}
