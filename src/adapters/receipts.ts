import { digestOfUser, type ReceiptSigner } from '../domain/erasure.ts';
import type { Random } from '../domain/random.ts';
import { signJws } from './jws.ts';
import type { KeyRing } from './key-ring.ts';

/** Explicit typing: no other kind of token passes for it, and it passes for no other (RFC 8725, section 3.11). */
const type = 'erasure-receipt+jwt';

/** Receipts of erasures. The user is named by a digest of their id: only a party that kept the id can recognize it. */
export function createReceiptSigner(
  ring: Pick<KeyRing, 'signer'>,
  issuer: string,
  random: Random,
): ReceiptSigner {
  return async ({ tenantId, userId, erasedAt, messages, auditLines }) => {
    return signJws(ring.signer(), type, {
      iss: issuer,
      aud: `urn:manam:receipt:${tenantId}`,
      jti: random.uuid(),
      iat: Math.floor(erasedAt.getTime() / 1000),
      user: digestOfUser(userId),
      messages,
      audit_lines: auditLines,
    });
  };
}
