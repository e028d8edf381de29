import type { Caller } from '../../domain/caller.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Store } from '../../domain/repositories.ts';
import { type RecordDeps, recordingFailure } from '../events/record.ts';
import { type TakeCodeDeps, takeLoginCode } from '../federation/return-code.ts';
import type { CompleteSignIn, SignInResult } from './complete.ts';

export type RedeemLoginCodeDeps = RecordDeps &
  Omit<TakeCodeDeps, 'store'> & {
    readonly store: Store<'challenges' | 'events'>;
    readonly signIn: CompleteSignIn;
  };

/** Exchanges the code that a browser returned with for a session, for the holder of its verifier, once (R48). */
export function createRedeemLoginCode(deps: RedeemLoginCodeDeps) {
  const { signIn, clock } = deps;
  const failed = { type: 'sign_in.failed', details: { method: 'login-code' } } as const;
  const refusal = () => new DomainError('CODE_INVALID');
  return (
    caller: Caller,
    command: { readonly code: string; readonly codeVerifier: string; readonly remember: boolean },
  ): Promise<SignInResult> =>
    recordingFailure(deps, caller, failed, async () => {
      const { challenge, content } = await takeLoginCode(deps, caller, 'login-code', command);
      const { tenantId, id, userId } = challenge;
      const account = await signIn.activeAccount(caller, userId, refusal);
      return await signIn.complete(caller, account, {
        method: 'login-code',
        amr: content.amr,
        remember: command.remember,
        refusal,
        ...(content.origin && { origin: content.origin }),
        prepare: async ({ challenges }) => {
          if (!(await challenges.consume(tenantId, id, clock()))) throw refusal();
        },
      });
    });
}
