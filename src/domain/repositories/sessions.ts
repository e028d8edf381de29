import type { AuthenticationMethod, CallerSession } from '../caller.ts';
import type {
  Budget,
  Challenge,
  ChallengePurpose,
  GuessKind,
  GuessPolicy,
  HeldClaim,
  IdempotencyClaim,
  LiveSession,
  SessionRow,
} from '../model.ts';

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

export type SessionRepository = {
  insert(session: SessionRow): Promise<void>;
  /** Finds a session that is live and whose user is active and has a confirmed identifier. */
  findLive(tenantId: string, id: string, now: Date): Promise<LiveSession | undefined>;
  /** The same with the user, in one read: what nearly every call with a session needs. */
  findOfCall(tenantId: string, id: string, now: Date): Promise<CallerSession | undefined>;
  /** The live sessions of a user, the newest first. */
  listLive(tenantId: string, userId: string, now: Date): Promise<SessionRow[]>;
  /** Rotates the refresh token of a live session; true for exactly one caller per counter. */
  rotate(
    session: SessionRow,
    next: Pick<SessionRow, 'level' | 'refreshedAt' | 'idleExpiresAt' | 'client'>,
  ): Promise<boolean>;
  /** Notes that a second factor was proved in a session: it is signed in at the user's full level. */
  raise(tenantId: string, id: string, method: AuthenticationMethod, now: Date): Promise<void>;
  /** Notes that the user has authenticated again. */
  updateAuthTime(tenantId: string, id: string, authTime: Date): Promise<void>;
  /** Ends one session of a user; false where he has no such live session. */
  revoke(tenantId: string, userId: string, id: string, now: Date): Promise<boolean>;
  /** Ends all sessions of a user but one; answers how many. */
  revokeOthers(tenantId: string, userId: string, keptId: string | undefined, now: Date): Promise<number>;
  /** Ends the oldest sessions of a user beyond that many. */
  revokeBeyond(tenantId: string, userId: string, kept: number, now: Date): Promise<void>;
};

/** Names a counter of failures. */
export type GuessCounter = { readonly kind: GuessKind; readonly subject: string };

export type GuessRepository = {
  /**
   * Counts an attempt before it is checked, in one guarded statement. Returns how many
   * failures in a row it would make. `locked`: too many have failed. `busy`: too many are
   * under way, and it may be tried once they have ended. With `total`, a counter over all
   * networks counts it as well, in the same statement.
   */
  count(
    tenantId: string,
    policy: GuessPolicy,
    subject: string,
    now: Date,
    total?: GuessCounter,
  ): Promise<number | 'locked' | 'busy'>;
  /** Notes that a counted attempt has failed. Takes as long for one that was not counted. */
  countWrong(tenantId: string, counter: GuessCounter, now: Date): Promise<void>;
  /** Forgets the failures after a success. */
  reset(tenantId: string, ...counters: readonly GuessCounter[]): Promise<void>;
  /**
   * Forgets the failures of a user whose password was found right, and holds that password
   * until the transaction ends; false where it was changed since.
   */
  resetForPassword(
    tenantId: string,
    counters: readonly GuessCounter[],
    userId: string,
    passwordHash: string,
  ): Promise<boolean>;
  /** Lowers the failures of a user to that many, so that he may try again. */
  lower(tenantId: string, kind: GuessKind, userId: string, failures: number): Promise<void>;
  /** Takes back an attempt that was counted and then not made. */
  uncount(tenantId: string, counter: GuessCounter): Promise<void>;
  /** Forgets all counters of a user. */
  forget(tenantId: string, subject: string): Promise<void>;
};

/** An amount to return to a budget. */
export type Refund = {
  readonly tenantId: string;
  readonly name: string;
  readonly subject: Buffer;
  readonly amount: number;
};

export type BudgetRepository = {
  /**
   * Uses some of a budget, by default one, in one statement. Returns 0, or where that much is
   * not left of the last `windowMs`, in how many milliseconds it will be. The window slides: what
   * was used in the one before fades as it grows older than that, so that no burst at the
   * boundary of two windows gets twice the budget (R76).
   */
  charge(tenantId: string, budget: Budget, subject: Buffer, now: Date, amount?: number): Promise<number>;
  /** Gives some back, as far as that much was used. */
  refund(refund: Refund): Promise<void>;
};

export type IdempotencyRepository = {
  /** Claims the key; false where it is claimed already. Expired claims and leases of dead callers are taken over. */
  claim(claim: IdempotencyClaim, now: Date): Promise<boolean>;
  /** Finds a claim, with its answer where there is one. */
  find(
    tenantId: string,
    digest: Buffer,
  ): Promise<{ requestDigest: Buffer; answer: string | undefined } | undefined>;
  /** Keeps the answer, encrypted; false where the claim is no longer the caller's. */
  complete(claim: HeldClaim, answer: string): Promise<boolean>;
  /** Gives the key back after a failure. */
  release(claim: HeldClaim): Promise<void>;
};
