import type { AccessTokens } from '../../domain/access-token.ts';
import { methodsOf } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import type { Vault } from '../../domain/vault.ts';
import { auditEvent, auditFailure } from '../audit.ts';
import type { SecondFactors, TypedCodes } from '../authenticators/codes.ts';
import { settleProof } from '../authenticators/settle.ts';
import type { PasswordChecker } from '../password-check.ts';
import { type IssuedTokens, issueTokens } from '../sign-in/session-gate.ts';
import { ownSession } from './own-session.ts';

export type ReauthenticateDeps = {
  readonly store: Store<'users' | 'factors' | 'sessions' | 'guesses' | 'outbox' | 'audit'>;
  readonly passwords: PasswordChecker;
  readonly secondFactors: SecondFactors;
  readonly accessTokens: AccessTokens;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

export type ReauthenticateCommand = TypedCodes & { readonly password: string };

/** Renews the freshness of the caller's session with the password and any second factor; failures count like those of a sign-in (R20). */
export function createReauthenticate(deps: ReauthenticateDeps) {
  const { store, passwords, secondFactors, clock } = deps;
  async function provePassword(
    caller: Caller,
    userId: string,
    passwordHash: string | undefined,
    password: string,
  ): Promise<void> {
    const tenantId = caller.tenant.id;
    if (password === '') throw invalid({ field: 'password', reason: 'FIELD_REQUIRED' });
    const { right, counters } = await passwords.check(
      caller,
      { userId, canonical: '', passwordHash },
      password,
    );
    const isRight =
      right &&
      passwordHash !== undefined &&
      (await store.guesses.resetForPassword(tenantId, counters, userId, passwordHash));
    if (!isRight) throw new DomainError('CREDENTIALS_INVALID');
  }

  async function attempt(caller: Caller, command: ReauthenticateCommand): Promise<IssuedTokens> {
    const { userId, id: sessionId, holder } = ownSession(caller);
    const tenantId = caller.tenant.id;
    const passwordHash = await store.users.findPasswordHash(tenantId, userId);
    const methods = methodsOf(await store.factors.find(tenantId, userId));
    // An account of a provider may have no password: then its second factor has to do.
    if (passwordHash !== undefined || methods.length === 0) {
      await provePassword(caller, userId, passwordHash, command.password);
    }
    // The password was right, whatever comes of the second factor.
    const proof =
      methods.length === 0
        ? undefined
        : await secondFactors.prove(caller, userId, methods, sessionId, command);

    const now = clock();
    await store.transaction(async (repositories) => {
      const { sessions, audit } = repositories;
      if (proof !== undefined) await settleProof(deps, repositories, caller, holder, proof);
      await sessions.updateAuthTime(tenantId, sessionId, now);
      await audit.add(auditEvent(deps, caller, 'reauthenticate', 'success'));
    });
    const session = await store.sessions.findLive(tenantId, sessionId, now);
    if (session === undefined) throw new DomainError('TOKEN_INVALID');
    return await issueTokens(deps, session);
  }

  return (caller: Caller, command: ReauthenticateCommand) =>
    auditFailure(deps, caller, 'reauthenticate', () => attempt(caller, command));
}
