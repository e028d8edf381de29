/** A rate limit: `max` uses in a window of time. */
export type Budget = { readonly name: string; readonly max: number; readonly windowMs: number };

/** Uses to return to a budget. */
export type Refund = {
  readonly tenantId: string;
  readonly name: string;
  readonly subject: Buffer;
  /** When each of them was counted, as `charge` was told. */
  readonly uses: readonly Date[];
};

export type BudgetRepository = {
  /**
   * Uses some of a budget, by default one, in one statement. Returns 0, or
   * the milliseconds until that much is available. The window slides: usage of the previous
   * window fades out, so that no burst at a boundary gets twice the budget (R76).
   */
  charge(tenantId: string, budget: Budget, subject: Buffer, now: Date, amount?: number): Promise<number>;
  /**
   * Gives uses back to the window that they were counted in, and none where that is over. Where some are older
   * than the window and some are not, all of them go to the one before: it never gives back more than was counted.
   */
  refund(refund: Refund): Promise<void>;
};
