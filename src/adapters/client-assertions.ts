import { createHash } from 'node:crypto';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  errors,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { LRUCache } from 'lru-cache';
import type { Application } from '../domain/application.ts';
import { isCanonicalJws } from '../domain/base64url.ts';
import type { VerifyAssertion } from '../domain/client.ts';
import type { Clock } from '../domain/clock.ts';
import { DomainError } from '../domain/errors.ts';
import { OutgoingError, type OutgoingFetch } from '../domain/outgoing.ts';
import { isTokenFault } from '../domain/token-fault.ts';

/** Accepted clock skew (R12). */
const leewayS = 30;
/** The longest life of an assertion: as long its id is kept. */
const maxLifeS = 3600;
const algorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519'];
const maxKeySets = 1000;
const jwksTimeoutMs = 3000;
/** Rest after keys could not be read. */
const keysRestMs = 5000;
/** Bytes of a key set. */
const maxJwksBytes = 64 * 1024;

/** Verifies what applications sign to authenticate (RFC 7523, section 3; OpenID Connect Core 1.0, section 9). */
export function createAssertionVerifier(outgoingFetch: OutgoingFetch, clock: Clock): VerifyAssertion {
  const remote = new LRUCache<string, JWTVerifyGetKey>({ max: maxKeySets });
  // Anyone can name an application whose keys are out of reach; its host is not asked each time.
  const failedUntil = new LRUCache<string, number>({ max: maxKeySets });

  function keysOf({ settings: { jwks, jwksUri } }: Application): JWTVerifyGetKey {
    if (jwksUri === '') return createLocalJWKSet(jwks as unknown as JSONWebKeySet);
    const known = remote.get(jwksUri);
    if (known !== undefined) return known;
    const made = createRemoteJWKSet(new URL(jwksUri), {
      timeoutDuration: jwksTimeoutMs,
      [customFetch]: (url, init) => outgoingFetch(url, { ...init, maxBytes: maxJwksBytes } as RequestInit),
    });
    remote.set(jwksUri, made);
    return made;
  }

  return async (client, assertion, issuer) => {
    if (!isCanonicalJws(assertion)) return undefined;
    const { jwksUri } = client.settings;
    const waitMs = (failedUntil.get(jwksUri) ?? 0) - clock().getTime();
    if (waitMs > 0) throw new DomainError('UNAVAILABLE', { retryAfterMs: waitMs });
    const now = Math.floor(clock().getTime() / 1000);
    try {
      const { payload } = await jwtVerify(assertion, keysOf(client), {
        algorithms,
        issuer: client.clientId,
        subject: client.clientId,
        requiredClaims: ['exp', 'jti', 'aud'],
        clockTolerance: leewayS,
        currentDate: clock(),
      });
      const { exp = 0, iat = 0, jti, aud } = payload;
      // For this issuer and no one beside: another server could have been given the same one.
      const named = [aud].flat();
      const isForUs = named.length > 0 && named.every((each) => each === issuer);
      const isTimely = exp <= now + maxLifeS + leewayS && iat <= now + leewayS;
      if (!isForUs || !isTimely || typeof jti !== 'string' || jti === '' || jti.length > 255)
        return undefined;
      const id = createHash('sha256').update(JSON.stringify(['assertion', client.clientId, jti]));
      return { id: id.digest('base64url'), expiresAt: new Date((exp + leewayS + 1) * 1000) };
    } catch (error) {
      if (error instanceof OutgoingError || error instanceof errors.JWKSTimeout) {
        failedUntil.set(jwksUri, clock().getTime() + keysRestMs);
        throw new DomainError('UNAVAILABLE', { retryAfterMs: keysRestMs, cause: error });
      }
      if (isTokenFault(error)) return undefined;
      throw error;
    }
  };
}

/** The client that an assertion names, before anything of it is believed; empty: none. */
export function subjectOfAssertion(assertion: string): string {
  try {
    const { sub } = decodeJwt(assertion);
    return sub ?? '';
  } catch {
    return '';
  }
}
