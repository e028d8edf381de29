import type { AccessTokens } from '../../domain/access-token.ts';
import { codeKindsOf, demandsSecondFactor } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Challenge } from '../../domain/challenge.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import { isSecondFactor } from '../../domain/sign-in.ts';
import { requiresSecondFactor } from '../../domain/tenant.ts';
import type { Vault } from '../../domain/vault.ts';
import { acceptProof, amrOfProof, type TypedCodes, type Verifier } from '../authenticators/verify.ts';
import { findInSlot, redeem } from '../challenges/redeem.ts';
import { record, recordingFailure } from '../events/record.ts';
import { type PasswordChecker, stepUpAttempts } from '../password-check.ts';
import { type IssuedTokens, issueTokens } from '../sign-in/complete.ts';
import { ownSession } from './own-session.ts';

export type ReauthenticateDeps = {
  readonly store: Store<
    | 'users'
    | 'challenges'
    | 'smsUsage'
    | 'authenticators'
    | 'recoveryCodes'
    | 'sessions'
    | 'attempts'
    | 'outbox'
    | 'events'
  >;
  readonly passwords: PasswordChecker;
  readonly verify: Verifier;
  readonly accessTokens: AccessTokens;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

export type ReauthenticateCommand = TypedCodes & {
  readonly password: string;
  /** The code that was sent for this, instead of the password; empty: none. */
  readonly ownCode: string;
};

/** Renews the freshness of the caller's session with the password and any second factor; failures count like those of a sign-in (R20). */
export function createReauthenticate(deps: ReauthenticateDeps) {
  const { store, passwords, verify, clock } = deps;
  async function provePassword(
    caller: Caller,
    userId: string,
    passwordHash: string | undefined,
    password: string,
  ): Promise<void> {
    const tenantId = caller.tenant.id;
    if (password === '') throw invalid({ field: 'password', reason: 'FIELD_REQUIRED' });
    const { isCorrect, counters } = await passwords.check(
      caller,
      { userId, canonical: '', passwordHash },
      password,
    );
    const isProved =
      isCorrect &&
      passwordHash !== undefined &&
      (await store.attempts.resetForPassword(tenantId, counters, userId, passwordHash));
    if (!isProved) throw new DomainError('CREDENTIALS_INVALID');
  }

  /** The code that was sent to this session's own user. */
  async function proveCode(
    caller: Caller,
    sessionId: string,
    { ownCode }: ReauthenticateCommand,
  ): Promise<Challenge> {
    const { tenant, session } = caller;
    // Counted with wrong passwords, so that the thief of a session has a bounded number of guesses at both.
    const subject = session?.userId ?? '';
    const counted = await store.attempts.count(tenant.id, stepUpAttempts, subject, clock());
    const challenge =
      typeof counted === 'number'
        ? await findInSlot(deps, caller, 'step-up-code', sessionId, ownCode)
        : undefined;
    if (challenge === undefined) throw new DomainError('CODE_INVALID');
    return challenge;
  }

  async function attempt(caller: Caller, command: ReauthenticateCommand): Promise<IssuedTokens> {
    const { userId, id: sessionId, holder } = ownSession(caller);
    const tenantId = caller.tenant.id;
    const enrolled = await store.authenticators.findEnrolled(tenantId, userId);
    const kinds = codeKindsOf(enrolled);
    // Passkeys that every sign-in asks for are proved by FinishPasskeyStepUp; here a recovery code stands for them.
    const needsFactor = demandsSecondFactor(enrolled, requiresSecondFactor(caller.tenant.policy));
    const challenge = command.ownCode === '' ? undefined : await proveCode(caller, sessionId, command);
    if (challenge === undefined) {
      const passwordHash = await store.users.findPasswordHash(tenantId, userId);
      // An account without a password, such as that of a provider, proves its second factor alone.
      if (passwordHash !== undefined || kinds.length === 0)
        await provePassword(caller, userId, passwordHash, command.password);
    }
    const amr = challenge?.channel === 'sms' ? (['sms'] as const) : [];
    const seconds = kinds.filter((kind) => isSecondFactor({ amr }, kind));
    // The first factor was right, whatever comes of the second.
    const proof = needsFactor ? await verify(caller, userId, seconds, sessionId, command) : undefined;

    const now = clock();
    await store.transaction(async (repositories) => {
      const { sessions } = repositories;
      if (challenge !== undefined && !(await redeem(repositories, clock, caller, challenge)))
        throw new DomainError('CODE_INVALID');
      if (challenge !== undefined)
        await repositories.attempts.reset(tenantId, { kind: stepUpAttempts.kind, subject: userId });
      if (proof !== undefined) await acceptProof(deps, repositories, caller, holder, proof);
      // Where a trusted device stood for the second factor, it is proved now.
      if (proof !== undefined) await sessions.addSecondFactor(tenantId, sessionId, amrOfProof(proof), now);
      else await sessions.updateAuthTime(tenantId, sessionId, now);
      await record(repositories, deps, caller, { type: 'step_up.completed' });
    });
    const session = await store.sessions.findLive(tenantId, sessionId, now);
    if (session === undefined) throw new DomainError('TOKEN_INVALID');
    return await issueTokens(deps, session, session.roles);
  }

  return (caller: Caller, command: ReauthenticateCommand) =>
    recordingFailure(deps, caller, { type: 'step_up.failed' }, () => attempt(caller, command));
}
