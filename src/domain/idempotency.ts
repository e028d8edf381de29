/** A claim on an idempotency key. */
export type IdempotencyClaim = {
  readonly tenantId: string;
  /** Names the key, the method and the caller. */
  readonly digest: Buffer;
  readonly requestDigest: Buffer;
  /** End of the lease of the first caller. */
  readonly leaseUntil: Date;
  readonly expiresAt: Date;
};

/** The identity of a claim among the claims of one key. */
export type HeldClaim = Pick<IdempotencyClaim, 'tenantId' | 'digest' | 'leaseUntil'>;

export type IdempotencyRepository = {
  /** Claims the key; false where it is claimed already. Expired claims and expired leases are taken over. */
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

/** The idempotency key of a call. */
export type IdempotencyKey = {
  readonly key: string;
  /** The called method: the same key means another call at another method. */
  readonly method: string;
  /** The claim under which the result is kept, and its lease; set where the flow is claimed. */
  readonly claim?: { readonly digest: Buffer; readonly leaseUntil: Date };
};
