import { errors } from 'jose';
import { isCanonicalJws } from '../domain/base64url.ts';
import { ProofError } from '../domain/dpop.ts';

/** The token is none of those that are taken here, or has ended. */
export class AccessTokenError extends Error {
  /** The error of RFC 6750, section 3.1, or of RFC 9449, section 7.1: what a client can do about it. */
  readonly code: 'invalid_token' | 'invalid_dpop_proof';

  constructor(message: string, code: AccessTokenError['code'] = 'invalid_token', options?: ErrorOptions) {
    super(message, options);
    this.name = 'AccessTokenError';
    this.code = code;
  }
}

/** Verifies a token. Throws AccessTokenError where it is refused, and any other error where the keys are out of reach. */
export async function verdictOn<T>(token: string, verify: () => Promise<T>): Promise<T> {
  if (typeof token !== 'string' || !isCanonicalJws(token))
    throw new AccessTokenError('not a JWS in its canonical form');
  try {
    return await verify();
  } catch (error) {
    if (error instanceof ProofError)
      throw new AccessTokenError(error.message, 'invalid_dpop_proof', { cause: error });
    // Errors of jose are about the token: the key source wraps its own in a plain Error.
    if (error instanceof errors.JOSEError)
      throw new AccessTokenError(error.message, undefined, { cause: error });
    throw error;
  }
}

/** The request that a bound token came with (RFC 9449, section 7.1). */
export type BoundRequest = {
  /** The value of the `DPoP` header. */
  readonly proof: string | undefined;
  /** The HTTP method. */
  readonly method: string;
  /** The full URL as the client called it, behind no proxy that rewrites it; the query does not count. */
  readonly url: string;
};

/** The issuer of a verifier, as tokens name it: without a slash at its end. Throws TypeError if it is not a URL. */
export function issuerOption(issuer: string): string {
  if (!/^https?:/.test(issuer ?? '') || !URL.canParse(issuer))
    throw new TypeError('issuer must be a URL such as https://id.example.com');
  return issuer.replace(/\/$/, '');
}
