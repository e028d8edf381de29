import type { AttemptPolicy } from '../../domain/attempt.ts';
import type { AuthenticationMethod } from '../../domain/authentication.ts';
import { amrOf, type CodeKind } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { UserView } from '../../domain/user.ts';
import { notifyUser } from '../messages.ts';
import type { AuthenticatorTypes } from './kinds.ts';
import {
  type PresentedRecoveryCode,
  type RecoveryCodeDeps,
  recognizeRecoveryCode,
  useRecoveryCode,
} from './recovery-codes.ts';

/** 10 failures of an account, then 15 minutes each; after 100 in a row only recovery helps (R8). */
export const secondFactorPolicy: AttemptPolicy = {
  kind: 'second-factor',
  free: 10,
  firstDelayS: 900,
  maxDelayS: 900,
  cap: 100,
};

export type VerifierDeps = RecoveryCodeDeps & {
  readonly store: Pick<Repositories, 'recoveryCodes' | 'attempts'>;
  readonly types: AuthenticatorTypes;
  readonly clock: Clock;
};

/** The codes of a request. Where both are set, `code` alone counts and the recovery code is kept (R31). */
export type TypedCodes = { readonly code: string; readonly recoveryCode: string };

/** The proof of a second factor: how an authenticator was proved, or a recovery code that is consumed later. */
export type Proof = { readonly amr: AuthenticationMethod } | PresentedRecoveryCode;

/** Verifies second factors. Every attempt counts against the account before it is checked (R8). */
export function createVerifier(deps: VerifierDeps) {
  const { store, types, clock } = deps;
  /**
   * Proves one of the given authenticators of a user, or throws CODE_INVALID. `slot` is
   * that of an SMS code: a session, or a pending sign-in.
   */
  return async function verify(
    caller: Caller,
    userId: string,
    kinds: readonly CodeKind[],
    slot: string,
    { code, recoveryCode }: TypedCodes,
  ): Promise<Proof> {
    const counted = await store.attempts.count(caller.tenant.id, secondFactorPolicy, userId, clock());
    if (typeof counted !== 'number') throw new DomainError('CODE_INVALID');
    if (code === '' && recoveryCode !== '')
      return await recognizeRecoveryCode(deps, caller, userId, recoveryCode);
    for (const kind of kinds)
      if (await types[kind].verify(caller, userId, slot, code)) return { amr: amrOf[kind] };
    throw new DomainError('CODE_INVALID');
  };
}

export type Verifier = ReturnType<typeof createVerifier>;

/** The `amr` value of a proof; a recovery code counts as a one-time password. */
export function amrOfProof(proof: Proof): AuthenticationMethod {
  return 'amr' in proof ? proof.amr : 'otp';
}

/** Accepts a proof in its transaction: consumes a recovery code, with a notice, and resets the attempts. */
export async function acceptProof(
  deps: { readonly clock: Clock; readonly random: Random },
  repositories: Pick<Repositories, 'recoveryCodes' | 'attempts' | 'outbox'>,
  caller: Caller,
  view: UserView,
  proof: Proof,
): Promise<void> {
  const { tenantId, id: userId } = view.user;
  if (!('amr' in proof)) {
    await useRecoveryCode(repositories, tenantId, userId, proof);
    await notifyUser(deps, repositories, caller, view, 'recovery-code-used');
  }
  await repositories.attempts.reset(tenantId, { kind: secondFactorPolicy.kind, subject: userId });
}
