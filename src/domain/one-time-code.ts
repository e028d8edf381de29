import type { ChallengePurpose } from './challenge.ts';
import type { Random } from './random.ts';
import { foldDigits } from './typed-text.ts';
import type { Vault } from './vault.ts';

/** Crockford's Base32: no letter that looks like a digit. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const standaloneLength = 8;
const digits = 6;
const longDigits = 12;

/** A code for a request that names nothing else: 8 characters, 40 bit (R28). */
export function makeStandaloneCode(random: Random): string {
  return Array.from(random.bytes(standaloneLength), (byte) => alphabet[byte & 31]).join('');
}

/** A code for a request that also names the identifier or the session: 6 digits (R28). */
export function makeDigitCode(random: Random): string {
  return String(random.int(10 ** digits)).padStart(digits, '0');
}

/** A code of 40 bits in digits, which every keypad types: for an address whose codes are being guessed. */
export function makeLongDigitCode(random: Random): string {
  return String(random.int(10 ** longDigits)).padStart(longDigits, '0');
}

/** A typed code in its one spelling: Latin digits, no spaces or dashes, and what Crockford's alphabet takes for one. */
export function normalizeCode(text: string): string {
  return foldDigits(text.slice(0, 64))
    .replace(/[\s\p{Cf}-]/gu, '')
    .toUpperCase()
    .replace(/O/g, '0')
    .replace(/[IL]/g, '1');
}

/**
 * The stored form of a code: a keyed digest, because a short code could be found from
 * a plain one, bound to the tenant, the purpose and whatever else it is for.
 */
export function digestCode(
  vault: Vault,
  scope: { readonly tenantId: string; readonly purpose: ChallengePurpose; readonly subject: string },
  code: string,
): Buffer {
  const parts = [scope.tenantId, scope.purpose, scope.subject, normalizeCode(code)];
  return vault.mac('one-time-code', Buffer.from(JSON.stringify(parts)));
}
