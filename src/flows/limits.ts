import type { Caller } from '../domain/caller.ts';
import { DomainError } from '../domain/errors.ts';
import type { Budget } from '../domain/model.ts';
import { networkOf } from '../domain/network.ts';
import type { Clock } from '../domain/ports.ts';
import type { Repositories } from '../domain/repositories.ts';
import { sha256 } from '../domain/token.ts';

/** Every limit, with its window. What they are for stands in the configuration table of the README. */
export type Limits = {
  /** Failed guesses of one network (R9). */
  readonly guessesPerNetwork: Budget;
  /** Failed guesses of everyone at one tenant. */
  readonly guessesPerTenant: Budget;
  readonly messagesPerNetwork: Budget;
  readonly messagesPerTenant: Budget;
  /** E-mails of one kind to one address, known or not. */
  readonly emailsPerRecipient: Budget;
  /** SMS of one kind to one number, known or not. */
  readonly smsPerRecipient: Budget;
};

export type LimiterDeps = { readonly store: Pick<Repositories, 'budgets'>; readonly clock: Clock };

/** Counts against limits in the database, so that all instances share them. It fails closed. */
export function createLimiter({ store, clock }: LimiterDeps) {
  const windowOf = ({ windowMs }: Budget) => new Date(Math.floor(clock().getTime() / windowMs) * windowMs);
  const refusal = (budget: Budget, windowStart: Date) =>
    new DomainError('RATE_LIMITED', {
      retryAfterMs: windowStart.getTime() + budget.windowMs - clock().getTime(),
    });

  return {
    /** Uses one of a budget, and refuses the call where none is left. */
    async charge(tenantId: string, budget: Budget, subject: string): Promise<void> {
      const windowStart = windowOf(budget);
      const isLeft = await store.budgets.charge(tenantId, budget, sha256(subject), windowStart);
      if (!isLeft) throw refusal(budget, windowStart);
    },

    /** Gives one back, because what was counted turned out harmless. */
    async refund(tenantId: string, budget: Budget, subject: string): Promise<void> {
      await store.budgets.refund(tenantId, budget.name, sha256(subject), windowOf(budget));
    },
  };
}

/** Counts a message of one kind to an address or number, whether it is known or not. */
export type RecipientCharge = (tenantId: string, kind: string, recipient: string) => Promise<void>;

export function createRecipientCharge(
  limiter: Limiter,
  { emailsPerRecipient, smsPerRecipient }: Limits,
): RecipientCharge {
  return async (tenantId, kind, recipient) => {
    const budget = recipient.includes('@') ? emailsPerRecipient : smsPerRecipient;
    await limiter.charge(tenantId, { ...budget, name: `${budget.name}.${kind}` }, recipient);
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
