import type { SecondFactorMethod } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import type { AuthenticationMethod } from '../../domain/session.ts';
import type { UserView } from '../../domain/user.ts';
import { auditEvent, auditFailure } from '../audit.ts';
import type { SecondFactors, TypedCodes } from '../authenticators/codes.ts';
import { settleProof } from '../authenticators/settle.ts';
import { type IssuedTokens, issueTokens, type SessionGate, type TokenDeps } from './session-gate.ts';

export type ValidateDeps = TokenDeps & {
  readonly store: Store<
    'users' | 'factors' | 'challenges' | 'sessions' | 'guesses' | 'budgets' | 'smsUsage' | 'outbox' | 'audit'
  >;
  readonly secondFactors: SecondFactors;
  readonly openSession: SessionGate;
  readonly clock: Clock;
  readonly random: Random;
};

/** How many guesses a pending sign-in survives, by whatever factor (R8). */
const maxAttempts = 5;

/** The second step of a sign-in: a code turns the pending sign-in into a session, once. */
export function createValidate(deps: ValidateDeps) {
  const { store, secondFactors, openSession, clock } = deps;
  return async function validate(
    caller: Caller,
    method: SecondFactorMethod,
    codes: TypedCodes,
  ): Promise<UserView & { tokens: IssuedTokens }> {
    const { pending } = caller;
    if (pending === undefined) throw new DomainError('TOKEN_INVALID');
    const { challengeId, userId } = pending;
    const tenantId = caller.tenant.id;
    return await auditFailure(deps, caller, 'validate-two-factor', async () => {
      if (!(await store.challenges.countAttempt(tenantId, challengeId, maxAttempts))) {
        throw new DomainError('CODE_INVALID');
      }
      const proof = await secondFactors.prove(caller, userId, [method], challengeId, codes);
      const account = await store.users.findForSession(tenantId, userId, clock());
      if (account === undefined || account.user.status !== 'active') throw new DomainError('TOKEN_INVALID');
      const used: AuthenticationMethod = 'method' in proof && proof.method === 'sms' ? 'sms' : 'otp';
      const session = await store.transaction(async (repositories) => {
        if (!(await repositories.challenges.consume(tenantId, challengeId, clock()))) {
          throw new DomainError('CODE_INVALID');
        }
        await settleProof(deps, repositories, caller, account, proof);
        const opened = await openSession(repositories, caller, account, [...pending.amr, used, 'mfa']);
        if (opened.kind !== 'session') throw new DomainError('INTERNAL');
        const subject = { userId, sessionId: opened.session.id, reason: used };
        await repositories.audit.add(auditEvent(deps, caller, 'validate-two-factor', 'success', subject));
        return opened.session;
      });
      const { user, email, mobile } = account;
      return { user, email, mobile, tokens: await issueTokens(deps, session) };
    });
  };
}
