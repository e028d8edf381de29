import type { Caller } from '../domain/caller.ts';
import { DomainError } from '../domain/errors.ts';
import type { Budget } from '../domain/model.ts';
import { networkOf } from '../domain/network.ts';
import type { Clock } from '../domain/ports.ts';
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

/** When the present window of a budget began. */
export function windowOf({ windowMs }: Budget, now: Date): Date {
  return new Date(Math.floor(now.getTime() / windowMs) * windowMs);
}

/** Counts against limits in the database, so that all instances share them. It fails closed. */
export function createLimiter({ store, clock, onRefusal }: LimiterDeps) {
  const refusal = (budget: Budget, windowStart: Date) =>
    new DomainError('RATE_LIMITED', {
      retryAfterMs: windowStart.getTime() + budget.windowMs - clock().getTime(),
    });

  return {
    /** Uses some of a budget, by default one, and refuses the call where that is not left. */
    async charge(tenantId: string, budget: Budget, subject: string, amount = 1): Promise<void> {
      const windowStart = windowOf(budget, clock());
      const isLeft = await store.budgets.charge(tenantId, budget, sha256(subject), windowStart, amount);
      if (isLeft) return;
      onRefusal?.(budget.name);
      throw refusal(budget, windowStart);
    },
  };
}

/** Counts a message of one kind to an address or number, whether it is known or not. */
export type RecipientCharge = (caller: Caller, kind: string, recipient: string) => Promise<void>;

/** E-mails are counted by kind; SMS cost money, and all kinds of them count together. */
export function createRecipientCharge(
  limiter: Limiter,
  { emailsPerRecipient }: Limits,
  smsGuard: SmsGuard,
): RecipientCharge {
  return async (caller, kind, recipient) => {
    if (!recipient.includes('@')) return await smsGuard.chargeRequest(caller, recipient);
    const name = `${emailsPerRecipient.name}.${kind}`;
    await limiter.charge(caller.tenant.id, { ...emailsPerRecipient, name }, recipient);
  };
}

export type Limiter = ReturnType<typeof createLimiter>;

/** Counts a message of a call that the gate did not count as one. */
export type MessageCharge = (caller: Caller) => Promise<void>;

export function createMessageCharge(
  limiter: Limiter,
  { messagesPerNetwork, messagesPerTenant }: Limits,
): MessageCharge {
  return async ({ tenant, client }) => {
    await limiter.charge(tenant.id, messagesPerNetwork, networkOf(client.address));
    await limiter.charge(tenant.id, messagesPerTenant, '');
  };
}
