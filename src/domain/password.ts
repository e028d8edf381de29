import { invalid, type Reason } from './errors.ts';

/** The longest password that is hashed, in code points and in bytes of UTF-8 (R3). */
const maxLength = 256;
const maxBytes = 1024;

/** The form in which a password is hashed (NIST SP 800-63B-4, section 3.1.1.2). */
export function normalizePassword(password: string): string {
  return password.normalize('NFKC');
}

export type PasswordContext = {
  /** The tenant's minimum, in code points. */
  readonly minLength: number;
  /** Words of the account and the tenant that may not be the whole password. */
  readonly words: readonly string[];
  /** Known passwords, in lower case. */
  readonly blocklist: ReadonlySet<string>;
};

/** Why a new password is refused, or undefined where it is good. Nothing about its composition is demanded. */
export function judgePassword(
  password: string,
  { minLength, words, blocklist }: PasswordContext,
): Reason | undefined {
  const normalized = normalizePassword(password);
  const length = [...normalized].length;
  if (length === 0) return 'FIELD_REQUIRED';
  if (length > maxLength || Buffer.byteLength(normalized) > maxBytes) return 'PASSWORD_TOO_LONG';
  if (length < minLength) return 'PASSWORD_TOO_SHORT';
  const folded = normalized.toLowerCase();
  const isOwnWord = words.some((word) => word !== '' && folded === word.toLowerCase());
  return isOwnWord || blocklist.has(folded) ? 'PASSWORD_COMMON' : undefined;
}

/** Checks a new password with its confirmation and answers its normal form. */
export function parseNewPassword(password: string, confirmation: string, context: PasswordContext): string {
  const reason = judgePassword(password, context);
  if (reason !== undefined) throw invalid({ field: 'password', reason });
  if (confirmation !== '' && normalizePassword(confirmation) !== normalizePassword(password)) {
    throw invalid({ field: 'confirm_password', reason: 'PASSWORD_MISMATCH' });
  }
  return normalizePassword(password);
}

/** Whether a password that a caller tries to sign in with may be hashed at all: what could never be registered is not. */
export function isPlausiblePassword(password: string): boolean {
  // Other Unicode forms of a password are longer than the one that is hashed, but not without bounds.
  if (password === '' || password.length > 4 * maxBytes) return false;
  return Buffer.byteLength(normalizePassword(password)) <= maxBytes;
}
