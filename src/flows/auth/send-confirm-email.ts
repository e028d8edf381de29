import type { Caller } from '../../domain/caller.ts';
import { parseEmail } from '../../domain/email.ts';
import { createViolations } from '../../domain/errors.ts';
import type { Clock, Random, Store } from '../../domain/ports.ts';
import { matchRegisteredUrl } from '../../domain/registered-url.ts';
import { auditEvent } from '../audit.ts';
import { rememberResult } from '../idempotency.ts';
import type { RecipientCharge } from '../limits.ts';
import { sendConfirmation } from './confirmation.ts';

export type SendConfirmEmailDeps = {
  readonly store: Store<'users' | 'challenges' | 'outbox' | 'budgets' | 'audit' | 'idempotency'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly chargeRecipient: RecipientCharge;
};

export type SendConfirmEmailCommand = {
  readonly email: string;
  readonly confirmUrl: string;
  readonly senderEmail: string;
};

/** Sends a new confirmation message where an unconfirmed account waits for one; the answer never tells. */
export function createSendConfirmEmail({ store, clock, random, chargeRecipient }: SendConfirmEmailDeps) {
  return async function sendConfirmEmail(caller: Caller, command: SendConfirmEmailCommand): Promise<void> {
    const { id: tenantId, policy } = caller.tenant;
    const violations = createViolations();
    const email = violations.collect(() => parseEmail(command.email));
    const confirmUrl = violations.collect(() =>
      matchRegisteredUrl(command.confirmUrl, policy.confirmUrls, '', 'confirm_url'),
    );
    if (command.senderEmail !== '' && !policy.senders.addresses.includes(command.senderEmail)) {
      violations.add('sender_email', 'SENDER_NOT_REGISTERED');
    }
    violations.refuse();

    const canonical = email?.canonical ?? '';
    await chargeRecipient(tenantId, 'send-confirmation', canonical);
    const held = await store.users.findIdentifier(tenantId, { kind: 'email', canonical });
    await store.transaction(async (repositories) => {
      if (held !== undefined && held.confirmedAt === undefined) {
        await sendConfirmation({ clock, random }, repositories, caller, {
          identifier: held,
          userLocale: held.locale,
          senderEmail: command.senderEmail || held.senderEmail,
          confirmUrl: confirmUrl || held.confirmUrl,
        });
      }
      const userId = held?.userId;
      await repositories.audit.add(
        auditEvent({ clock, random }, caller, 'send-confirmation', 'success', { userId }),
      );
      await rememberResult(repositories, caller, undefined);
    });
  };
}
