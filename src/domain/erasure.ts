import { sha256 } from './token.ts';

/** The digest by which a receipt and an event name an erased user: SHA-256 of the id, in Base64url. */
export function digestOfUser(userId: string): string {
  return sha256(userId).toString('base64url');
}

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
