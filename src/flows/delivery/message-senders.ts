import type { Clock } from '../../domain/clock.ts';
import type { Transport, Transports } from '../../domain/delivery.ts';
import type { ClaimedMessage, Message } from '../../domain/message.ts';
import type { Store } from '../../domain/repositories.ts';
import { manamSlug, type Tenant } from '../../domain/tenant.ts';
import { senderFor } from '../messages.ts';
import { countingCode, type SmsGuard } from '../sms-guard.ts';
import type { Sender, Senders } from './dispatch.ts';

export type MessageSenderDeps = {
  readonly store: Pick<
    Store<'smsUsage' | 'members' | 'tenants' | 'users'>,
    'smsUsage' | 'members' | 'tenants' | 'users'
  >;
  readonly transports: Transports;
  readonly smsGuard: Pick<SmsGuard, 'chargeNotice'>;
  readonly clock: Clock;
};

/** Delay of a notice whose recipient is over the limit. */
const limitedDelayMs = 600_000;

/** The senders of e-mails and SMS, for the transports that are configured. */
export function createMessageSenders({ store, transports, smsGuard, clock }: MessageSenderDeps): Senders {
  /** Whether a message goes to the proved address of one of the people who run the tenant. */
  async function isOfMember({ channel, to }: Message, { id }: Tenant): Promise<boolean> {
    const manam = channel === 'email' ? await store.tenants.findBySlug(manamSlug) : undefined;
    if (manam === undefined) return false;
    const held = await store.users.findIdentifier(manam.id, { kind: 'email', canonical: to.toLowerCase() });
    if (held?.confirmedAt === undefined) return false;
    return (await store.members.find(id, held.userId)) !== undefined;
  }

  const senderOf = (transport: Transport): Sender => ({
    async admit(claimed, tenant) {
      const message = claimed.message as Message;
      const { charged } = claimed;
      if (tenant.confined && !(await isOfMember(message, tenant))) return { refused: 'SENDER_UNPROVED' };
      // A code was charged when it was requested; a notice is charged now.
      if (message.channel !== 'sms' || message.code !== '' || charged) return { charged };
      // Over the budget of a number its notices wait: no one can keep them from its owner for good.
      if (!(await smsGuard.chargeNotice(tenant, message.to)))
        return { laterMs: limitedDelayMs, error: 'SMS_LIMITED' };
      return { charged: true };
    },

    async send(claimed, tenant, signal) {
      const outgoing = outgoingOf(claimed as ClaimedMessage<Message>, tenant);
      const { message } = outgoing;
      const send = () => transport.send(outgoing, signal);
      if (message.channel === 'sms' && message.code !== '')
        await countingCode(store, clock, tenant.id, message, send);
      else await send();
    },
  });
  return Object.fromEntries(
    Object.entries(transports).map(([channel, transport]) => [channel, senderOf(transport)]),
  );
}

function outgoingOf({ id, message, claims, createdAt }: ClaimedMessage<Message>, tenant: Tenant) {
  // The sender may have been removed from the policy since; the message goes out by the default.
  const from = message.channel === 'email' ? senderFor(tenant.policy, message.from) : '';
  return {
    id,
    message: { ...message, from },
    tenantName: tenant.name,
    logo: tenant.policy.branding.logo,
    mayBeDuplicate: claims > 1,
    createdAt,
  };
}
