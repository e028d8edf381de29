import type { Manager } from './caller.ts';
import { DomainError } from './errors.ts';
import type { CallerSession } from './session.ts';

/** Age up to which an authentication is fresh (R20). */
const freshMs = 300_000;

/** Whether a session has authenticated recently enough. */
export function isFresh(session: CallerSession | undefined, now: Date): boolean {
  const isRecent = session !== undefined && now.getTime() - session.authTime.getTime() <= freshMs;
  // A trusted device stands for the second factor of a sign-in, never for that of a step-up (R25).
  return isRecent && (session.deviceId === undefined || session.amr.includes('mfa'));
}

/** Refuses a session that has not authenticated recently enough. */
export function assertFresh(session: CallerSession | undefined, now: Date): void {
  if (!isFresh(session, now)) throw refusal();
}

/** Refuses a manager who may not touch what opens accounts: a key without the scope, a member who is not fresh. */
export function assertCredentials({ member, grantable }: Pick<Manager, 'member' | 'grantable'>): void {
  const scope = 'users.credentials';
  if (grantable?.includes(scope) === false) throw new DomainError('SCOPE_REQUIRED', { metadata: { scope } });
  if (member !== undefined && !member.isFresh) throw refusal();
}

function refusal(): DomainError {
  return new DomainError('REAUTHENTICATION_REQUIRED', { missingStep: 'manam.v1.AuthService/Reauthenticate' });
}
