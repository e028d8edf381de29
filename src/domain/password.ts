import type { Deadline } from './deadline.ts';
import { invalid, type Violation } from './errors.ts';
import type { Tenant } from './tenant.ts';

/** The longest password that is hashed, in code points and in bytes of UTF-8 (R3). */
const maxLength = 256;
const maxBytes = 1024;

/** The form in which a password is hashed (NIST SP 800-63B-4, section 3.1.1.2). */
export function normalizePassword(password: string): string {
  return password.normalize('NFKC');
}

/** Lists of common passwords, and the estimate of strength that uses them. */
export type KnownPasswords = {
  /** Those known from breaches, in lower case. */
  readonly blocklist: ReadonlySet<string>;
  readonly strengthOf: PasswordStrength;
};

export type PasswordContext = KnownPasswords & {
  /** The tenant's minimum, in code points. */
  readonly minLength: number;
  /** Words of the account and the tenant that may not be the whole password. */
  readonly words: readonly string[];
  /** The least strength that the tenant takes, from 0 to 4. */
  readonly minStrength: number;
};

/** Advice to the user about a weak password, by zxcvbn's name of the weakness. */
const weaknesses: Readonly<Record<string, Violation['texts']>> = {
  simpleRepeat: {
    en: 'Repeated characters like "aaa" are easy to guess.',
    fa: 'نویسه‌های تکراری مانند «aaa» به‌آسانی حدس زده می‌شوند.',
  },
  extendedRepeat: {
    en: 'Repeated patterns like "abcabcabc" are easy to guess.',
    fa: 'الگوهای تکراری مانند «abcabcabc» به‌آسانی حدس زده می‌شوند.',
  },
  sequences: {
    en: 'Sequences like "abc" or "6543" are easy to guess.',
    fa: 'دنباله‌هایی مانند «abc» یا «6543» به‌آسانی حدس زده می‌شوند.',
  },
  keyPattern: {
    en: 'Short keyboard patterns are easy to guess.',
    fa: 'الگوهای کوتاه صفحه‌کلید به‌آسانی حدس زده می‌شوند.',
  },
  straightRow: {
    en: 'Rows of keys on the keyboard are easy to guess.',
    fa: 'ردیف‌های صفحه‌کلید به‌آسانی حدس زده می‌شوند.',
  },
  dates: { en: 'Dates are easy to guess.', fa: 'تاریخ‌ها به‌آسانی حدس زده می‌شوند.' },
  recentYears: { en: 'Recent years are easy to guess.', fa: 'سال‌های اخیر به‌آسانی حدس زده می‌شوند.' },
  similarToCommon: {
    en: 'This is similar to a commonly used password.',
    fa: 'این رمز شبیه یکی از رمزهای پرکاربرد است.',
  },
  common: { en: 'This is a commonly used password.', fa: 'این یکی از رمزهای پرکاربرد است.' },
  userInputs: {
    en: 'Do not use words that are known of you or of this site.',
    fa: 'از واژه‌هایی که از شما یا این سایت شناخته‌شده‌اند استفاده نکنید.',
  },
};

type Judgement = Pick<Violation, 'reason' | 'texts'>;

/** The reason why a new password is rejected; undefined: it is accepted. There are no composition rules. */
export function judgePassword(
  password: string,
  { minLength, words, blocklist, minStrength, strengthOf }: PasswordContext,
): Judgement | undefined {
  const normalized = normalizePassword(password);
  const length = [...normalized].length;
  if (length === 0) return { reason: 'FIELD_REQUIRED' };
  if (length > maxLength || Buffer.byteLength(normalized) > maxBytes) return { reason: 'PASSWORD_TOO_LONG' };
  if (length < minLength) return { reason: 'PASSWORD_TOO_SHORT' };
  const folded = normalized.toLowerCase();
  const isOwnWord = words.some((word) => word !== '' && folded === word.toLowerCase());
  if (isOwnWord || blocklist.has(folded)) return { reason: 'PASSWORD_COMMON' };
  if (minStrength === 0) return undefined;
  const { score, weakness } = strengthOf(normalized, words);
  if (score >= minStrength) return undefined;
  const texts = weaknesses[weakness ?? ''];
  return { reason: 'PASSWORD_COMMON', ...(texts === undefined ? {} : { texts }) };
}

/** Checks a new password with its confirmation and returns its normal form. */
export function parseNewPassword(password: string, confirmation: string, context: PasswordContext): string {
  const judgement = judgePassword(password, context);
  if (judgement !== undefined) throw invalid({ field: 'password', ...judgement });
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

/** The load of a queue, and the number of rejections since the start. */
export type QueueLoad = { readonly running: number; readonly waiting: number; readonly refused: number };

/** The tenant and the deadline of the caller that needs a hash. */
export type HashTurn = { readonly tenant: Pick<Tenant, 'id'>; readonly deadline: Deadline };

/**
 * Hashes a few passwords at a time; tenants that wait take turns, so that none can shut out
 * another. Throws RATE_LIMITED where too many wait, or the turn would come after the deadline.
 */
export type PasswordHasher = {
  /** Refuses a call that will need a hash, before anything is done for it; throws as `hash` would. */
  admit(turn: HashTurn): void;
  /**
   * Hashes a normalized password into a PHC string. Default: with 16 random bytes of salt; with
   * given ones the same password gives the same string.
   */
  hash(turn: HashTurn, password: string, salt?: Buffer): Promise<string>;
  /**
   * Compares a password, as typed, with a PHC string. Without one the same work is done
   * against a dummy and the answer is false (R5). Our own hashes are of the normalized
   * password; one of another system may be of either, and is compared with both.
   */
  verify(turn: HashTurn, phc: string | undefined, password: string): Promise<boolean>;
  /** Whether a hash that another system made is one that `verify` can compare. */
  canVerify(hash: string): boolean;
  /**
   * Whether a hash that a password matched has to be replaced by one of the
   * password: it was made with less than today's parameters, or by another system that
   * compares all of the password, so that no other one is right as well.
   */
  needsRehash(phc: string, password: string): boolean;
  load(): QueueLoad;
};

/**
 * The strength of a password, from 0 (guessed at once) to 4 (out of reach), and what makes it
 * weak, as zxcvbn names it. `words`: identifiers and names of the account.
 */
export type PasswordStrength = (
  password: string,
  words: readonly string[],
) => { readonly score: number; readonly weakness: string | undefined };

/** Whether a password is known from a breach. */
export type BreachCheck = (password: string) => Promise<boolean>;

export type HashProfile = {
  readonly memoryKiB: number;
  readonly passes: number;
};

/** The least parameters in production (OWASP Password Storage Cheat Sheet; R1). */
export const floorProfile: HashProfile = { memoryKiB: 19_456, passes: 2 };

/**
 * The default: the floor, rounded up to whole huge pages of 2 MiB. A kernel with huge pages maps it in ten steps;
 * the floor takes nine and 256 small pages, and more time.
 */
export const defaultProfile: HashProfile = { memoryKiB: 20_480, passes: 2 };
