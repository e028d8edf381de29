import type { Caller } from '../../domain/caller.ts';
import type { ChallengePurpose } from '../../domain/challenge.ts';
import type { Clock } from '../../domain/clock.ts';
import {
  type HeldIdentifier,
  type IdentifierInput,
  type IdentifierKind,
  parseIdentifier,
} from '../../domain/identifier.ts';
import { makeDigitCode } from '../../domain/one-time-code.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import type { User } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import { confirmationOf, sendConfirmation } from '../accounts/confirmation.ts';
import { formatHandle } from '../challenges/handle.ts';
import { codeBySms, linkByEmail, type OutOfBand, sendIfRoom } from '../challenges/send.ts';
import type { RecipientCharge } from '../charges.ts';
import { record } from '../events/record.ts';
import { rememberResult } from '../idempotency.ts';
import { type MessageContext, recipientOf } from '../messages.ts';
import { networkSubject } from '../password-check.ts';

export type RecoverDeps = {
  readonly store: Store<'users' | 'challenges' | 'outbox' | 'events' | 'idempotency'>;
  readonly chargeRecipient: RecipientCharge;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** Lifetime of a link and of a code (R34). */
const linkLifetimeMs = 1_800_000;
const codeLifetimeMs = 600_000;

export const recoveryPurposes = {
  email: 'recover-email',
  mobile: 'recover-sms',
} as const satisfies Record<IdentifierKind, ChallengePurpose>;

/**
 * Sends a link or code to replace a forgotten password to a confirmed address or number, and
 * a confirmation to an unconfirmed one; the response is the same. A locked account can be
 * recovered, and a recovery locks nothing (R10). Returns the handle for EndRecovery.
 */
export function createRecover(deps: RecoverDeps) {
  const { store, chargeRecipient, vault, clock, random } = deps;
  return async function recover(caller: Caller, command: IdentifierInput): Promise<string> {
    const { id: tenantId, policy } = caller.tenant;
    const identifier = parseIdentifier(command, policy);
    await chargeRecipient(caller, 'recover', identifier.canonical);
    const found = await store.users.findIdentifier(tenantId, identifier);

    return await store.transaction(async (repositories) => {
      let challengeId = random.uuid();
      // An account that was erased after it was read is treated as unknown.
      const isThere = await repositories.users.lock(tenantId, found?.userId ?? random.uuid());
      const held = isThere ? found : undefined;
      if (held?.confirmedAt !== undefined) {
        const proof = recoveryProof(deps, caller, { ...held, id: held.userId }, held);
        // The network that asked keeps its way to the code whatever strangers try (R70).
        const data = Buffer.from(networkSubject(held.userId, caller));
        const challenge = { ...proof.challenge, data };
        await sendIfRoom(repositories, { ...proof, challenge }, clock());
        challengeId = challenge.id;
      } else if (held !== undefined) {
        await sendConfirmation(deps, repositories, caller, confirmationOf(held, held));
      }
      const handle = formatHandle(vault, { tenantId, purpose: recoveryPurposes.mobile, id: challengeId });
      await record(repositories, deps, caller, { type: 'recovery.started', userId: held?.userId });
      await rememberResult(repositories, caller, handle);
      return handle;
    });
  };
}

/** The proof of a confirmed identifier that lets its owner set a password: a link to an address, a code to a number. */
export function recoveryProof(
  deps: Pick<RecoverDeps, 'vault' | 'clock' | 'random'>,
  caller: MessageContext,
  user: Pick<User, 'id' | 'locale' | 'senderEmail'>,
  identifier: Pick<HeldIdentifier, 'kind' | 'address'>,
): OutOfBand {
  const userId = user.id;
  const to = recipientOf(user, identifier);
  if (identifier.kind === 'email') {
    return linkByEmail(deps, caller, to, {
      userId,
      purpose: recoveryPurposes.email,
      template: 'recover',
      page: caller.tenant.policy.pages.recover,
      parameter: 'token',
      lifetimeMs: linkLifetimeMs,
    });
  }
  return codeBySms(deps, caller, to, {
    userId,
    purpose: recoveryPurposes.mobile,
    subject: userId,
    template: 'recover-sms',
    code: makeDigitCode(deps.random),
    lifetimeMs: codeLifetimeMs,
  });
}
