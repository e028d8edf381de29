import type { Message } from './message.ts';

/** What a one-time thing is good for. */
export type ChallengePurpose =
  | 'confirm-email'
  | 'confirm-sms'
  | 'change-email'
  | 'change-mobile'
  | 'recover-email'
  | 'recover-sms'
  | 'sign-in'
  | 'login-code'
  | 'google-link'
  | 'sms-code'
  | 'totp-proof'
  | 'totp-proven'
  | 'totp-setup'
  | 'sms-proof'
  | 'sms-proven'
  | 'sms-setup';

/** A one-time thing: a link, a code, a step of a procedure. */
export type Challenge = {
  readonly id: string;
  readonly tenantId: string;
  readonly userId: string;
  readonly purpose: ChallengePurpose;
  /** There is one challenge per purpose and slot: a new one takes the place of the old. */
  readonly slot: string;
  readonly digest: Buffer;
  /** The address or number that it was sent to; empty where it was sent nowhere. */
  readonly identifier: string;
  /** How it was sent; undefined where it was sent nowhere. */
  readonly channel: Message['channel'] | undefined;
  /** What else belongs to it, sealed where it is secret. */
  readonly data: Buffer | undefined;
  readonly expiresAt: Date;
};

export type ChallengeRepository = {
  /** Puts the challenge into its slot; whatever was there is dead from then on. */
  put(challenge: Challenge): Promise<void>;
  /** Finds a challenge that is neither consumed nor expired. */
  findLive(
    tenantId: string,
    id: string,
    purpose: ChallengePurpose,
    digest: Buffer,
    now: Date,
  ): Promise<Challenge | undefined>;
  /** Finds the live challenges of that digest: where a request holds a code and nothing else. */
  findLiveByDigest(
    tenantId: string,
    purpose: ChallengePurpose,
    digest: Buffer,
    now: Date,
  ): Promise<Challenge[]>;
  /** Finds a live challenge by its id alone: where the caller holds a signed token that names it. */
  findById(
    tenantId: string,
    id: string,
    purpose: ChallengePurpose,
    now: Date,
  ): Promise<Challenge | undefined>;
  /** Finds the live challenge in a slot. */
  findInSlot(
    tenantId: string,
    purpose: ChallengePurpose,
    slot: string,
    now: Date,
  ): Promise<Challenge | undefined>;
  /** Counts a guess before it is checked; false where that many were made. */
  countAttempt(tenantId: string, id: string, max: number): Promise<boolean>;
  /** The live challenges of a user and purpose, the newest first. */
  listLive(tenantId: string, userId: string, purpose: ChallengePurpose, now: Date): Promise<Challenge[]>;
  /** Finds a challenge that has not expired, whether or not it was used. */
  findUnexpired(
    tenantId: string,
    purpose: ChallengePurpose,
    proof: { readonly id?: string; readonly digest: Buffer },
    now: Date,
  ): Promise<(Challenge & { readonly isConsumed: boolean })[]>;
  /** Kills all that is outstanding for a user. */
  killAll(tenantId: string, userId: string): Promise<void>;
  /** Consumes it; true for exactly one of any number of callers. */
  consume(tenantId: string, id: string, now: Date): Promise<boolean>;
};
