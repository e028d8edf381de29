import type { Caller } from '../../domain/caller.ts';
import { parseEmail } from '../../domain/email.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import type { Store, UserView } from '../../domain/ports.ts';
import { isUuid } from '../../domain/token.ts';

export type ViewUserDeps = { readonly store: Store<'users'> };

export type ViewUserCommand = { readonly email: string; readonly userId: string };

/**
 * Shows a user. A session sees its own user and nobody else: any other address or id
 * does not exist for it. A secret key sees every user of its tenant (R42); that it
 * has the scope, the gate has checked.
 */
export function createViewUser({ store }: ViewUserDeps) {
  return async function viewUser(caller: Caller, command: ViewUserCommand): Promise<UserView> {
    const view = await store.users.findById(caller.tenant.id, await targetOf(store, caller, command));
    const own = caller.session !== undefined;
    const named = command.email === '' ? undefined : parseEmail(command.email).canonical;
    if (view === undefined || (own && named !== undefined && named !== view.email?.canonical)) {
      throw new DomainError('NOT_FOUND');
    }
    return view;
  };
}

async function targetOf(
  store: Store<'users'>,
  { session, tenant }: Caller,
  { email, userId }: ViewUserCommand,
): Promise<string> {
  if (userId !== '') {
    if (!isUuid(userId)) throw new DomainError('NOT_FOUND');
    if (session !== undefined && session.userId !== userId) throw new DomainError('NOT_FOUND');
    return userId;
  }
  if (session !== undefined) return session.userId;
  if (email === '') throw invalid({ field: 'email', reason: 'FIELD_REQUIRED' });
  const held = await store.users.findIdentifier(tenant.id, {
    kind: 'email',
    canonical: parseEmail(email).canonical,
  });
  if (held === undefined) throw new DomainError('NOT_FOUND');
  return held.userId;
}
