import { LRUCache } from 'lru-cache';
import type { Caller } from '../domain/caller.ts';
import type { Clock } from '../domain/clock.ts';
import { DomainError } from '../domain/errors.ts';
import { networkOf } from '../domain/network.ts';
import { budgetOf, type Limiter, type Limits } from '../flows/limits.ts';
import type { ApplicationDirectory } from './application-directory.ts';

/** Networks that are over their limit; beyond that the oldest are judged by the database again. */
const maxClosed = 10_000;

export type ApplicationAttemptDeps = {
  readonly limiter: Limiter;
  readonly limits: Limits;
  /** Whether an application of the tenant has the browser origin. */
  readonly hasOrigin: ApplicationDirectory['hasOrigin'];
  readonly clock: Clock;
};

/**
 * Counts the calls of applications that did not authenticate by network, after they happened: their secrets have 256 bits, so
 * that nobody guesses one, and a call that succeeds writes nothing. A network over its limit is refused by this instance until
 * the window ends. Codes and tokens that are no good are not counted: strangers make an application present them. Nor are
 * calls from an origin that no application has: any page could make its visitors send them, and their rejection writes nothing.
 */
export function createApplicationAttempts({ limiter, limits, hasOrigin, clock }: ApplicationAttemptDeps) {
  const budget = budgetOf(limits.attemptsPerNetwork, 'application');
  const closedUntil = new LRUCache<string, number>({ max: maxClosed });

  return async function attempt<T>(
    { tenant, client, application }: Caller,
    work: () => Promise<T>,
  ): Promise<T> {
    const { origin = '' } = application ?? {};
    if (origin !== '' && !(await hasOrigin(tenant.id, origin))) return await work();
    // Each origin has its own limit, so pages of one cannot use up that of others, or of servers.
    const network = `${networkOf(client.address)}${origin && ` ${origin}`}`;
    const lane = `${tenant.id} ${network}`;
    const waitMs = (closedUntil.get(lane) ?? 0) - clock().getTime();
    if (waitMs > 0) throw new DomainError('RATE_LIMITED', { retryAfterMs: waitMs });
    try {
      return await work();
    } catch (error) {
      if (error instanceof DomainError && error.reason === 'INVALID_CLIENT')
        await limiter.charge(tenant.id, budget, network).catch((refusal: unknown) => {
          if (!(refusal instanceof DomainError) || refusal.reason !== 'RATE_LIMITED') throw refusal;
          closedUntil.set(lane, clock().getTime() + (refusal.details.retryAfterMs ?? 0));
        });
      throw error;
    }
  };
}
