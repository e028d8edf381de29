import type { Caller } from '../domain/caller.ts';
import { DomainError } from '../domain/errors.ts';
import { countryOf } from '../domain/mobile.ts';
import type { Budget, Challenge } from '../domain/model.ts';
import { networkOf } from '../domain/network.ts';
import type { Clock } from '../domain/ports.ts';
import type { Repositories } from '../domain/repositories.ts';
import type { Tenant } from '../domain/tenant.ts';
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
 * not, before anything is sent, and fails closed. The tenant's budgets come last, so that
 * nobody uses them up with calls that are refused anyway.
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

  async function isPumped(tenantId: string, country: string, since: Date): Promise<boolean> {
    const { sent, confirmed } = await store.smsUsage.totals(tenantId, country, since);
    return sent >= breakerMinSent && confirmed / sent < breakerMinShare;
  }

  /** Refuses a country whose codes nobody types, until the hours that show it have passed. */
  async function assertNotPumped(tenantId: string, country: string): Promise<void> {
    const now = clock();
    const hour = hourOf(now);
    if (!(await isPumped(tenantId, country, new Date(hour.getTime() - breakerWindowMs)))) return;
    const hours = (await isPumped(tenantId, country, hour)) ? 2 : 1;
    throw new DomainError('RATE_LIMITED', { retryAfterMs: hour.getTime() + hours * hourMs - now.getTime() });
  }

  /** What every SMS counts against, whoever it is that asks for it. */
  async function chargeNumber({ id, policy }: Tenant, number: string): Promise<void> {
    await limiter.charge(id, limits.smsPerRecipient, number);
    await limiter.charge(id, limits.smsPerRecipientDay, number);
    await limiter.charge(id, limits.smsPerPrefix, number.slice(0, -4));
    const { dailyMessages, dailyBudget, prices } = policy.sms;
    await limiter.charge(id, dayBudget('sms.tenant', dailyMessages), '');
    if (dailyBudget === 0) return;
    const price = prices[countryOf(number)];
    // What a country without a price costs cannot be told: it is too dear.
    if (price === undefined) throw new DomainError('RATE_LIMITED', { retryAfterMs: dayMs });
    await limiter.charge(id, dayBudget('sms.money', dailyBudget), '', price);
  }

  return {
    /** Charges an SMS to a number, in E.164, that a caller asks for. */
    async chargeRequest({ tenant, client }: Caller, number: string): Promise<void> {
      await assertNotPumped(tenant.id, countryOf(number));
      await limiter.charge(tenant.id, limits.smsPerNetwork, networkOf(client.address));
      await backOff(tenant.id, number);
      await chargeNumber(tenant, number);
    },

    /** Charges a notice that nobody asked for, before it is sent; false where it has to be left out. */
    async chargeNotice(tenant: Tenant, number: string): Promise<boolean> {
      try {
        await chargeNumber(tenant, number);
        return true;
      } catch (error) {
        if (error instanceof DomainError && error.reason === 'RATE_LIMITED') return false;
        throw error;
      }
    },
  };
}

function dayBudget(name: string, max: number): Budget {
  return { name, max, windowMs: dayMs };
}

export type SmsGuard = ReturnType<typeof createSmsGuard>;

/** Counts a code for the breaker while it is sent; what does not go out is taken back. */
export async function countingCode(
  { smsUsage }: Pick<Repositories, 'smsUsage'>,
  clock: Clock,
  tenantId: string,
  number: string,
  send: () => Promise<void>,
): Promise<void> {
  const [country, hour] = [countryOf(number), hourOf(clock())];
  await smsUsage.countSent(tenantId, country, hour, 1);
  try {
    await send();
  } catch (error) {
    await smsUsage.countSent(tenantId, country, hour, -1);
    throw error;
  }
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
  // An address may begin like a number.
  if (identifier.startsWith('+') && !identifier.includes('@')) {
    await smsUsage.countConfirmed(tenantId, countryOf(identifier), hourOf(now));
    await smsUsage.forgetBackOff(tenantId, sha256(identifier));
  }
  return true;
}
