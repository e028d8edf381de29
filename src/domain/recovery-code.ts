import { normalizeCode } from './one-time-code.ts';
import type { Random } from './random.ts';
import type { Vault } from './vault.ts';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const count = 10;
/** xxxxx-xxxxx-xxxxxx: 80 bit (NIST SP 800-63B-4, section 4.2.1.1, asks for 64). */
const groups = [5, 5, 6];

/** Ten new recovery codes, in the form in which they are shown. */
export function makeRecoveryCodes(random: Random): string[] {
  return Array.from({ length: count }, () =>
    groups
      .map((length) => Array.from(random.bytes(length), (byte) => alphabet[byte & 31]).join(''))
      .join('-'),
  );
}

/** The stored form of a recovery code: ten slow hashes would outlast a request, and 80 bits need none. */
export function digestRecoveryCode(vault: Vault, tenantId: string, userId: string, code: string): Buffer {
  return vault.mac('recovery-code', Buffer.from(JSON.stringify([tenantId, userId, normalizeCode(code)])));
}

export type RecoveryCodeRepository = {
  /** Number of unused codes, those of the system that the user came from included. */
  count(tenantId: string, userId: string): Promise<number>;
  /** Replaces all codes, those of another system included; an empty list removes them. */
  replace(tenantId: string, userId: string, digests: readonly Buffer[]): Promise<void>;
  /** Consumes a code; true for exactly one caller. */
  use(tenantId: string, userId: string, digest: Buffer): Promise<boolean>;
  /** The codes of the system that a user came from, as it hashed them. */
  listForeign(tenantId: string, userId: string): Promise<string[]>;
  insertForeign(tenantId: string, userId: string, hashes: readonly string[]): Promise<void>;
  /** Consumes one of those; true for exactly one caller. */
  useForeign(tenantId: string, userId: string, hash: string): Promise<boolean>;
};
