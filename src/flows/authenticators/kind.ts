import type { CodeKind } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Challenge } from '../../domain/challenge.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import type { Vault } from '../../domain/vault.ts';

export type AuthenticatorDeps = {
  readonly store: Pick<
    Store<'authenticators' | 'challenges' | 'smsUsage'>,
    'authenticators' | 'challenges' | 'transaction'
  >;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** One kind of authenticator: how it is proved, and how its enrolment ends. */
export type AuthenticatorType = {
  readonly kind: CodeKind;
  /** The RPC that begins its setup, for STEP_MISSING. */
  readonly setupStep: string;
  /** The RPC that confirms the proof that comes before the setup. */
  readonly proofStep: string;
  /** The RPC that removes it. */
  readonly removeStep: string;
  /**
   * Verifies a code and uses it up. `slot` names what a code was sent for: a session, or a
   * pending sign-in. The caller counts the attempt.
   */
  verify(caller: Caller, userId: string, slot: string, code: string): Promise<boolean>;
  /** The content of the new authenticator's row, where the code confirms its setup; else undefined. */
  confirm(setup: Challenge, code: string): { readonly data: Buffer; readonly counter: number } | undefined;
};
