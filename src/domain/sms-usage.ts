import type { Audience } from './audience.ts';

/** The key that sent and confirmed codes are counted under. */
export type SmsPeriod = { readonly country: string; readonly hour: Date; readonly audience: Audience };

export type SmsUsageRepository = {
  /**
   * Counts an SMS to a number and makes the next one wait, each time twice as long;
   * returns undefined, or the time before which this one may not be sent.
   */
  backOff(
    tenantId: string,
    number: Buffer,
    delay: { readonly firstDelayS: number; readonly maxDelayS: number; readonly forgetAfterS: number },
    now: Date,
  ): Promise<Date | undefined>;
  /** Resets the delay of a number: its next SMS does not wait. */
  forgetBackOff(tenantId: string, number: Buffer): Promise<void>;
  /** Counts a code that is sent to a country in an hour, or with -1 takes it back. */
  countSent(tenantId: string, period: SmsPeriod, by: 1 | -1): Promise<void>;
  /** Counts a redeemed code. */
  countConfirmed(tenantId: string, period: SmsPeriod): Promise<void>;
  totals(
    tenantId: string,
    country: string,
    audience: Audience,
    since: Date,
  ): Promise<{ sent: number; confirmed: number }>;
};
