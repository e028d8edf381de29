import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import type { ApplicationTokens } from '../domain/application-token.ts';
import { isCanonicalJws } from '../domain/base64url.ts';
import type { Clock } from '../domain/clock.ts';
import { parseScope } from '../domain/grant.ts';
import type { SigningAlgorithm } from '../domain/signing-algorithm.ts';
import { signEs256, signingInput, signJws } from './jws.ts';
import type { KeyRing } from './key-ring.ts';
import type { RsaSigner } from './rsa-signer.ts';
import { createVerifiedTokens } from './verified-tokens.ts';

/** Accepted clock skew (R12). */
const leewayS = 30;
const maxLength = 16_384;

/** The tokens of applications, which are none of the sessions': another issuer, other audiences. */
export function createApplicationTokens(
  { applications: ring }: Pick<KeyRing, 'applications'>,
  rsa: RsaSigner,
  clock: Clock,
): ApplicationTokens {
  async function verify(
    token: string,
    options: JWTVerifyOptions,
    findKey = ring.verifier,
  ): Promise<{ readonly payload: JWTPayload; readonly kid: string } | undefined> {
    if (token.length > maxLength || !isCanonicalJws(token)) return undefined;
    try {
      const { payload, protectedHeader } = await jwtVerify(
        token,
        ({ kid = '', alg }) => {
          const found = findKey(kid);
          // A key has one algorithm, whatever a header says (RFC 8725, section 3.1).
          if (found === undefined || found.algorithm !== alg) throw new errors.JWKSNoMatchingKey();
          return found.key;
        },
        {
          algorithms: ['RS256', 'ES256', 'EdDSA'],
          clockTolerance: leewayS,
          currentDate: clock(),
          ...options,
        },
      );
      return { payload, kid: protectedHeader.kid ?? '' };
    } catch (error) {
      // Whatever is wrong with a token, it is not a token of this service; a defect of this service is not that.
      if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined;
      throw error;
    }
  }

  const verified = createVerifiedTokens((kid) => ring.verifier(kid)?.key, clock, leewayS);

  /** The claims of an access token, whose signature is looked at once. */
  async function claimsOf(token: string, issuer: string): Promise<JWTPayload | undefined> {
    const kind = { typ: 'at+jwt', issuer };
    const known = verified.recall(token, kind);
    if (known !== undefined) return known;
    const requiredClaims = ['exp', 'iat', 'sub', 'aud', 'jti', 'client_id'];
    const found = await verify(token, { ...kind, requiredClaims });
    if (found === undefined) return undefined;
    const key = ring.verifier(found.kid)?.key;
    if (key !== undefined) verified.keep(token, { ...kind, ...found, key });
    return found.payload;
  }

  return {
    async sign(algorithm: SigningAlgorithm, typ, payload) {
      const signer = ring.signer(algorithm);
      if (algorithm === 'EdDSA') return signJws(signer, typ, payload);
      if (algorithm === 'ES256') return signEs256(signer, typ, payload);
      const text = signingInput({ alg: algorithm, kid: signer.kid, typ }, payload);
      return `${text}.${await rsa.sign(signer.key, text)}`;
    },

    admit(algorithm) {
      if (algorithm === 'RS256') rsa.admit();
    },

    async verifyAccess(token, issuer) {
      const payload = await claimsOf(token, issuer);
      if (payload === undefined) return undefined;
      const { sub = '', aud = [], jti = '', iat = 0, exp = 0 } = payload;
      const { client_id: clientId, scope = '', grant_id: grantId } = payload;
      return {
        clientId: String(clientId),
        subject: sub,
        scopes: parseScope(String(scope)),
        audience: [aud].flat(),
        grantId: grantId === undefined ? undefined : String(grantId),
        tokenId: jti,
        issuedAt: new Date(iat * 1000),
        expiresAt: new Date(exp * 1000),
      };
    },

    async readHint(token, issuer) {
      // Applications keep it for as long as their session: that it or its key has expired does not matter.
      const found = await verify(
        token,
        { issuer, typ: 'JWT', clockTolerance: Number.MAX_SAFE_INTEGER / 1000 },
        ring.everyVerifier,
      );
      const { payload } = found ?? {};
      if (payload?.sub === undefined || typeof payload.aud !== 'string') return undefined;
      return { subject: payload.sub, clientId: payload.aud, sessionId: String(payload['sid'] ?? '') };
    },
  };
}
