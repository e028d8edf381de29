import type { SecondFactorMethod } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Challenge, ChallengePurpose } from '../../domain/challenge.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import type { QrRenderer } from '../../domain/totp.ts';
import type { Vault } from '../../domain/vault.ts';
import type { RecipientCharge } from '../limits.ts';
import { ownSession } from '../sessions/own-session.ts';

export type EnrolDeps = {
  readonly store: Store<
    | 'users'
    | 'factors'
    | 'challenges'
    | 'sessions'
    | 'guesses'
    | 'smsUsage'
    | 'outbox'
    | 'audit'
    | 'idempotency'
  >;
  readonly chargeRecipient: RecipientCharge;
  readonly renderQr: QrRenderer;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** How long the steps after the proof may take. */
const setupLifetimeMs = 900_000;
/** How many guesses a proof, a pending seed or a code survives (R8). */
export const maxAttempts = 5;

export const proofPurpose = { totp: 'totp-proof', sms: 'sms-proof' } as const satisfies Record<
  SecondFactorMethod,
  ChallengePurpose
>;
export const provenPurpose = { totp: 'totp-proven', sms: 'sms-proven' } as const satisfies Record<
  SecondFactorMethod,
  ChallengePurpose
>;
export const setupPurpose = { totp: 'totp-setup', sms: 'sms-setup' } as const satisfies Record<
  SecondFactorMethod,
  ChallengePurpose
>;
export const service = 'manam.v1.TwoFactorService';
export const names = { totp: 'Totp', sms: 'Sms' } as const;

/** Where an enrolment stands: rows of the session, so that no step can be skipped or reordered (R30). */
export function createSteps({ store, clock, random }: Pick<EnrolDeps, 'store' | 'clock' | 'random'>) {
  /** The live challenge of this session and purpose, or STEP_MISSING with the step that makes one. */
  async function stepOf(caller: Caller, purpose: ChallengePurpose, missingStep: string): Promise<Challenge> {
    const found = await store.challenges.findInSlot(
      caller.tenant.id,
      purpose,
      ownSession(caller).id,
      clock(),
    );
    if (found === undefined)
      throw new DomainError('STEP_MISSING', { missingStep: `${service}/${missingStep}` });
    return found;
  }

  /** A step that is done and sent nowhere. */
  function step(caller: Caller, purpose: ChallengePurpose, data?: Buffer): Challenge {
    const { userId, id: slot } = ownSession(caller);
    const expiresAt = new Date(clock().getTime() + setupLifetimeMs);
    const nowhere = { digest: Buffer.alloc(0), identifier: '', channel: undefined };
    return {
      ...nowhere,
      id: random.uuid(),
      tenantId: caller.tenant.id,
      userId,
      purpose,
      slot,
      data,
      expiresAt,
    };
  }

  return { stepOf, step };
}

export type Steps = ReturnType<typeof createSteps>;
