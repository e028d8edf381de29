import { base64url } from 'jose';

/** Binds a sign-in through a redirect to the page that began it (RFC 7636): the challenge goes along, the verifier stays. */
export type Pkce = {
  /** 43 characters, kept by the page until it is back, such as in `sessionStorage`. */
  readonly codeVerifier: string;
  /** The S256 challenge of the verifier. */
  readonly codeChallenge: string;
};

/** Makes a verifier and its challenge. */
export async function createPkce(): Promise<Pkce> {
  const codeVerifier = base64url.encode(crypto.getRandomValues(new Uint8Array(32)));
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(codeVerifier));
  return { codeVerifier, codeChallenge: base64url.encode(new Uint8Array(digest)) };
}
