import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose';
import type { AuthenticationMethod, SessionLevel } from '../domain/caller.ts';
import type { AccessTokens, Clock, Random } from '../domain/ports.ts';
import type { KeyRing } from './key-ring.ts';

/** How long an access token lives (R11). */
const lifetimeS = 600;
/** What clocks may be apart (R12). */
const leewayS = 30;

/** One purpose, one `typ` (RFC 8725, section 3.11): a token of one kind is refused as any other. */
const types: Record<SessionLevel, string> = { 'signed-in': 'at+jwt', 'enrol-only': 'setup+jwt' };
const levels = new Map(Object.entries(types).map(([level, typ]) => [typ, level as SessionLevel]));

/** Who a token is for: the tenant, or for an enrol-only session this service alone. */
function audienceOf(level: SessionLevel, tenantId: string): string {
  return level === 'signed-in' ? tenantId : `urn:manam:setup:${tenantId}`;
}

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

  return {
    lifetimeS,

    async sign(claims) {
      const { kid, key } = ring.signer();
      const issuedAt = seconds(clock());
      return await new SignJWT({
        iss: issuer,
        aud: audienceOf(claims.level, claims.tenantId),
        sub: claims.userId,
        tid: claims.tenantId,
        sid: claims.sessionId,
        jti: random.uuid(),
        iat: issuedAt,
        exp: issuedAt + lifetimeS,
        auth_time: seconds(claims.authTime),
        amr: [...claims.amr],
      })
        .setProtectedHeader({ alg: 'EdDSA', kid, typ: types[claims.level] })
        .sign(key);
    },

    async verify(token) {
      try {
        const level = levels.get(decodeProtectedHeader(token).typ ?? '');
        if (level === undefined) return undefined;
        const { payload } = await jwtVerify(
          token,
          (header) => {
            const key = ring.verifier(header.kid ?? '');
            if (key === undefined) throw new errors.JWKSNoMatchingKey();
            return key;
          },
          {
            algorithms: ['EdDSA'],
            issuer,
            typ: types[level],
            requiredClaims: ['exp', 'iat', 'sub', 'tid', 'sid', 'jti', 'auth_time', 'amr'],
            clockTolerance: leewayS,
            currentDate: clock(),
          },
        );
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
        return {
          tenantId: tid,
          userId: sub,
          sessionId: sid,
          level,
          authTime: new Date(authTime * 1000),
          amr: amr as AuthenticationMethod[],
          issuedAt: new Date(Number(iat) * 1000),
          expiresAt: new Date(Number(exp) * 1000),
        };
      } catch (error) {
        // Whatever is wrong with a token, it is not a token of ours; a defect of ours is not that.
        if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined;
        throw error;
      }
    },
  };
}
