import type { Caller } from '../../domain/caller.ts';
import { type IdentifierInput, parseIdentifier } from '../../domain/identifier.ts';
import type { ChallengePurpose, IdentifierKind } from '../../domain/model.ts';
import { makeDigitCode } from '../../domain/one-time-code.ts';
import type { Clock, Random, Vault } from '../../domain/ports.ts';
import type { Store } from '../../domain/repositories.ts';
import { auditEvent } from '../audit.ts';
import { rememberResult } from '../idempotency.ts';
import type { RecipientCharge } from '../limits.ts';
import type { Recipient } from '../messages.ts';
import { codeBySms, linkByEmail, type OutOfBand, sendOutOfBand } from '../out-of-band.ts';

export type RecoverDeps = {
  readonly store: Store<'users' | 'challenges' | 'outbox' | 'audit' | 'idempotency'>;
  readonly chargeRecipient: RecipientCharge;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** How long a link and a code are good (R34). */
const linkLifetimeMs = 1_800_000;
const codeLifetimeMs = 600_000;

export const recoveryPurposes = {
  email: 'recover-email',
  mobile: 'recover-sms',
} as const satisfies Record<IdentifierKind, ChallengePurpose>;

/**
 * Sends what a forgotten password can be replaced with, to a confirmed address or
 * number; the answer never tells whether there is one. A locked account can be
 * recovered, and asking locks nothing (R10).
 */
export function createRecover({ store, chargeRecipient, ...deps }: RecoverDeps) {
  return async function recover(caller: Caller, command: IdentifierInput): Promise<void> {
    const { id: tenantId, policy } = caller.tenant;
    const identifier = parseIdentifier(command, policy);
    await chargeRecipient(caller, 'recover', identifier.canonical);
    const held = await store.users.findIdentifier(tenantId, identifier);

    await store.transaction(async (repositories) => {
      if (held?.confirmedAt !== undefined) {
        const to = {
          kind: held.kind,
          address: held.address,
          userLocale: held.locale,
          senderEmail: held.senderEmail,
        };
        await sendOutOfBand(repositories, proofOf(deps, caller, held.userId, to));
      }
      await repositories.audit.add(auditEvent(deps, caller, 'recover', 'success', { userId: held?.userId }));
      await rememberResult(repositories, caller, undefined);
    });
  };
}

function proofOf(
  deps: Pick<RecoverDeps, 'vault' | 'clock' | 'random'>,
  caller: Caller,
  userId: string,
  to: Recipient,
): OutOfBand {
  if (to.kind === 'email') {
    return linkByEmail(deps, caller, to, {
      userId,
      purpose: recoveryPurposes.email,
      slot: userId,
      template: 'recover',
      page: caller.tenant.policy.pages.recover,
      parameter: 'token',
      lifetimeMs: linkLifetimeMs,
    });
  }
  return codeBySms(deps, caller, to, {
    userId,
    purpose: recoveryPurposes.mobile,
    slot: userId,
    template: 'recover-sms',
    code: makeDigitCode(deps.random),
    lifetimeMs: codeLifetimeMs,
  });
}
