import { DomainError } from './errors.ts';
import type { CallerSession } from './session.ts';

/** Age up to which an authentication is fresh (R20). */
const freshMs = 300_000;

/** Refuses a session that has not authenticated recently enough. */
export function assertFresh(session: CallerSession | undefined, now: Date): void {
  if (session !== undefined && now.getTime() - session.authTime.getTime() <= freshMs) return;
  throw new DomainError('REAUTHENTICATION_REQUIRED', { missingStep: 'manam.v1.AuthService/Reauthenticate' });
}
