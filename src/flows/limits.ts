import type { Audience } from '../domain/audience.ts';
import type { Budget } from '../domain/budget.ts';
import { audienceOf, type Caller } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import { DomainError } from '../domain/errors.ts';
import { networkOf } from '../domain/network.ts';
import type { Repositories } from '../domain/repositories.ts';
import { sha256 } from '../domain/token.ts';
import type { SmsGuard } from './sms-guard.ts';

/** Every limit, with its window. What they are for stands in the configuration table of the README. */
export type Limits = {
  /** Failed guesses of one network (R9). */
  readonly guessesPerNetwork: Budget;
  /** Failed guesses of everyone at one tenant. */
  readonly guessesPerTenant: Budget;
  readonly messagesPerNetwork: Budget;
  readonly messagesPerTenant: Budget;
  /** Sign-ins with a provider that one network begins. */
  readonly loginStartsPerNetwork: Budget;
  /** E-mails of one kind to one address, known or not. */
  readonly emailsPerRecipient: Budget;
  /** SMS to one number in an hour and in a day, known or not (R45). */
  readonly smsPerRecipient: Budget;
  readonly smsPerRecipientDay: Budget;
  /** SMS to all numbers that differ in their last four digits alone. */
  readonly smsPerPrefix: Budget;
  /** SMS that one network asks for. */
  readonly smsPerNetwork: Budget;
  /** How long the second SMS to a number has to wait, in seconds; it doubles with each further one. 0: not at all. */
  readonly smsResendDelayS: number;
};

export type LimiterDeps = {
  readonly store: Pick<Repositories, 'budgets'>;
  readonly clock: Clock;
  /** Told of every refusal, with the name of the limit. */
  readonly onRefusal?: (limit: string) => void;
};

/** A budget for these callers: what strangers ask for takes nothing from what users need (R70). */
export function budgetOf(budget: Budget, audience: Audience): Budget {
  return audience === 'anonymous' ? budget : { ...budget, name: `${budget.name}.user` };
}

export type Limiter = {
  /** Uses some of a budget, by default one; throws RATE_LIMITED where that is not left. */
  charge(tenantId: string, budget: Budget, subject: string, amount?: number): Promise<void>;
  /** The same limiter inside of a transaction. */
  over(repositories: LimiterDeps['store']): Limiter;
};

/** Counts against limits in the database, so that all instances share them. It fails closed. */
export function createLimiter({ store, clock, onRefusal }: LimiterDeps): Limiter {
  return {
    async charge(tenantId: string, budget: Budget, subject: string, amount = 1) {
      const retryAfterMs = await store.budgets.charge(tenantId, budget, sha256(subject), clock(), amount);
      if (retryAfterMs === 0) return;
      onRefusal?.(budget.name);
      throw new DomainError('RATE_LIMITED', { retryAfterMs });
    },

    over: (repositories) => createLimiter({ store: repositories, clock, ...(onRefusal && { onRefusal }) }),
  };
}

/** Counts a message of one kind to an address or number, whether it is known or not. */
export type RecipientCharge = (caller: Caller, kind: string, recipient: string) => Promise<void>;

/** How often as many e-mails of a kind go to an address as one network may ask for. */
const networksPerRecipient = 4;

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
    const budget = { ...emailsPerRecipient, name: `${emailsPerRecipient.name}.${kind}` };
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
