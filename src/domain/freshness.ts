import { DomainError } from './errors.ts';
import type { CallerSession } from './session.ts';

/** Age up to which an authentication is fresh (R20). */
const freshMs = 300_000;

/** Refuses a session that has not authenticated recently enough. */
export function assertFresh(session: CallerSession | undefined, now: Date): void {
  const isRecent = session !== undefined && now.getTime() - session.authTime.getTime() <= freshMs;
  // A trusted device stands for the second factor of a sign-in, never for that of a step-up (R25).
  if (isRecent && (session.deviceId === undefined || session.amr.includes('mfa'))) return;
  throw new DomainError('REAUTHENTICATION_REQUIRED', { missingStep: 'manam.v1.AuthService/Reauthenticate' });
}
