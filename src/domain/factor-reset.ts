/** A reset of a user's second factors that waits (NIST SP 800-63B-4, section 4.2). */
export type FactorReset = {
  readonly tenantId: string;
  readonly userId: string;
  readonly requestedAt: Date;
  /** From then on it can be carried out. */
  readonly readyAt: Date;
  /** From then on it has to be asked for again. */
  readonly expiresAt: Date;
};

export type FactorResetRepository = {
  /** Stores a reset, unless one of the user waits; returns the one that counts. */
  request(reset: FactorReset): Promise<FactorReset>;
  find(tenantId: string, userId: string, now: Date): Promise<FactorReset | undefined>;
  /** Ends the reset of a user; true for exactly one of any number of callers. */
  end(tenantId: string, userId: string, now: Date): Promise<boolean>;
  /** Ends a reset that has waited, to carry it out; true for exactly one caller. */
  take(reset: FactorReset, now: Date): Promise<boolean>;
};
