import { type Caller, originOf } from '../../domain/caller.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { type IdentifierInput, parseIdentifier } from '../../domain/identifier.ts';
import { normalizePassword, type PasswordHasher } from '../../domain/password.ts';
import type { Store } from '../../domain/repositories.ts';
import { assertPasswords } from '../../domain/tenant.ts';
import type { LoginView } from '../../domain/user.ts';
import { type RecordDeps, record, recordFailure } from '../events/record.ts';
import { composeNotice, recipientOf } from '../messages.ts';
import { isNearlyClosed, type PasswordChecker, passwordAttempts } from '../password-check.ts';
import type { CompleteSignIn, SignInResult } from './complete.ts';

export type PasswordSignInDeps = RecordDeps & {
  readonly store: Store<'users' | 'outbox' | 'events'>;
  readonly hasher: PasswordHasher;
  readonly passwords: PasswordChecker;
  readonly signIn: CompleteSignIn;
};

export type PasswordSignInCommand = IdentifierInput & {
  readonly password: string;
  readonly remember: boolean;
};

const refusal = () => new DomainError('CREDENTIALS_INVALID');

/**
 * Signs a user in with a password. Whatever the state of the account, exactly one
 * password hash is computed, and a failure does not say why (R5, R33).
 */
export function createPasswordSignIn(deps: PasswordSignInDeps) {
  const { store, hasher, passwords, signIn, clock } = deps;
  async function isClosed(caller: Caller, account: LoginView): Promise<boolean> {
    if (!isNearlyClosed(account) || account.history.isKnownAddress) return false;
    const { tenantId, id } = account.user;
    return !(await store.users.findHistory(tenantId, id, originOf(caller))).isKnownAddress;
  }

  return async function login(caller: Caller, command: PasswordSignInCommand): Promise<SignInResult> {
    assertPasswords(caller.tenant.policy);
    const identifier = parseIdentifier(command, caller.tenant.policy);
    if (command.password === '') throw invalid({ field: 'password', reason: 'FIELD_REQUIRED' });
    const { canonical } = identifier;
    const tenantId = caller.tenant.id;
    const account = await store.users.findForLogin(tenantId, identifier, originOf(caller), clock());
    const passwordHash = maySignIn(account) ? account?.passwordHash : undefined;
    const userId = account?.user.id;
    const { isCorrect, failures, counters } = await passwords.check(
      caller,
      {
        userId,
        canonical,
        passwordHash,
        isClosed: account !== undefined && (await isClosed(caller, account)),
      },
      command.password,
    );
    if (!isCorrect || account === undefined || passwordHash === undefined) {
      await fail(deps, caller, passwordHash === undefined ? undefined : account, userId, failures);
      throw refusal();
    }
    const rehashed = hasher.needsRehash(passwordHash, command.password)
      ? await hasher.hash(caller, normalizePassword(command.password))
      : undefined;
    return await signIn.complete(caller, account, {
      method: 'password',
      amr: ['pwd'],
      remember: command.remember,
      refusal,
      prepare: async ({ attempts, users }) => {
        if (!(await attempts.resetForPassword(tenantId, counters, account.user.id, passwordHash)))
          throw refusal();
        if (rehashed !== undefined) await users.updatePasswordHash(tenantId, account.user.id, rehashed);
      },
    });
  };
}

/** Past so many failures over all networks no more notices go out: strangers could send any number. */
const maxNotified = 4 * passwordAttempts.free;

/** Records a failure; the owner, where there is one, gets a notice when a network begins to wait (R10). */
async function fail(
  deps: PasswordSignInDeps,
  caller: Caller,
  account: LoginView | undefined,
  userId: string | undefined,
  failures: number | undefined,
): Promise<void> {
  const event = { type: 'sign_in.failed', userId, details: { method: 'password' } } as const;
  if (failures !== passwordAttempts.free)
    return await recordFailure(deps, caller, event, 'CREDENTIALS_INVALID');
  await deps.store.transaction(async (repositories) => {
    const { outbox, users } = repositories;
    // Nothing is written about a user who was erased after they were read.
    const isThere = await users.lock(caller.tenant.id, userId ?? deps.random.uuid());
    const of = isThere ? userId : undefined;
    await record(repositories, deps, caller, { ...event, userId: of }, 'CREDENTIALS_INVALID');
    const now = deps.clock();
    if (!isThere || account === undefined || account.totalFailures >= maxNotified) {
      await outbox.addDecoy({
        id: deps.random.uuid(),
        tenantId: caller.tenant.id,
        createdAt: now,
        expiresAt: now,
      });
    } else {
      const to = recipientOf(account.user, account.identifier);
      await outbox.add(composeNotice(deps, caller, to, 'account-locked'));
    }
  });
}

/** Whether an account may sign in with the identifier that was looked up. */
function maySignIn(account: LoginView | undefined): boolean {
  return account?.identifier.confirmedAt !== undefined && account.user.status === 'active';
}
