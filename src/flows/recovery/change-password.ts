import { hasAuthenticator } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import { assertFresh } from '../../domain/freshness.ts';
import type { PasswordHasher } from '../../domain/password.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import { recordingFailure } from '../events/record.ts';
import type { PasswordChecker } from '../password-check.ts';
import { ownWords, type PasswordPolicy } from '../password-policy.ts';
import { ownSession } from '../sessions/own-session.ts';
import { replacePassword } from './replace-password.ts';

export type ChangePasswordDeps = {
  readonly store: Store<
    'users' | 'authenticators' | 'challenges' | 'sessions' | 'attempts' | 'outbox' | 'events'
  >;
  readonly hasher: PasswordHasher;
  readonly passwords: PasswordChecker;
  readonly passwordPolicy: PasswordPolicy;
  readonly clock: Clock;
  readonly random: Random;
};

export type ChangePasswordCommand = {
  readonly currentPassword: string;
  readonly password: string;
  readonly confirmPassword: string;
};

/** Replaces the password with the current one at hand; wrong ones count like those of a sign-in. */
export function createChangePassword(deps: ChangePasswordDeps) {
  const { store, hasher, passwords, passwordPolicy, clock } = deps;
  async function attempt(caller: Caller, command: ChangePasswordCommand): Promise<void> {
    const { userId, holder } = ownSession(caller);
    const tenantId = caller.tenant.id;
    const password = passwordPolicy.parse(
      caller,
      ownWords(holder),
      command.password,
      command.confirmPassword,
    );

    const enrolled = await store.authenticators.findEnrolled(tenantId, userId);
    if (hasAuthenticator(enrolled)) assertFresh(caller.session, clock());
    const passwordHash = await store.users.findPasswordHash(tenantId, userId);
    const { isCorrect, counters } = await passwords.check(
      caller,
      { userId, canonical: '', passwordHash },
      command.currentPassword,
    );
    if (!isCorrect || passwordHash === undefined) throw new DomainError('CREDENTIALS_INVALID');
    await passwordPolicy.refuseBreached(password);
    const replacement = await hasher.hash(caller, password);
    await store.transaction(async (repositories) => {
      if (!(await repositories.attempts.resetForPassword(tenantId, counters, userId, passwordHash))) {
        throw new DomainError('CREDENTIALS_INVALID');
      }
      await replacePassword(deps, repositories, caller, holder, replacement, 'credential.changed');
    });
  }

  return (caller: Caller, command: ChangePasswordCommand) =>
    recordingFailure(deps, caller, { type: 'credential.change_failed' }, () => attempt(caller, command));
}
