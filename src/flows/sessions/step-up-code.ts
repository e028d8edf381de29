import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import { makeDigitCode } from '../../domain/one-time-code.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import type { Vault } from '../../domain/vault.ts';
import { codeByEmail, codeBySms, send } from '../challenges/send.ts';
import type { RecipientCharge } from '../charges.ts';
import { rememberResult } from '../idempotency.ts';
import { recipientOf } from '../messages.ts';
import { ownSession } from './own-session.ts';

export type StepUpCodeDeps = {
  readonly store: Store<'challenges' | 'outbox' | 'idempotency'>;
  readonly chargeRecipient: RecipientCharge;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

const lifetimeMs = 600_000;

/**
 * Sends a code to the confirmed address of the caller's own user, else to the number, for a step-up without a
 * password. It counts against what users may ask for: no stranger uses that up (R70). A new code replaces the old.
 */
export function createStepUpCode(deps: StepUpCodeDeps) {
  const { store, chargeRecipient, random } = deps;
  return async function sendStepUpCode(caller: Caller): Promise<void> {
    const { id: slot, userId, holder } = ownSession(caller);
    const held = [holder.email, holder.mobile].find((each) => each?.confirmedAt !== undefined);
    // A session without a confirmed identifier is not live.
    if (held === undefined) throw new DomainError('TOKEN_INVALID');
    await chargeRecipient(caller, 'step-up', held.canonical);
    const to = recipientOf(holder.user, held);
    const code = makeDigitCode(random);
    const order = { userId, purpose: 'step-up-code', slot, subject: slot, code, lifetimeMs } as const;
    const outOfBand =
      held.kind === 'email'
        ? codeByEmail(deps, caller, to, { ...order, template: 'step-up-code', linkFor: () => '' })
        : codeBySms(deps, caller, to, { ...order, template: 'step-up-code-sms' });
    await store.transaction(async (repositories) => {
      await send(repositories, outOfBand);
      await rememberResult(repositories, caller, undefined);
    });
  };
}
