/** The result of an erasure, as its receipt states it. */
export type Erasure = {
  readonly tenantId: string;
  readonly userId: string;
  readonly erasedAt: Date;
  /** Number of deleted messages to the user, and of events whose personal part was removed. */
  readonly messages: number;
  readonly auditLines: number;
};

/** Signs the receipt of an erasure: a JWS with its own `typ`, verified with the public keys of the service. */
export type ReceiptSigner = (erasure: Erasure) => Promise<string>;
