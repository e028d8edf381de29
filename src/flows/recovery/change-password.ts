import { methodsOf } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { assertFresh } from '../../domain/freshness.ts';
import type { PasswordHasher } from '../../domain/password.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import { auditFailure } from '../audit.ts';
import type { PasswordChecker } from '../password-check.ts';
import { ownWords, type PasswordPolicy } from '../password-policy.ts';
import { ownSession } from '../sessions/own-session.ts';
import { replacePassword } from './replace-password.ts';

export type ChangePasswordDeps = {
  readonly store: Store<'users' | 'factors' | 'challenges' | 'sessions' | 'guesses' | 'outbox' | 'audit'>;
  readonly hasher: PasswordHasher;
  readonly passwords: PasswordChecker;
  readonly policy: PasswordPolicy;
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
  const { store, hasher, passwords, policy, clock } = deps;
  async function attempt(caller: Caller, command: ChangePasswordCommand): Promise<void> {
    const { userId, holder } = ownSession(caller);
    const tenantId = caller.tenant.id;
    if (command.currentPassword === '')
      throw invalid({ field: 'current_password', reason: 'FIELD_REQUIRED' });
    const password = policy.parse(caller, ownWords(holder), command.password, command.confirmPassword);

    const factors = await store.factors.find(tenantId, userId);
    if (methodsOf(factors).length > 0) assertFresh(caller.session, clock());
    const passwordHash = await store.users.findPasswordHash(tenantId, userId);
    const { right, counters } = await passwords.check(
      caller,
      { userId, canonical: '', passwordHash },
      command.currentPassword,
    );
    if (!right || passwordHash === undefined) throw new DomainError('CREDENTIALS_INVALID');
    await policy.refuseBreached(password);
    const replacement = await hasher.hash(caller, password);
    await store.transaction(async (repositories) => {
      if (!(await repositories.guesses.resetForPassword(tenantId, counters, userId, passwordHash))) {
        throw new DomainError('CREDENTIALS_INVALID');
      }
      await replacePassword(deps, repositories, caller, holder, replacement, 'change-password');
    });
  }

  return (caller: Caller, command: ChangePasswordCommand) =>
    auditFailure(deps, caller, 'change-password', () => attempt(caller, command));
}
