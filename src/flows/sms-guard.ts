import type { Audience } from '../domain/audience.ts';
import type { Budget } from '../domain/budget.ts';
import { audienceOf, type Caller } from '../domain/caller.ts';
import type { Challenge, ChallengePurpose } from '../domain/challenge.ts';
import type { Clock } from '../domain/clock.ts';
import { dayMs, hourMs } from '../domain/duration.ts';
import { DomainError } from '../domain/errors.ts';
import type { Message } from '../domain/message.ts';
import { countryOf } from '../domain/mobile.ts';
import { networkOf } from '../domain/network.ts';
import type { Repositories } from '../domain/repositories.ts';
import type { Tenant } from '../domain/tenant.ts';
import { sha256 } from '../domain/token.ts';
import { type Limiter, type Limits, vouched } from './limits.ts';

/** The longest wait between two SMS to a number, and after what quiet it begins anew. */
const maxDelayS = 32 * 60;
const forgetAfterS = 86_400;

/** A country is closed where fewer than a fifth of at least 50 codes were typed (R45). */
const breakerMinSent = 50;
const breakerMinShare = 0.2;
/** Window of the breaker: this hour and the one before. */
const breakerWindowMs = hourMs;

export type SmsGuardDeps = {
  readonly store: Pick<Repositories, 'smsUsage'>;
  readonly limiter: Limiter;
  readonly limits: Limits;
  readonly clock: Clock;
  /** Whether the deployment sends SMS. Default: it does. */
  readonly isOn?: boolean;
};

/** The hour in which something is counted. */
function hourOf(now: Date): Date {
  return new Date(Math.floor(now.getTime() / hourMs) * hourMs);
}

/** The budget that an SMS counts against: that of strangers, of users, or of notices without a caller. */
type Payer = Audience | 'notice';

/** The purposes of codes that anyone may request. */
const anonymousPurposes: ReadonlySet<ChallengePurpose> = new Set([
  'confirm-sms',
  'recover-sms',
  'sign-in-code',
]);

/** The audience of a code by its purpose. */
export function audienceOfPurpose(purpose: ChallengePurpose): Audience {
  return anonymousPurposes.has(purpose) ? 'anonymous' : 'user';
}

/** A budget of these payers alone. */
function payedBy(budget: Budget, payer: Payer): Budget {
  return payer === 'anonymous' ? budget : { ...budget, name: `${budget.name}.${payer}` };
}

/** The key of the delay of the next SMS: a stranger's network delays no other caller (R70). */
function backOffKey(audience: Audience, number: string, address: string): Buffer {
  return sha256(audience === 'user' ? number : `${number} ${networkOf(address)}`);
}

/**
 * Guards against SMS pumping (R45): counts every SMS that is asked for, known number or
 * not, before anything is sent, and fails closed. The tenant's budgets come last, so that
 * no one uses them up with calls that are refused anyway.
 */
export function createSmsGuard({ store, limiter, limits, clock, isOn = true }: SmsGuardDeps) {
  async function backOff(tenantId: string, key: Buffer): Promise<void> {
    const firstDelayS = limits.smsResendDelayS;
    if (firstDelayS === 0) return;
    const now = clock();
    const delay = { firstDelayS, maxDelayS, forgetAfterS };
    const waitUntil = await store.smsUsage.backOff(tenantId, key, delay, now);
    if (waitUntil !== undefined)
      throw new DomainError('RATE_LIMITED', { retryAfterMs: waitUntil.getTime() - now.getTime() });
  }

  async function isPumped(
    tenantId: string,
    country: string,
    audience: Audience,
    since: Date,
  ): Promise<boolean> {
    const { sent, confirmed } = await store.smsUsage.totals(tenantId, country, audience, since);
    return sent >= breakerMinSent && confirmed / sent < breakerMinShare;
  }

  /** Refuses a country whose codes are not entered, until the hours that show it have passed. */
  async function assertNotPumped(tenantId: string, country: string, audience: Audience): Promise<void> {
    const now = clock();
    const hour = hourOf(now);
    const before = new Date(hour.getTime() - breakerWindowMs);
    if (!(await isPumped(tenantId, country, audience, before))) return;
    const hours = (await isPumped(tenantId, country, audience, hour)) ? 2 : 1;
    throw new DomainError('RATE_LIMITED', { retryAfterMs: hour.getTime() + hours * hourMs - now.getTime() });
  }

  /** Charges the budgets of every SMS; each kind of payer has separate ones. */
  async function chargeNumber(
    { id, policy }: Tenant,
    number: string,
    payer: Payer,
    isVouched = false,
  ): Promise<void> {
    const own = (budget: Budget) => (isVouched ? vouched(budget) : payedBy(budget, payer));
    await limiter.charge(id, own(limits.smsPerRecipient), number);
    await limiter.charge(id, own(limits.smsPerRecipientDay), number);
    await limiter.charge(id, own(limits.smsPerPrefix), number.slice(0, -4));
    const { dailyMessages, dailyBudget, prices } = policy.sms;
    await limiter.charge(id, payedBy(dayBudget('sms.tenant', dailyMessages), payer), '');
    if (dailyBudget === 0) return;
    const price = prices[countryOf(number)];
    // A country without a price is over every budget.
    if (price === undefined) throw new DomainError('RATE_LIMITED', { retryAfterMs: dayMs });
    await limiter.charge(id, payedBy(dayBudget('sms.money', dailyBudget), payer), '', price);
  }

  return {
    /** Charges an SMS to a number, in E.164, that a caller asks for. */
    async chargeRequest(
      caller: Caller,
      number: string,
      {
        audience = audienceOf(caller),
        isVouched = false,
      }: { readonly audience?: Audience; readonly isVouched?: boolean } = {},
    ): Promise<void> {
      if (!isOn) throw new DomainError('CHANNEL_UNAVAILABLE', { metadata: { channel: 'SMS' } });
      const { tenant, client } = caller;
      await assertNotPumped(tenant.id, countryOf(number), audience);
      await limiter.charge(tenant.id, payedBy(limits.smsPerNetwork, audience), networkOf(client.address));
      await backOff(tenant.id, backOffKey(audience, number, client.address));
      await chargeNumber(tenant, number, audience, isVouched);
    },

    /** Charges a notice that no one asked for, before it is sent; false where it has to be left out. */
    async chargeNotice(tenant: Tenant, number: string): Promise<boolean> {
      try {
        await chargeNumber(tenant, number, 'notice');
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
  { to, audience = 'anonymous' }: Pick<Message, 'to' | 'audience'>,
  send: () => Promise<void>,
): Promise<void> {
  const period = { country: countryOf(to), hour: hourOf(clock()), audience };
  await smsUsage.countSent(tenantId, period, 1);
  try {
    await send();
  } catch (error) {
    await smsUsage.countSent(tenantId, period, -1);
    throw error;
  }
}

/** Counts a redeemed SMS code for the breaker of its country; the next SMS to that number does not wait. */
export async function countRedeemedSms(
  { smsUsage }: Pick<Repositories, 'smsUsage'>,
  { client }: Pick<Caller, 'client'>,
  { tenantId, identifier, purpose }: Pick<Challenge, 'tenantId' | 'identifier' | 'purpose'>,
  now: Date,
): Promise<void> {
  const audience = audienceOfPurpose(purpose);
  await smsUsage.countConfirmed(tenantId, { country: countryOf(identifier), hour: hourOf(now), audience });
  await smsUsage.forgetBackOff(tenantId, backOffKey(audience, identifier, client.address));
}
