import type { Audience } from '../domain/audience.ts';
import { audienceOf, type Caller } from '../domain/caller.ts';
import { networkOf } from '../domain/network.ts';
import { budgetOf, type Limiter, type Limits } from './limits.ts';
import type { SmsGuard } from './sms-guard.ts';

/** Counts a message of one kind to an address or number, whether it is known or not. */
export type RecipientCharge = (caller: Caller, kind: string, recipient: string) => Promise<void>;

/** Multiple of one network's limit that all networks together may send to an address. */
const networksPerRecipient = 4;

/** A code is asked for at every sign-in, other e-mails once in a while. */
const codesPerEmail = 4;

/**
 * E-mails are counted by kind; SMS cost money, and all kinds of them count together. What a
 * stranger asks for in a user's name counts by network, so that the owner is not kept from
 * asking; over all networks it has a ceiling (R70).
 */
export function createRecipientCharge(
  limiter: Limiter,
  { emailsPerRecipient }: Limits,
  smsGuard: SmsGuard,
): RecipientCharge {
  return async (caller, kind, recipient) => {
    if (!recipient.includes('@')) return await smsGuard.chargeRequest(caller, recipient);
    const max = emailsPerRecipient.max * (kind === 'sign-in' ? codesPerEmail : 1);
    const budget = { ...emailsPerRecipient, max, name: `${emailsPerRecipient.name}.${kind}` };
    const { id } = caller.tenant;
    if (audienceOf(caller) === 'user') return await limiter.charge(id, budgetOf(budget, 'user'), recipient);
    await limiter.charge(id, budget, `${recipient} ${networkOf(caller.client.address)}`);
    const ceiling = { ...budget, name: `${budget.name}.all`, max: budget.max * networksPerRecipient };
    await limiter.charge(id, ceiling, recipient);
  };
}

/** Counts a message of a call that the gate did not count as one. */
export type MessageCharge = (caller: Caller, audience?: Audience) => Promise<void>;

export function createMessageCharge(
  limiter: Limiter,
  { messagesPerNetwork, messagesPerTenant }: Limits,
): MessageCharge {
  return async (caller, audience = audienceOf(caller)) => {
    const { tenant, client } = caller;
    await limiter.charge(tenant.id, budgetOf(messagesPerNetwork, audience), networkOf(client.address));
    await limiter.charge(tenant.id, budgetOf(messagesPerTenant, audience), '');
  };
}
