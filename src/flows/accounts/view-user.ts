import type { Caller } from '../../domain/caller.ts';
import { parseEmail } from '../../domain/email.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Store } from '../../domain/repositories.ts';
import type { UserView } from '../../domain/user.ts';
import { targetOf, type UserReference } from './target.ts';

export type ViewUserDeps = { readonly store: Store<'users'> };

/** Reads a user of the caller's tenant as they stand now. */
export function createReadUser({ store }: ViewUserDeps) {
  return async function readUser({ tenant }: Caller, userId: string): Promise<UserView> {
    const view = await store.users.findById(tenant.id, userId);
    if (view === undefined) throw new DomainError('NOT_FOUND');
    return view;
  };
}

/** Shows a user: a session its own and no one else, a secret key every user of its tenant (R42). */
export function createViewUser({ store }: ViewUserDeps) {
  const readUser = createReadUser({ store });
  return async function viewUser(caller: Caller, command: UserReference): Promise<UserView> {
    const userId = await targetOf(store, caller, command);
    const own = caller.session?.holder;
    if (own === undefined) return await readUser(caller, userId);
    const named = command.email === '' ? undefined : parseEmail(command.email).canonical;
    if (named !== undefined && named !== own.email?.canonical) throw new DomainError('NOT_FOUND');
    return own;
  };
}
