/** What an erasure did, as its receipt says. */
export type Erasure = {
  readonly tenantId: string;
  readonly userId: string;
  readonly erasedAt: Date;
  /** How many messages to the user were deleted, and how many audit lines no longer name him. */
  readonly messages: number;
  readonly auditLines: number;
};

/** Signs the receipt of an erasure: a JWS with a type of its own, for the public keys of the service. */
export type ReceiptSigner = (erasure: Erasure) => Promise<string>;
