import type { CodeKind } from '../../domain/authenticator.ts';
import type { Caller, PendingSignIn } from '../../domain/caller.ts';
import { proofRefusal } from '../../domain/dpop.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Store } from '../../domain/repositories.ts';
import { isSecondFactor } from '../../domain/sign-in.ts';
import {
  acceptProof,
  amrOfProof,
  type Proof,
  type TypedCodes,
  type Verifier,
} from '../authenticators/verify.ts';
import { maxAttempts } from '../challenges/redeem.ts';
import { type RecordDeps, recordingFailure } from '../events/record.ts';
import type { CompleteSignIn, SignedIn } from './complete.ts';
import { trustDevice } from './trusted-devices.ts';

export type SecondFactorDeps = RecordDeps & {
  readonly store: Store<'challenges' | 'factorResets' | 'events'>;
  readonly verify: Verifier;
  readonly signIn: CompleteSignIn;
};

export type SecondFactorCommand = TypedCodes & {
  readonly kind: CodeKind;
  /** Whether this device is to be spared the second factor from now on. */
  readonly rememberDevice: boolean;
};

/** Turns a pending sign-in into a session by a proof of its second factor, once. */
export function createFinishPending(deps: RecordDeps & Pick<SecondFactorDeps, 'store' | 'signIn'>) {
  const { store, signIn, clock } = deps;
  return async function finish(
    caller: Caller,
    rememberDevice: boolean,
    prove: (pending: PendingSignIn) => Promise<Proof>,
  ): Promise<SignedIn> {
    const { pending } = caller;
    if (pending === undefined) throw new DomainError('TOKEN_INVALID');
    const { challengeId, userId, progress } = pending;
    const { method, amr, remember = false, jkt, origin } = progress;
    // Whoever began with a key goes on with it: a stolen token of the first step is no use without.
    if (jkt !== undefined && caller.binding?.jkt !== jkt)
      throw proofRefusal(caller.binding === undefined ? 'missing' : 'key', clock());
    const tenantId = caller.tenant.id;
    const failed = { type: 'sign_in.failed', details: { method: 'second-factor' } } as const;
    return await recordingFailure(deps, caller, failed, async () => {
      // The attempts of a pending sign-in, by whatever authenticator (R8).
      if (!(await store.challenges.countAttempt(tenantId, challengeId, maxAttempts)))
        throw new DomainError('CODE_INVALID');
      const proof = await prove(pending);
      const refusal = () => new DomainError('TOKEN_INVALID');
      const account = await signIn.activeAccount(caller, userId, refusal);
      const result = await signIn.complete(caller, account, {
        method,
        remember,
        refusal,
        ...(origin && { origin }),
        amr: [...new Set([...amr, amrOfProof(proof), 'mfa' as const])],
        prepare: async (repositories) => {
          if (!(await repositories.challenges.consume(tenantId, challengeId, clock())))
            throw new DomainError('CODE_INVALID');
          await acceptProof(deps, repositories, caller, account, proof);
          // A second factor that works shows that not all are lost.
          await repositories.factorResets.end(tenantId, userId, clock());
          if (rememberDevice) await trustDevice(deps, repositories, caller, account.user);
        },
      });
      // With `mfa` the gate opens a session.
      if (result.kind !== 'session') throw new DomainError('INTERNAL');
      return result;
    });
  };
}

export type FinishPending = ReturnType<typeof createFinishPending>;

/** The second step of a sign-in by a typed code. */
export function createSecondFactor(deps: SecondFactorDeps) {
  const finish = createFinishPending(deps);
  return (caller: Caller, { kind, rememberDevice, ...codes }: SecondFactorCommand): Promise<SignedIn> =>
    finish(caller, rememberDevice, async ({ challengeId, userId, progress }) => {
      // A recovery code is good whatever the first factor was.
      const kinds = isSecondFactor(progress, kind) ? [kind] : [];
      return await deps.verify(caller, userId, kinds, challengeId, codes);
    });
}
