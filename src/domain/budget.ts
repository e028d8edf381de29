/** A rate limit: `max` uses in a window of time. */
export type Budget = { readonly name: string; readonly max: number; readonly windowMs: number };

/** An amount to return to a budget. */
export type Refund = {
  readonly tenantId: string;
  readonly name: string;
  readonly subject: Buffer;
  readonly amount: number;
};

export type BudgetRepository = {
  /**
   * Uses some of a budget, by default one, in one statement. Returns 0, or
   * the milliseconds until that much is available. The window slides: usage of the previous
   * window fades out, so that no burst at a boundary gets twice the budget (R76).
   */
  charge(tenantId: string, budget: Budget, subject: Buffer, now: Date, amount?: number): Promise<number>;
  /** Gives some back, as far as that much was used. */
  refund(refund: Refund): Promise<void>;
};
