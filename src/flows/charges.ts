import type { Audience } from '../domain/audience.ts';
import { audienceOf, type Caller } from '../domain/caller.ts';
import { networkOf } from '../domain/network.ts';
import type { SessionRepository } from '../domain/session.ts';
import { budgetOf, type Limiter, type Limits, vouched } from './limits.ts';
import type { SmsGuard } from './sms-guard.ts';

/**
 * Counts a message of one kind to an address or number, whether it is known or not. Returns whether the caller
 * has vouched for themselves: by a key that a session of the owner began with, or by a proof of work.
 */
export type RecipientCharge = (caller: Caller, kind: string, recipient: string) => Promise<boolean>;

/** Multiple of one network's limit that all networks together may send to an address. */
const networksPerRecipient = 4;

/** A code is asked for at every sign-in, other e-mails once in a while. */
const codesPerEmail = 4;

export type RecipientChargeDeps = {
  readonly limiter: Limiter;
  readonly limits: Limits;
  readonly smsGuard: SmsGuard;
  readonly sessions: Pick<SessionRepository, 'isKeyOf'>;
};

/**
 * E-mails are counted by kind; SMS cost money, and all kinds of them count together. What a
 * stranger asks for in a user's name counts by network, so that the owner is not kept from
 * asking; over all networks it has a ceiling. Half of what a recipient may get is kept for callers who
 * vouch for themselves (R70).
 */
export function createRecipientCharge(deps: RecipientChargeDeps): RecipientCharge {
  const { limiter, smsGuard } = deps;
  const { emailsPerRecipient } = deps.limits;

  async function hasVouched(caller: Caller, recipient: string): Promise<boolean> {
    const { tenant, binding, hasWorked = false } = caller;
    if (binding === undefined || hasWorked) return hasWorked;
    const kind = recipient.includes('@') ? 'email' : 'mobile';
    return await deps.sessions.isKeyOf(tenant.id, { kind, canonical: recipient }, binding.jkt);
  }

  return async (caller, kind, recipient) => {
    const isUser = audienceOf(caller) === 'user';
    const isVouched = !isUser && (await hasVouched(caller, recipient));
    if (!recipient.includes('@')) {
      await smsGuard.chargeRequest(caller, recipient, { isVouched });
      return isVouched;
    }
    const max = emailsPerRecipient.max * (kind === 'sign-in' ? codesPerEmail : 1);
    const named = { ...emailsPerRecipient, max, name: `${emailsPerRecipient.name}.${kind}` };
    const { id } = caller.tenant;
    if (isUser) {
      await limiter.charge(id, budgetOf(named, 'user'), recipient);
      return isVouched;
    }
    const budget = isVouched ? vouched(named) : named;
    await limiter.charge(id, budget, `${recipient} ${networkOf(caller.client.address)}`);
    const ceiling = { ...budget, name: `${budget.name}.all`, max: budget.max * networksPerRecipient };
    await limiter.charge(id, ceiling, recipient);
    return isVouched;
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
