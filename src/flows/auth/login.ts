import type { Caller } from '../../domain/caller.ts';
import { parseEmail } from '../../domain/email.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { normalizePassword } from '../../domain/password.ts';
import type { Clock, LoginView, PasswordHasher, Random, Store, UserView } from '../../domain/ports.ts';
import { auditEvent } from '../audit.ts';
import { type PasswordChecker, passwordPolicy } from '../password-check.ts';
import { type IssuedTokens, issueTokens, type SessionGate, type TokenDeps } from '../session-gate.ts';

export type LoginDeps = TokenDeps & {
  readonly store: Store<'users' | 'sessions' | 'guesses' | 'audit'>;
  readonly hasher: PasswordHasher;
  readonly passwords: PasswordChecker;
  readonly openSession: SessionGate;
  readonly clock: Clock;
  readonly random: Random;
};

export type LoginCommand = {
  readonly type: 'email' | 'mobile';
  readonly email: string;
  readonly password: string;
};

/**
 * Signs a user in with a password. Whatever the state of the account, exactly one
 * password hash is done, and a failure does not tell why (R5, R33).
 */
export function createLogin(deps: LoginDeps) {
  const { store, hasher, passwords, openSession, clock } = deps;
  return async function login(
    caller: Caller,
    command: LoginCommand,
  ): Promise<UserView & { tokens: IssuedTokens }> {
    if (command.type === 'mobile') throw new DomainError('NOT_IMPLEMENTED');
    const { canonical } = parseEmail(command.email);
    if (command.password === '') throw invalid({ field: 'password', reason: 'FIELD_REQUIRED' });

    const tenantId = caller.tenant.id;
    const account = await store.users.findForLogin(tenantId, { kind: 'email', canonical }, clock());
    const passwordHash = maySignIn(account) ? account?.passwordHash : undefined;
    const userId = account?.user.id;
    const { right } = await passwords.check(caller, { userId, canonical, passwordHash }, command.password);
    if (!right || account === undefined || passwordHash === undefined) {
      const reason = 'CREDENTIALS_INVALID';
      await store.audit.add(auditEvent(deps, caller, 'login', 'failure', { userId, reason }));
      throw new DomainError(reason);
    }

    const { user, email, mobile } = account;
    const rehashed = hasher.needsRehash(passwordHash)
      ? await hasher.hash(normalizePassword(command.password))
      : undefined;
    const session = await store.transaction(async (repositories) => {
      await repositories.guesses.reset(tenantId, passwordPolicy.kind, user.id);
      if (rehashed !== undefined) await repositories.users.updatePasswordHash(tenantId, user.id, rehashed);
      const opened = await openSession(repositories, caller, account, ['pwd']);
      const subject = { userId: user.id, sessionId: opened.id };
      await repositories.audit.add(auditEvent(deps, caller, 'login', 'success', subject));
      return opened;
    });
    return { user, email, mobile, tokens: await issueTokens(deps, session) };
  };
}

/** Whether an account may sign in with the identifier that was looked up. */
function maySignIn(account: LoginView | undefined): boolean {
  return account?.identifier.confirmedAt !== undefined && account.user.status === 'active';
}
