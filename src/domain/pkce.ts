import { decodeBase64url, sha256 } from './token.ts';

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
