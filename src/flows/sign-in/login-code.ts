import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import { auditEvent, auditFailure } from '../audit.ts';
import { takeLoginCode } from '../federation/return-code.ts';
import { concludeSignIn, type SessionGate, type SignInResult, type TokenDeps } from './session-gate.ts';

export type RedeemDeps = TokenDeps & {
  readonly store: Store<'users' | 'sessions' | 'challenges' | 'budgets' | 'smsUsage' | 'outbox' | 'audit'>;
  readonly openSession: SessionGate;
  readonly clock: Clock;
  readonly random: Random;
};

/** Turns the code that a browser came back with into a session, for the holder of its verifier, once (R48). */
export function createRedeemLoginCode(deps: RedeemDeps) {
  const { store, openSession, clock } = deps;
  return (
    caller: Caller,
    command: { readonly code: string; readonly codeVerifier: string },
  ): Promise<SignInResult> =>
    auditFailure(deps, caller, 'login', async () => {
      const { challenge, content } = await takeLoginCode(deps, caller, 'login-code', command);
      const { tenantId, id, userId } = challenge;
      const account = await store.users.findForSession(tenantId, userId, clock());
      if (account === undefined || account.user.status !== 'active') throw new DomainError('CODE_INVALID');
      const opened = await store.transaction(async (repositories) => {
        if (!(await repositories.challenges.consume(tenantId, id, clock())))
          throw new DomainError('CODE_INVALID');
        const result = await openSession(repositories, caller, account, content.amr);
        const sessionId = result.kind === 'session' ? result.session.id : undefined;
        const reason = result.kind === 'session' ? 'LOGIN_CODE' : 'SECOND_FACTOR_PENDING';
        await repositories.audit.add(
          auditEvent(deps, caller, 'login', 'success', { userId, sessionId, reason }),
        );
        return result;
      });
      return await concludeSignIn(deps, account, opened);
    });
}
