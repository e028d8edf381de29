import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { type IdentifierInput, parseIdentifier } from '../../domain/identifier.ts';
import { normalizePassword, type PasswordHasher } from '../../domain/password.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import type { LoginView } from '../../domain/user.ts';
import { auditEvent } from '../audit.ts';
import { composeNotice } from '../messages.ts';
import { isClosedTo, type PasswordChecker, passwordPolicy } from '../password-check.ts';
import { concludeSignIn, type SessionGate, type SignInResult, type TokenDeps } from './session-gate.ts';

export type LoginDeps = TokenDeps & {
  readonly store: Store<
    'users' | 'sessions' | 'challenges' | 'guesses' | 'budgets' | 'smsUsage' | 'outbox' | 'audit'
  >;
  readonly hasher: PasswordHasher;
  readonly passwords: PasswordChecker;
  readonly openSession: SessionGate;
  readonly clock: Clock;
  readonly random: Random;
};

export type LoginCommand = IdentifierInput & { readonly password: string };

/**
 * Signs a user in with a password. Whatever the state of the account, exactly one
 * password hash is done, and a failure does not tell why (R5, R33).
 */
export function createLogin(deps: LoginDeps) {
  const { store, hasher, passwords, openSession, clock } = deps;
  return async function login(caller: Caller, command: LoginCommand): Promise<SignInResult> {
    const identifier = parseIdentifier(command, caller.tenant.policy);
    const { canonical } = identifier;
    if (command.password === '') throw invalid({ field: 'password', reason: 'FIELD_REQUIRED' });

    const tenantId = caller.tenant.id;
    const { address } = caller.client;
    const account = await store.users.findForLogin(tenantId, identifier, address, clock());
    const passwordHash = maySignIn(account) ? account?.passwordHash : undefined;
    const userId = account?.user.id;
    const { right, failures, counters } = await passwords.check(
      caller,
      { userId, canonical, passwordHash, isClosed: account !== undefined && isClosedTo(account) },
      command.password,
    );
    if (!right || account === undefined || passwordHash === undefined) {
      await fail(deps, caller, passwordHash === undefined ? undefined : account, userId, failures);
      throw new DomainError('CREDENTIALS_INVALID');
    }

    const { user } = account;
    const rehashed = hasher.needsRehash(passwordHash, command.password)
      ? await hasher.hash(caller, normalizePassword(command.password))
      : undefined;
    const opened = await store.transaction(async (repositories) => {
      if (!(await repositories.guesses.resetForPassword(tenantId, counters, user.id, passwordHash))) {
        throw new DomainError('CREDENTIALS_INVALID');
      }
      if (rehashed !== undefined) await repositories.users.updatePasswordHash(tenantId, user.id, rehashed);
      const result = await openSession(repositories, caller, account, ['pwd']);
      const sessionId = result.kind === 'session' ? result.session.id : undefined;
      const reason = result.kind === 'session' ? '' : 'SECOND_FACTOR_PENDING';
      const subject = { userId: user.id, sessionId, reason };
      await repositories.audit.add(auditEvent(deps, caller, 'login', 'success', subject));
      return result;
    });
    return await concludeSignIn(deps, account, opened);
  };
}

/** Past so many failures over all networks no more notices go out: strangers could send any number. */
const maxNotified = 4 * passwordPolicy.free;

/** Notes a failure; the owner, where there is one, hears of it when a network begins to wait (R10). */
async function fail(
  deps: LoginDeps,
  caller: Caller,
  account: LoginView | undefined,
  userId: string | undefined,
  failures: number | undefined,
): Promise<void> {
  const event = auditEvent(deps, caller, 'login', 'failure', { userId, reason: 'CREDENTIALS_INVALID' });
  if (failures !== passwordPolicy.free) return await deps.store.audit.add(event);
  await deps.store.transaction(async ({ audit, outbox }) => {
    await audit.add(event);
    const now = deps.clock();
    const { tenantId } = event;
    if (account === undefined || account.totalFailures >= maxNotified) {
      await outbox.addDecoy({ id: deps.random.uuid(), tenantId, createdAt: now, expiresAt: now });
    } else {
      const { kind, address } = account.identifier;
      const { locale: userLocale, senderEmail } = account.user;
      await outbox.add(
        composeNotice(deps, caller, { kind, address, userLocale, senderEmail }, 'account-locked'),
      );
    }
  });
}

/** Whether an account may sign in with the identifier that was looked up. */
function maySignIn(account: LoginView | undefined): boolean {
  return account?.identifier.confirmedAt !== undefined && account.user.status === 'active';
}
