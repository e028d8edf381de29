import type { Caller } from '../../domain/caller.ts';
import { parseEmail } from '../../domain/email.ts';
import { createViolations } from '../../domain/errors.ts';
import type { Clock, Random, Store } from '../../domain/ports.ts';
import { matchRegisteredUrl } from '../../domain/registered-url.ts';
import { sendConfirmation } from './confirmation.ts';

export type SendConfirmEmailDeps = {
  readonly store: Store<'users' | 'challenges' | 'outbox'>;
  readonly clock: Clock;
  readonly random: Random;
};

export type SendConfirmEmailCommand = {
  readonly email: string;
  readonly confirmUrl: string;
  readonly senderEmail: string;
};

/** Sends a new confirmation message where an unconfirmed account waits for one; the answer never tells. */
export function createSendConfirmEmail({ store, clock, random }: SendConfirmEmailDeps) {
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

    const held = await store.users.findIdentifier(tenantId, {
      kind: 'email',
      canonical: email?.canonical ?? '',
    });
    if (held === undefined || held.confirmedAt !== undefined) return;
    await store.transaction((repositories) =>
      sendConfirmation({ clock, random }, repositories, caller, {
        identifier: held,
        userLocale: held.locale,
        senderEmail: command.senderEmail || held.senderEmail,
        confirmUrl: confirmUrl || held.confirmUrl,
      }),
    );
  };
}
