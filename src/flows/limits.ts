import type { Audience } from '../domain/audience.ts';
import type { Budget } from '../domain/budget.ts';
import type { Clock } from '../domain/clock.ts';
import { DomainError } from '../domain/errors.ts';
import type { Repositories } from '../domain/repositories.ts';
import { sha256 } from '../domain/token.ts';

/** Every limit, with its window. What they are for stands in the configuration table of the README. */
export type Limits = {
  /** Failed attempts of one network (R9). */
  readonly attemptsPerNetwork: Budget;
  /** Failed attempts of all networks at one tenant. */
  readonly attemptsPerTenant: Budget;
  /** Calls that need no proof of work, where the tenant asks for one adaptively. */
  readonly freePerNetwork: Budget;
  readonly freePerTenant: Budget;
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
  /** Delay of the second SMS to a number, in seconds; it doubles with each further one. 0: none. */
  readonly smsResendDelayS: number;
};

export type LimiterDeps = {
  readonly store: Pick<Repositories, 'budgets'>;
  readonly clock: Clock;
  /** Called with every refusal, with the name of the limit. */
  readonly onRefusal?: (limit: string) => void;
};

/** A budget for these callers: what strangers ask for takes nothing from what users need (R70). */
export function budgetOf(budget: Budget, audience: Audience): Budget {
  return audience === 'anonymous' ? budget : { ...budget, name: `${budget.name}.${audience}` };
}

/** A budget for strangers who vouch for themselves, separate from the budget of other strangers. */
export function vouched(budget: Budget): Budget {
  return { ...budget, name: `${budget.name}.vouched` };
}

export type Limiter = {
  /** Uses some of a budget, by default one; returns when it was counted. Throws RATE_LIMITED where that is not left. */
  charge(tenantId: string, budget: Budget, subject: string, amount?: number): Promise<Date>;
  /** The same limiter inside of a transaction. */
  over(repositories: LimiterDeps['store']): Limiter;
};

/** Counts against limits in the database, so that all instances share them. It fails closed. */
export function createLimiter({ store, clock, onRefusal }: LimiterDeps): Limiter {
  return {
    async charge(tenantId: string, budget: Budget, subject: string, amount = 1) {
      const now = clock();
      const retryAfterMs = await store.budgets.charge(tenantId, budget, sha256(subject), now, amount);
      if (retryAfterMs === 0) return now;
      onRefusal?.(budget.name);
      throw new DomainError('RATE_LIMITED', { retryAfterMs });
    },

    over: (repositories) => createLimiter({ store: repositories, clock, ...(onRefusal && { onRefusal }) }),
  };
}
