import type { Caller } from '../../domain/caller.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { methodsOf } from '../../domain/factors.ts';
import type { AccessTokens, Clock, Random, Vault } from '../../domain/ports.ts';
import type { Store } from '../../domain/repositories.ts';
import { auditEvent, auditFailure } from '../audit.ts';
import { type PasswordChecker, passwordPolicy } from '../password-check.ts';
import { type IssuedTokens, issueTokens } from '../session-gate.ts';
import type { SecondFactors, TypedCodes } from '../two-factor/codes.ts';
import { settleProof } from '../two-factor/settle.ts';
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

/** Renews the freshness of the caller's session with the password; failures count like those of a sign-in (R20). */
export function createReauthenticate(deps: ReauthenticateDeps) {
  const { store, passwords, secondFactors, clock } = deps;
  async function attempt(caller: Caller, command: ReauthenticateCommand): Promise<IssuedTokens> {
    const { userId, id: sessionId, holder } = ownSession(caller);
    const tenantId = caller.tenant.id;
    if (command.password === '') throw invalid({ field: 'password', reason: 'FIELD_REQUIRED' });
    const passwordHash = await store.users.findPasswordHash(tenantId, userId);
    const { right } = await passwords.check(
      caller,
      { userId, canonical: '', passwordHash },
      command.password,
    );
    if (!right || passwordHash === undefined) throw new DomainError('CREDENTIALS_INVALID');
    // The password was right, whatever comes of the second factor.
    if (!(await store.guesses.resetForPassword(tenantId, passwordPolicy.kind, userId, passwordHash))) {
      throw new DomainError('CREDENTIALS_INVALID');
    }

    const [method] = methodsOf(await store.factors.find(tenantId, userId));
    const proof =
      method === undefined
        ? undefined
        : await secondFactors.prove(caller, userId, method, sessionId, command);

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
