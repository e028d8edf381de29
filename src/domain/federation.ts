import { isRegistrable } from './registered-url.ts';
import { bytesToUuid, decodeBase64url, sha256, uuidToBytes } from './token.ts';

/** The `iss` of Google, in the one form that identities are kept under. */
export const googleIssuer = 'https://accounts.google.com';

/** What a provider's token says of a user. */
export type ProviderClaims = {
  readonly issuer: string;
  readonly subject: string;
  /** Empty where the provider tells none. */
  readonly email: string;
  /** Whether the provider answers for the address itself, and not for some other site's mailbox (R51). */
  readonly isAuthoritative: boolean;
  readonly firstName: string;
  readonly lastName: string;
  readonly picture: string;
};

/** The domains of Google's own mailboxes; the second is what it was called in Germany and Britain. */
const googleMailDomains: readonly string[] = ['gmail.com', 'googlemail.com'];

/**
 * Whether Google answers for an address: it has verified it, and hosts the mailbox, as
 * gmail.com or googlemail.com, or as the domain that the account belongs to (`hd`). Any other address may
 * have gone to somebody else since.
 */
export function isGoogleAuthoritative(email: string, emailVerified: boolean, hostedDomain: string): boolean {
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase();
  return (
    emailVerified &&
    (googleMailDomains.includes(domain) || (hostedDomain !== '' && domain === hostedDomain.toLowerCase()))
  );
}

/** The S256 challenge of a verifier (RFC 7636, section 4.2). */
export function codeChallengeOf(verifier: string): string {
  return sha256(verifier).toString('base64url');
}

/** Whether a text can be an S256 challenge. */
export function isCodeChallenge(text: string): boolean {
  return decodeBase64url(text, 32) !== undefined;
}

/** Whether a text can be a verifier (RFC 7636, section 4.1). */
export function isCodeVerifier(text: string): boolean {
  return /^[A-Za-z0-9._~-]{43,128}$/.test(text);
}

const idBytes = 16;
const secretBytes = 32;

/** What names a row and proves that one was told of it. */
export type Handle = { readonly tenantId: string; readonly id: string; readonly digest: Buffer };

/** Writes a handle for a row of a tenant: 86 characters, of which 256 bits are secret. */
export function formatHandle(tenantId: string, id: string, secret: Uint8Array): string {
  return Buffer.concat([uuidToBytes(tenantId), uuidToBytes(id), secret]).toString('base64url');
}

/** Reads a handle, or answers undefined where the text cannot be one. */
export function parseHandle(text: string): Handle | undefined {
  const bytes = decodeBase64url(text, 2 * idBytes + secretBytes);
  if (bytes === undefined) return undefined;
  return {
    tenantId: bytesToUuid(bytes.subarray(0, idBytes)),
    id: bytesToUuid(bytes.subarray(idBytes, 2 * idBytes)),
    digest: sha256(bytes.subarray(2 * idBytes)),
  };
}

/** A registered page with parameters of ours; what stood in its query stays. */
export function withParameters(page: string, parameters: Readonly<Record<string, string>>): string {
  const url = new URL(page);
  // Registered pages are checked when they are registered; this is the last look before a redirect.
  if (!isRegistrable(url)) throw new TypeError('a page that cannot be registered');
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}
