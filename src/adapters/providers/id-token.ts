import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import { LRUCache } from 'lru-cache';
import type { ServerMetadata } from 'openid-client';
import { isCanonicalJws } from '../../domain/base64url.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import { isObject } from '../../domain/settings.ts';
import { isTokenFault } from '../../domain/token-fault.ts';
import { outage } from './failure.ts';
import { isSubject, type OpenIdPreset } from './preset.ts';
import type { Fetch } from './transport.ts';

const jwksTimeoutMs = 3000;
/** Cache lifetime of a provider's keys, and the least interval between two refreshes for an unknown key. */
const jwksLifetimeMs = 600_000;
const jwksCooldownMs = 10_000;
const maxKeySets = 1000;
/** Accepted clock skew, in seconds (R12). */
export const leewayS = 30;
/** How old a token may be; it has come straight from the provider. */
const maxAgeS = 600;
const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout';
/** Media types of a logout token: the specification recommends the first, and most providers send none or the second. */
const logoutTypes: readonly unknown[] = ['logout+jwt', 'JWT', undefined];

export type TokenRules = {
  readonly preset: OpenIdPreset;
  readonly metadata: ServerMetadata;
  readonly fetch: Fetch;
  /** The client ids that a token may be for. */
  readonly audiences: readonly string[];
};

/** Verifies what providers sign. Their keys are kept: where one does not answer, a key that is known continues to serve (R49). */
export function createTokenVerifier(clock: Clock) {
  const keySets = new LRUCache<string, JWTVerifyGetKey>({ max: maxKeySets });

  function keysOf({ jwks_uri: url }: ServerMetadata, fetch: Fetch): JWTVerifyGetKey {
    if (url === undefined) throw outage(new Error('the provider names no keys'));
    const known = keySets.get(url) ?? createKeySource(url, fetch);
    keySets.set(url, known);
    return known;
  }

  async function verify(token: string, rules: TokenRules, options: JWTVerifyOptions) {
    const { preset, metadata, fetch, audiences } = rules;
    if (!isCanonicalJws(token)) throw new DomainError('PROVIDER_TOKEN_INVALID');
    try {
      const verified = await jwtVerify(token, keysOf(metadata, fetch), {
        ...options,
        algorithms: [...preset.algorithms],
        audience: [...audiences],
        clockTolerance: leewayS,
        maxTokenAge: maxAgeS,
        currentDate: clock(),
      });
      const { iss = '', aud } = verified.payload;
      // Made by this issuer, for one of this service, and for no one else beside (OpenID Connect Core 1.0, section 3.1.3.7).
      const isForeign = ![aud].flat().every((each) => each !== undefined && audiences.includes(each));
      if (isForeign || !preset.issuersOf(metadata, verified.payload).includes(iss))
        throw new DomainError('PROVIDER_TOKEN_INVALID');
      return verified;
    } catch (error) {
      throw isTokenFault(error) ? new DomainError('PROVIDER_TOKEN_INVALID') : error;
    }
  }

  return {
    /** The claims of an ID token, with a subject and a nonce. Throws PROVIDER_TOKEN_INVALID. */
    async verifyIdToken(
      token: string,
      rules: TokenRules,
    ): Promise<JWTPayload & { readonly iss: string; readonly sub: string; readonly nonce: string }> {
      const requiredClaims = ['iss', 'aud', 'sub', 'exp', 'iat', 'nonce'];
      const { payload } = await verify(token, rules, { requiredClaims });
      const { iss = '', sub, azp, nonce } = payload;
      const isForeign = azp !== undefined && !rules.audiences.includes(String(azp));
      if (isForeign || !isSubject(sub) || typeof nonce !== 'string')
        throw new DomainError('PROVIDER_TOKEN_INVALID');
      return { ...payload, iss, sub, nonce };
    },

    /** The claims of a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6). Throws PROVIDER_TOKEN_INVALID. */
    async verifyLogoutToken(token: string, rules: TokenRules) {
      const requiredClaims = ['iss', 'aud', 'iat', 'jti', 'events'];
      const { payload, protectedHeader } = await verify(token, rules, { requiredClaims });
      const { iss = '', jti = '', iat = 0, sub, sid, events, nonce } = payload;
      const isLogout =
        logoutTypes.includes(protectedHeader.typ) &&
        typeof events === 'object' &&
        events !== null &&
        isObject((events as Record<string, unknown>)[logoutEvent]) &&
        // With a nonce it could be an ID token.
        nonce === undefined;
      const isNamed =
        sub === undefined ? isSubject(sid) : isSubject(sub) && (sid === undefined || isSubject(sid));
      if (!isLogout || !isNamed || typeof jti !== 'string' || jti === '' || jti.length > 255)
        throw new DomainError('PROVIDER_TOKEN_INVALID');
      const expiresAt = new Date((iat + maxAgeS + 2 * leewayS) * 1000);
      return {
        issuer: iss,
        subject: sub ?? '',
        sid: sid === undefined ? '' : String(sid),
        tokenId: jti,
        expiresAt,
      };
    },
  };
}

function createKeySource(url: string, fetch: Fetch): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(new URL(url), {
    timeoutDuration: jwksTimeoutMs,
    cacheMaxAge: jwksLifetimeMs,
    cooldownDuration: jwksCooldownMs,
    [customFetch]: fetch,
  });
  return async (header, token) => {
    try {
      return await remote(header, token);
    } catch (error) {
      const known = remote.jwks();
      if (error instanceof errors.JWKSNoMatchingKey) throw error;
      if (known === undefined) throw outage(error);
      return await createLocalJWKSet(known)(header, token);
    }
  };
}
