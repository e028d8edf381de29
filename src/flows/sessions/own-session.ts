import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { CallerSession } from '../../domain/session.ts';

/** The session of a caller that the gate admitted for it. */
export function ownSession(caller: Caller): CallerSession {
  if (caller.session === undefined) throw new DomainError('TOKEN_MISSING');
  return caller.session;
}

/**
 * Keeps the session of a caller from ending until the transaction does, so that what is made in it cannot outlive an end of
 * all sessions that came in between. Throws TOKEN_INVALID where it has ended since the gate admitted it.
 */
export async function holdSession(
  { users, sessions }: Pick<Repositories, 'users' | 'sessions'>,
  { tenant }: { readonly tenant: Pick<Caller['tenant'], 'id'> },
  { id, userId }: CallerSession,
  clock: Clock,
): Promise<void> {
  // Changes of an account lock the user first as well.
  await users.lock(tenant.id, userId);
  if (!(await sessions.hold(tenant.id, id, clock()))) throw new DomainError('TOKEN_INVALID');
}
