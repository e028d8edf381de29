import type { Caller } from '../../domain/caller.ts';
import { DomainError } from '../../domain/errors.ts';
import type { CallerSession } from '../../domain/session.ts';

/** The session of a caller that the gate admitted for it. */
export function ownSession(caller: Caller): CallerSession {
  if (caller.session === undefined) throw new DomainError('TOKEN_MISSING');
  return caller.session;
}
