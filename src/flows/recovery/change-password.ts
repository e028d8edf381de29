import { hasAuthenticator } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { assertFresh } from '../../domain/freshness.ts';
import type { PasswordHasher } from '../../domain/password.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import { assertPasswords } from '../../domain/tenant.ts';
import type { UndoableChangeStores } from '../after-change.ts';
import { recordingFailure } from '../events/record.ts';
import type { PasswordChecker } from '../password-check.ts';
import { ownWords, type PasswordPolicy } from '../password-policy.ts';
import { ownSession } from '../sessions/own-session.ts';
import { replacePassword } from './replace-password.ts';
import type { UndoLinkDeps } from './undo-link.ts';

export type ChangePasswordDeps = {
  readonly store: Store<UndoableChangeStores | 'authenticators' | 'attempts'>;
  readonly hasher: PasswordHasher;
  readonly passwords: PasswordChecker;
  readonly passwordPolicy: PasswordPolicy;
  readonly undoPage: UndoLinkDeps['undoPage'];
  readonly clock: Clock;
  readonly random: Random;
};

export type ChangePasswordCommand = {
  readonly currentPassword: string;
  readonly password: string;
  readonly confirmPassword: string;
};

/** Whether the change may still be made, in its transaction. */
type Acceptance = (
  repositories: Pick<Repositories, 'users' | 'attempts'>,
  tenantId: string,
  userId: string,
) => Promise<boolean>;

/** Another call may have set a first password meanwhile. */
const isStillFirst: Acceptance = async ({ users }, tenantId, userId) => {
  await users.lock(tenantId, userId);
  return (await users.findPasswordHash(tenantId, userId)) === undefined;
};

/**
 * Replaces the password with the current one at hand; wrong ones count like those of a sign-in. An
 * account without one sets its first in a fresh session.
 */
export function createChangePassword(deps: ChangePasswordDeps) {
  const { store, hasher, passwords, passwordPolicy, clock } = deps;
  /** Compares the current password; returns what accepts it in the transaction of the change. */
  async function proveCurrent(
    caller: Caller,
    passwordHash: string,
    { currentPassword }: ChangePasswordCommand,
  ): Promise<Acceptance> {
    const { userId } = ownSession(caller);
    if (currentPassword === '') throw invalid({ field: 'current_password', reason: 'FIELD_REQUIRED' });
    const account = { userId, canonical: '', passwordHash };
    const { isCorrect, counters } = await passwords.check(caller, account, currentPassword);
    if (!isCorrect) throw new DomainError('CREDENTIALS_INVALID');
    return ({ attempts }, tenantId) => attempts.resetForPassword(tenantId, counters, userId, passwordHash);
  }

  async function attempt(caller: Caller, command: ChangePasswordCommand): Promise<void> {
    assertPasswords(caller.tenant.policy);
    const { userId, holder } = ownSession(caller);
    const tenantId = caller.tenant.id;
    const password = await passwordPolicy.parse(
      caller,
      ownWords(holder),
      command.password,
      command.confirmPassword,
    );

    const enrolled = await store.authenticators.findEnrolled(tenantId, userId);
    const current = await store.users.findPasswordHash(tenantId, userId);
    // A first password has nothing but the freshness of the session to vouch for it.
    if (hasAuthenticator(enrolled) || current === undefined) assertFresh(caller.session, clock());
    const accept = current === undefined ? isStillFirst : await proveCurrent(caller, current, command);
    await passwordPolicy.refuseBreached(password);
    const replacement = await hasher.hash(caller, password);
    await store.transaction(async (repositories) => {
      if (!(await accept(repositories, tenantId, userId))) throw new DomainError('CREDENTIALS_INVALID');
      await replacePassword(deps, repositories, caller, holder, replacement, 'credential.changed');
      // A password that its user sets again is a way in by itself.
      if (current === undefined) await repositories.users.setPasskeyOnly(tenantId, userId, false);
    });
  }

  return (caller: Caller, command: ChangePasswordCommand) =>
    recordingFailure(deps, caller, { type: 'credential.change_failed' }, () => attempt(caller, command));
}
