import { domainToASCII } from 'node:url';
import { invalid } from './errors.ts';
import { cleanTyped } from './typed-text.ts';

/** Printable characters of an unquoted local part (RFC 5321, section 4.1.2, Dot-string). */
const localPart = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/i;
const hostName = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/;

export type EmailAddress = {
  /** The address that mail goes to. */
  readonly address: string;
  /** The form that two spellings of one address share. */
  readonly canonical: string;
};

/**
 * Reads exactly one plain address (R40): NFKC first, then the check, so that no
 * look-alike of `@` or `,` survives it. Quoted local parts, groups, comments, IP
 * literals and addresses of more than 254 bytes are refused.
 */
export function parseEmail(text: string, field = 'email'): EmailAddress {
  const normalized = cleanTyped(text).normalize('NFKC').trim();
  const at = normalized.lastIndexOf('@');
  const local = normalized.slice(0, Math.max(at, 0));
  const written = normalized.slice(at + 1).toLowerCase();
  // domainToASCII drops these without a word, and one host would become another. Joiners
  // are letters of Persian names, and it checks where they stand (RFC 5892, appendix A).
  const host = /[\s\p{Cc}]|(?![\u200c\u200d])\p{DI}/u.test(written) ? '' : domainToASCII(written);
  const address = `${local}@${host}`;
  if (!localPart.test(local) || local.length > 64 || !hostName.test(host) || address.length > 254) {
    throw invalid({ field, reason: text === '' ? 'FIELD_REQUIRED' : 'EMAIL_INVALID' });
  }
  return { address, canonical: address.toLowerCase() };
}

/** The canonical form of an address, or of the beginning of one, as a prefix to search by. */
export function beginningOfEmail(text: string): string {
  const typed = cleanTyped(text).normalize('NFKC').trim();
  try {
    return parseEmail(typed).canonical;
  } catch {
    return typed.toLowerCase();
  }
}

/** An address of which the first letter and the host are left, such as `s•••@example.com`. */
export function maskEmail(address: string): string {
  const at = address.lastIndexOf('@');
  return `${[...address][0] ?? ''}•••${address.slice(Math.max(at, 0))}`;
}

/** Whether an address is of one of these domains, which are in their canonical form; no domain counts for one below it. */
export function isOfDomains(address: string, domains: readonly string[]): boolean {
  try {
    const { canonical } = parseEmail(address);
    return domains.includes(canonical.slice(canonical.lastIndexOf('@') + 1));
  } catch {
    return false;
  }
}
