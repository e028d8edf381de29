import type { Caller } from '../../domain/caller.ts';
import { parseEmail } from '../../domain/email.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import type { Store } from '../../domain/repositories.ts';
import { isUuid } from '../../domain/token.ts';

/** How a request names a user. */
export type UserReference = { readonly email: string; readonly userId: string };

/**
 * The id of the user that a call is about: a session's own, whatever else it names; for
 * a secret key the one it names. What is not the caller's to see does not exist (R42).
 */
export async function targetOf(
  store: Store<'users'>,
  { session, tenant }: Caller,
  { email, userId }: UserReference,
): Promise<string> {
  if (userId !== '') {
    if (!isUuid(userId)) throw new DomainError('NOT_FOUND');
    if (session !== undefined && session.userId !== userId) throw new DomainError('NOT_FOUND');
    return userId;
  }
  if (session !== undefined) return session.userId;
  if (email === '') throw invalid({ field: 'email', reason: 'FIELD_REQUIRED' });
  const { canonical } = parseEmail(email);
  const held = await store.users.findIdentifier(tenant.id, { kind: 'email', canonical });
  if (held === undefined) throw new DomainError('NOT_FOUND');
  return held.userId;
}
