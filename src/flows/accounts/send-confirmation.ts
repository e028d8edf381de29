import type { Caller } from '../../domain/caller.ts';
import { createViolations } from '../../domain/errors.ts';
import { type IdentifierInput, parseIdentifier } from '../../domain/identifier.ts';
import { matchRegisteredUrl } from '../../domain/registered-url.ts';
import type { Store } from '../../domain/repositories.ts';
import type { RecipientCharge } from '../charges.ts';
import { record } from '../events/record.ts';
import { rememberResult } from '../idempotency.ts';
import { type ConfirmationDeps, confirmationOf, sendConfirmation } from './confirmation.ts';

export type SendConfirmationDeps = ConfirmationDeps & {
  readonly store: Store<'users' | 'challenges' | 'outbox' | 'events' | 'idempotency'>;
  readonly chargeRecipient: RecipientCharge;
};

export type SendConfirmationCommand = IdentifierInput & {
  readonly confirmUrl: string;
  readonly senderEmail: string;
};

/** Sends a new confirmation where an unconfirmed account waits for one; the response never discloses which. */
export function createSendConfirmation({ store, chargeRecipient, ...deps }: SendConfirmationDeps) {
  return async function send(caller: Caller, command: SendConfirmationCommand): Promise<void> {
    const { id: tenantId, policy } = caller.tenant;
    const violations = createViolations();
    const identifier = violations.collect(() => parseIdentifier(command, policy));
    const confirmUrl = violations.collect(() =>
      matchRegisteredUrl(command.confirmUrl, policy.confirmUrls, '', 'confirm_url'),
    );
    if (command.senderEmail !== '' && !policy.senders.addresses.includes(command.senderEmail)) {
      violations.add('sender_email', 'SENDER_NOT_REGISTERED');
    }
    violations.throwIfAny();
    if (identifier === undefined) return;

    await chargeRecipient(caller, 'send-confirmation', identifier.canonical);
    const held = await store.users.findIdentifier(tenantId, identifier);
    await store.transaction(async (repositories) => {
      if (held !== undefined && held.confirmedAt === undefined) {
        const own = confirmationOf(held, held);
        await sendConfirmation(deps, repositories, caller, {
          ...own,
          senderEmail: command.senderEmail || own.senderEmail,
          confirmUrl: confirmUrl || own.confirmUrl,
        });
      }
      const userId = held?.userId;
      await record(repositories, deps, caller, { type: 'confirmation.sent', userId });
      await rememberResult(repositories, caller, undefined);
    });
  };
}
