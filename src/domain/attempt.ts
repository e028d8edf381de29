/**
 * The kinds of attempts, each with separate counters. `password` counts the failed
 * sign-ins of one network at one account, `password-total` those of all networks;
 * `reauthentication` those of a user who is signed in.
 */
export type AttemptKind =
  | 'password'
  | 'password-total'
  | 'reauthentication'
  | 'second-factor'
  | 'sign-in-code'
  | 'recovery'
  | 'recovery-total';

/** Delays and lockout of attempts (R7, R8). */
export type AttemptPolicy = {
  readonly kind: AttemptKind;
  /** Number of failures without a delay. */
  readonly free: number;
  /** Delay after the last free failure, in seconds; it doubles with each further failure. */
  readonly firstDelayS: number;
  readonly maxDelayS: number;
  /** Failures in a row after which no attempt is accepted. */
  readonly cap: number;
};

/** Names a counter of failures. */
export type AttemptCounter = { readonly kind: AttemptKind; readonly subject: string };

export type AttemptRepository = {
  /**
   * Counts an attempt before it is checked, in one guarded statement. Returns the
   * number of consecutive failures including it. `locked`: too many failed. `busy`: too many
   * are pending; retry once they have ended. With `total`, a counter over all
   * networks counts it as well, in the same statement.
   */
  count(
    tenantId: string,
    policy: AttemptPolicy,
    subject: string,
    now: Date,
    total?: AttemptCounter,
  ): Promise<number | 'locked' | 'busy'>;
  /** The number of consecutive failures. */
  failures(tenantId: string, counter: AttemptCounter): Promise<number>;
  /** Notes that a counted attempt has failed. Takes as long for one that was not counted. */
  countWrong(tenantId: string, counter: AttemptCounter, now: Date): Promise<void>;
  /** Forgets the failures after a success. */
  reset(tenantId: string, ...counters: readonly [AttemptCounter, ...AttemptCounter[]]): Promise<void>;
  /**
   * Forgets the failures of a user whose password was found right, and holds that password
   * until the transaction ends; false where it was changed since.
   */
  resetForPassword(
    tenantId: string,
    counters: readonly AttemptCounter[],
    userId: string,
    passwordHash: string,
  ): Promise<boolean>;
  /** Lowers the failures of a user to that many, so that they may try again. */
  lower(tenantId: string, kind: AttemptKind, userId: string, failures: number): Promise<void>;
  /** Takes back an attempt that was counted and then not made. */
  uncount(tenantId: string, counter: AttemptCounter): Promise<void>;
  /** Forgets all counters of a user. */
  forget(tenantId: string, subject: string): Promise<void>;
};
