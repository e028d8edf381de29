import { hashOf, toBase64url } from './base64url.ts';

/** Binds a sign-in through a redirect to the page that began it (RFC 7636): the challenge goes along, the verifier stays. */
export type Pkce = {
  /** 43 characters, kept by the page until it is back, such as in `sessionStorage`. */
  readonly codeVerifier: string;
  /** The S256 challenge of the verifier. */
  readonly codeChallenge: string;
};

/** Makes a verifier and its challenge. */
export async function createPkce(): Promise<Pkce> {
  const codeVerifier = toBase64url(globalThis.crypto.getRandomValues(new Uint8Array(32)));
  return { codeVerifier, codeChallenge: await hashOf(codeVerifier) };
}
