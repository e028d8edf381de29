import type { Caller } from '../domain/caller.ts';
import { DomainError } from '../domain/errors.ts';
import { countryOf } from '../domain/mobile.ts';
import type { Budget, Challenge } from '../domain/model.ts';
import { networkOf } from '../domain/network.ts';
import type { Clock } from '../domain/ports.ts';
import type { Repositories } from '../domain/repositories.ts';
import { sha256 } from '../domain/token.ts';
import type { Limiter, Limits } from './limits.ts';

const hourMs = 3_600_000;
const dayMs = 86_400_000;

/** The longest wait between two SMS to a number, and after what quiet it begins anew. */
const maxDelayS = 32 * 60;
const forgetAfterS = 86_400;

/** A country is closed where fewer than a fifth of at least 50 codes were typed (R45). */
const breakerMinSent = 50;
const breakerMinShare = 0.2;
/** How long the breaker looks back: this hour and the one before. */
const breakerWindowMs = hourMs;

export type SmsGuardDeps = {
  readonly store: Pick<Repositories, 'smsUsage'>;
  readonly limiter: Limiter;
  readonly limits: Limits;
  readonly clock: Clock;
};

/** The hour in which something is counted. */
function hourOf(now: Date): Date {
  return new Date(Math.floor(now.getTime() / hourMs) * hourMs);
}

/**
 * Guards against SMS pumping (R45): counts every SMS that is asked for, known number or
 * not, before anything is sent, and fails closed. What concerns the number alone comes
 * first, so that nobody uses up a tenant's budget with calls that are refused anyway.
 */
export function createSmsGuard({ store, limiter, limits, clock }: SmsGuardDeps) {
  async function backOff(tenantId: string, number: string): Promise<void> {
    const firstDelayS = limits.smsResendDelayS;
    if (firstDelayS === 0) return;
    const now = clock();
    const delay = { firstDelayS, maxDelayS, forgetAfterS };
    const waitUntil = await store.smsUsage.backOff(tenantId, sha256(number), delay, now);
    if (waitUntil !== undefined)
      throw new DomainError('RATE_LIMITED', { retryAfterMs: waitUntil.getTime() - now.getTime() });
  }

  async function assertNotPumped(tenantId: string, country: string): Promise<void> {
    const now = clock();
    const since = new Date(hourOf(now).getTime() - breakerWindowMs);
    const { sent, confirmed } = await store.smsUsage.totals(tenantId, country, since);
    if (sent < breakerMinSent || confirmed / sent >= breakerMinShare) return;
    throw new DomainError('RATE_LIMITED', { retryAfterMs: hourOf(now).getTime() + hourMs - now.getTime() });
  }

  /** Charges an SMS to a number, in E.164, that a caller asks for. */
  return async function chargeSms({ tenant, client }: Caller, number: string): Promise<void> {
    const { id, policy } = tenant;
    const country = countryOf(number);
    await assertNotPumped(id, country);
    await backOff(id, number);
    await limiter.charge(id, limits.smsPerRecipient, number);
    await limiter.charge(id, limits.smsPerRecipientDay, number);
    await limiter.charge(id, limits.smsPerPrefix, number.slice(0, -4));
    await limiter.charge(id, limits.smsPerNetwork, networkOf(client.address));
    const { dailyMessages, dailyBudget, prices } = policy.sms;
    await limiter.charge(id, dayBudget('sms.tenant', dailyMessages), '');
    if (dailyBudget > 0)
      await limiter.charge(id, dayBudget('sms.money', dailyBudget), '', prices[country] ?? dailyBudget + 1);
  };
}

function dayBudget(name: string, max: number): Budget {
  return { name, max, windowMs: dayMs };
}

export type SmsGuard = ReturnType<typeof createSmsGuard>;

/** Notes that a code is about to be sent, for the breaker. */
export async function noteCodeSent(
  { smsUsage }: Pick<Repositories, 'smsUsage'>,
  clock: Clock,
  tenantId: string,
  number: string,
): Promise<void> {
  await smsUsage.countSent(tenantId, countryOf(number), hourOf(clock()));
}

/**
 * Consumes a challenge, once. Where its code went by SMS, somebody wanted it: the breaker
 * learns so, and the next SMS to that number does not wait.
 */
export async function consumeChallenge(
  { challenges, smsUsage }: Pick<Repositories, 'challenges' | 'smsUsage'>,
  clock: Clock,
  { tenantId, id, identifier }: Pick<Challenge, 'tenantId' | 'id' | 'identifier'>,
): Promise<boolean> {
  const now = clock();
  if (!(await challenges.consume(tenantId, id, now))) return false;
  if (identifier.startsWith('+')) {
    await smsUsage.countConfirmed(tenantId, countryOf(identifier), hourOf(now));
    await smsUsage.forgetBackOff(tenantId, sha256(identifier));
  }
  return true;
}
