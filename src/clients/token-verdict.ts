import { errors } from 'jose';
import { isCanonicalJws } from '../domain/base64url.ts';
import { ProofError } from '../domain/dpop.ts';

/** The token is none of those that are taken here, or has ended. */
export class AccessTokenError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AccessTokenError';
  }
}

/** Lifetimes of keys, in milliseconds, as in the service's cache-control. A new key is published longer ahead. */
export const keyCache = { cacheMaxAge: 60_000, cooldownDuration: 5000 };

/** Verifies a token. Throws AccessTokenError where it is refused, and any other error where the keys are out of reach. */
export async function verdictOn<T>(token: string, verify: () => Promise<T>): Promise<T> {
  if (!isCanonicalJws(token)) throw new AccessTokenError('not a JWS in its canonical form');
  try {
    return await verify();
  } catch (error) {
    throw isVerdict(error) ? new AccessTokenError((error as Error).message) : error;
  }
}

/** Whether an error is about the token; the rest is about the way to the keys. */
function isVerdict(error: unknown): boolean {
  if (error instanceof AccessTokenError || error instanceof ProofError) return true;
  const isOutage = error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid;
  // jose throws its plain base class where the response of the JWKS URL is not 200.
  return error instanceof errors.JOSEError && !isOutage && error.code !== 'ERR_JOSE_GENERIC';
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
