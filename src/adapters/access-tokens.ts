import { type CryptoKey, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import type { AccessTokens } from '../domain/access-token.ts';
import type { AuthenticationMethod, SessionLevel } from '../domain/authentication.ts';
import { isCanonicalJws } from '../domain/base64url.ts';
import type { Clock } from '../domain/clock.ts';
import type { Random } from '../domain/random.ts';
import { signJws } from './jws.ts';
import type { KeyRing } from './key-ring.ts';
import { createVerifiedTokens } from './verified-tokens.ts';

/** Lifetime of an access token (R11). */
const lifetimeS = 600;
/** Accepted clock skew (R12). */
const leewayS = 30;

/** One purpose, one `typ` (RFC 8725, section 3.11): a token of one kind is refused where another is due. */
const types: Record<SessionLevel, string> = {
  'signed-in': 'at+jwt',
  'enrol-only': 'setup+jwt',
  // For the tenant's apps it is a token of the user, with `act`.
  acting: 'at+jwt',
};
const levels: ReadonlyMap<string, SessionLevel> = new Map([
  [types['signed-in'], 'signed-in'],
  [types['enrol-only'], 'enrol-only'],
]);

/** The audience of a token: the tenant, or for an enrol-only session this service alone. */
function audienceOf(level: SessionLevel, tenantId: string): string {
  return level === 'enrol-only' ? `urn:manam:setup:${tenantId}` : tenantId;
}

const pendingType = 'mfa+jwt';
const pendingLifetimeS = 300;
const pendingAudience = (tenantId: string) => `urn:manam:2fa:${tenantId}`;

export type AccessTokenDeps = {
  readonly ring: KeyRing;
  /** The `iss` claim. */
  readonly issuer: string;
  readonly clock: Clock;
  readonly random: Random;
};

/** Access tokens: JWS with EdDSA and the claims of R11 (RFC 9068). */
export function createAccessTokens({ ring, issuer, clock, random }: AccessTokenDeps): AccessTokens {
  const seconds = (date: Date) => Math.floor(date.getTime() / 1000);

  const verified = createVerifiedTokens(ring.verifier, clock, leewayS);
  /** The headers of tokens that were verified, as they are encoded, with their level: two for each key. */
  const headers = new Map<string, SessionLevel>();

  /** The claims of a token of that type that is ours and live, or undefined for whatever is not. */
  async function verifyAs(
    token: string,
    typ: string,
    requiredClaims: string[],
  ): Promise<JWTPayload | undefined> {
    const known = verified.recall(token, { typ, issuer });
    if (known !== undefined) return known;
    if (!isCanonicalJws(token)) return undefined;
    try {
      const { payload, protectedHeader, key } = await jwtVerify(
        token,
        (header) => {
          const key = ring.verifier(header.kid ?? '');
          if (key === undefined) throw new errors.JWKSNoMatchingKey();
          return key;
        },
        { algorithms: ['EdDSA'], issuer, typ, requiredClaims, clockTolerance: leewayS, currentDate: clock() },
      );
      const { kid = '' } = protectedHeader;
      verified.keep(token, { payload, typ, issuer, kid, key: key as CryptoKey });
      return payload;
    } catch (error) {
      // Whatever is wrong with a token, it is not a token of this service; a defect of this service is not that.
      if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined;
      throw error;
    }
  }

  return {
    lifetimeS,

    async sign(claims) {
      const issuedAt = seconds(clock());
      const payload = {
        iss: issuer,
        aud: audienceOf(claims.level, claims.tenantId),
        sub: claims.userId,
        tid: claims.tenantId,
        sid: claims.sessionId,
        jti: random.uuid(),
        iat: issuedAt,
        exp: issuedAt + lifetimeS,
        auth_time: seconds(claims.authTime),
        amr: claims.amr,
        ...(claims.jkt !== undefined && { cnf: { jkt: claims.jkt } }),
        ...rolesClaim(claims.roles),
        ...(claims.actorId !== undefined && { act: { sub: claims.actorId } }),
      };
      return signJws(ring.signer(), types[claims.level], payload);
    },

    async signPending({ tenantId, userId, challengeId }) {
      const iat = seconds(clock());
      const exp = iat + pendingLifetimeS;
      const aud = pendingAudience(tenantId);
      const payload = { iss: issuer, aud, sub: userId, tid: tenantId, jti: challengeId, iat, exp };
      return signJws(ring.signer(), pendingType, payload);
    },

    async verifyPending(token) {
      const payload = await verifyAs(token, pendingType, ['exp', 'iat', 'sub', 'tid', 'jti']);
      if (payload === undefined) return undefined;
      const { sub, tid, jti, exp, iat } = payload;
      const plausible =
        typeof sub === 'string' &&
        typeof tid === 'string' &&
        typeof jti === 'string' &&
        payload.aud === pendingAudience(tid) &&
        Number(exp) - Number(iat) <= pendingLifetimeS;
      return plausible ? { tenantId: tid, userId: sub, challengeId: jti } : undefined;
    },

    async verify(token) {
      const header = token.slice(0, token.indexOf('.'));
      const level = headers.get(header) ?? levelOf(token);
      if (level === undefined) return undefined;
      const required = ['exp', 'iat', 'sub', 'tid', 'sid', 'jti', 'auth_time', 'amr'];
      const payload = await verifyAs(token, types[level], required);
      if (payload === undefined) return undefined;
      headers.set(header, level);
      const { sub, tid, sid, exp, iat, auth_time: authTime, amr } = payload;
      const plausible =
        typeof sub === 'string' &&
        typeof tid === 'string' &&
        typeof sid === 'string' &&
        typeof authTime === 'number' &&
        Array.isArray(amr) &&
        payload.aud === audienceOf(level, tid) &&
        Number(exp) - Number(iat) <= lifetimeS;
      if (!plausible) return undefined;
      const { sub: actorId } = (payload['act'] ?? {}) as { readonly sub?: string };
      return {
        tenantId: tid,
        userId: sub,
        sessionId: sid,
        level: actorId === undefined ? level : 'acting',
        ...(actorId !== undefined && { actorId }),
        authTime: new Date(authTime * 1000),
        amr: amr as AuthenticationMethod[],
        jkt: (payload['cnf'] as { readonly jkt?: string } | undefined)?.jkt,
        issuedAt: new Date(Number(iat) * 1000),
        expiresAt: new Date(Number(exp) * 1000),
      };
    },
  };
}

/** Bytes that the roles of a user may take; a token stays below 4 KiB (R43). */
const maxRolesBytes = 2048;

/** The roles, all or none: a part of them would say that the user lacks the others (RFC 9068, section 2.2.3.1). */
function rolesClaim(roles: readonly string[] = []): { roles?: readonly string[] } {
  return roles.length === 0 || Buffer.byteLength(JSON.stringify(roles)) > maxRolesBytes ? {} : { roles };
}

/** The level that a token claims by its `typ`; undefined for tokens of other kinds and for what is no token. */
function levelOf(token: string): SessionLevel | undefined {
  try {
    return levels.get(decodeProtectedHeader(token).typ ?? '');
  } catch {
    // Not a token at all.
    return undefined;
  }
}
