import type { CodeKind } from './authenticator.ts';
import type { Message } from './message.ts';

/** The purpose of a challenge: it is valid for nothing else. */
export type ChallengePurpose =
  | 'confirm-email'
  | 'confirm-sms'
  | 'change-email'
  | 'change-mobile'
  | 'recover-email'
  | 'recover-sms'
  | 'sign-in'
  | 'sign-in-code'
  | 'sign-in-report'
  | 'account-undo'
  | 'account-restore'
  | 'restore-reject'
  | 'reset-cancel'
  | 'step-up-code'
  | 'login-code'
  | 'provider-link'
  | 'sms-code'
  | `${CodeKind}-${EnrolmentStep}`;

/** The links with which an owner reports what another may have done: a change of credentials leaves them. */
export const reportPurposes = [
  'sign-in-report',
  'account-undo',
  'account-restore',
  'restore-reject',
  'reset-cancel',
] as const satisfies readonly ChallengePurpose[];

/** The steps of an enrolment: an address is proved, the proof was right, the authenticator waits for its first code. */
export type EnrolmentStep = 'proof' | 'proven' | 'setup';

/** A link, a code or a step of a procedure that is redeemed once. */
export type Challenge = {
  readonly id: string;
  readonly tenantId: string;
  /** Empty where the address or number that it was sent to has no account yet. */
  readonly userId: string;
  readonly purpose: ChallengePurpose;
  /** There is one challenge per purpose and slot: a new one replaces the old. */
  readonly slot: string;
  readonly digest: Buffer;
  /** The address or number that it was sent to; empty where it was sent nowhere. */
  readonly identifier: string;
  /** How it was sent; undefined where it was sent nowhere. */
  readonly channel: Message['channel'] | undefined;
  /** Further data, sealed where it is secret. */
  readonly data: Buffer | undefined;
  readonly expiresAt: Date;
};

/** A challenge that has not expired, and whether it was redeemed. */
export type UnexpiredChallenge = Challenge & { readonly isRedeemed: boolean };

export type ChallengeRepository = {
  /** Stores the challenge in its slot. The challenge that was there becomes invalid. */
  put(challenge: Challenge): Promise<void>;
  /**
   * Stores the challenge in a slot where no challenge is live or has attempts left of `max`.
   * Throws DuplicateError where one is.
   */
  putInFreeSlot(challenge: Challenge, max: number, now: Date): Promise<void>;
  /** Puts a challenge in the place of another one; false where that one is gone. */
  replace(replacedId: string, challenge: Challenge): Promise<boolean>;
  /** The live challenges in these slots that have attempts left of `max`, the newest first. */
  listInSlots(
    tenantId: string,
    purpose: ChallengePurpose,
    slots: readonly string[],
    max: number,
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
  /** Counts an attempt before it is checked; false where `max` were made. */
  countAttempt(tenantId: string, id: string, max: number): Promise<boolean>;
  /** The live challenges of a user and purpose, the newest first. */
  listLive(tenantId: string, userId: string, purpose: ChallengePurpose, now: Date): Promise<Challenge[]>;
  /** Finds challenges of that digest that have not expired, redeemed or not. */
  findUnexpired(
    tenantId: string,
    purpose: ChallengePurpose,
    proof: { readonly id?: string; readonly digest: Buffer },
    now: Date,
  ): Promise<UnexpiredChallenge[]>;
  /** Deletes every challenge of a user that is not redeemed, but for what reports a sign-in or a change. */
  invalidateAll(tenantId: string, userId: string): Promise<void>;
  /** What a user has of some purposes and has not redeemed. */
  listPending(tenantId: string, userId: string, purposes: readonly ChallengePurpose[]): Promise<Challenge[]>;
  /** Consumes it; true for exactly one of any number of callers. */
  consume(tenantId: string, id: string, now: Date): Promise<boolean>;
};
