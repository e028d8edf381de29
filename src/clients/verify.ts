import { type JWTPayload, jwtVerify } from 'jose';
import { type Proof, verifyProof } from '../domain/dpop.ts';
import { createKeySource } from './key-source.ts';
import { AccessTokenError, type BoundRequest, issuerOption, verdictOn } from './token-verdict.ts';

export { assertRole, MissingRoleError } from './roles.ts';
export { AccessTokenError, type BoundRequest } from './token-verdict.ts';
export * from './verify-api.ts';

export type VerifierOptions = {
  /** The `iss` of tokens: MANAM_ISSUER of the service. */
  readonly issuer: string;
  /** The tenant's id, which is the `aud` of its tokens. */
  readonly tenantId: string;
  /** Default: `/.well-known/jwks.json` at the issuer. */
  readonly jwksUrl?: string;
  /** Accepted clock skew, in seconds. Default 30. */
  readonly clockToleranceS?: number;
  /** The clock that tokens are judged by, for tests. Default: the system's. */
  readonly now?: () => Date;
  /**
   * Whether tokens are taken by which a member of the tenant looks at an account in its user's place (`act`). Take them
   * only where `actorId` decides that nothing is changed. Default: they are refused.
   */
  readonly acceptActing?: boolean;
  /** Knows which sessions have ended, such as `followRevocations` of `@manam/client/grpc` or `@manam/client/connect`. Default: none. */
  readonly revocations?: Revocations;
};

/** The ended sessions that are known. */
export type Revocations = {
  /** Whether the session of a token has ended. Throws where that is unknown: the token is not accepted then. */
  hasEnded(claims: AccessTokenClaims, token: string): Promise<boolean>;
};

/** The claims of an access token (RFC 9068, section 2.2). */
export type AccessTokenClaims = {
  readonly userId: string;
  readonly tenantId: string;
  readonly sessionId: string;
  /** How the user has authenticated (RFC 8176), such as `pwd` and `otp`. */
  readonly methods: readonly string[];
  /** The roles of the user when the token was issued, of those that the tenant's policy declares. */
  readonly roles: readonly string[];
  /** Time of the last authentication. */
  readonly authTime: Date;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  /**
   * The member of the tenant who looks at the account in the user's place (`act`, RFC 8693, section 4.1): show it to
   * them, and let them change nothing. Absent: the user themselves.
   */
  readonly actorId?: string;
};

/** Verifies an access token; a bound one with the request that it came with. */
export type AccessTokenVerifier = (token: string, request?: BoundRequest) => Promise<AccessTokenClaims>;

/**
 * Verifies access tokens with the public keys, which it reads once a minute, without a call for each token. Where they cannot be
 * read, those at hand are good for an hour. A token stays valid until it expires, up to 10 minutes after a logout, unless
 * `revocations` are followed; IntrospectToken reports a logout at once. A token that is bound to a key needs the request with its proof, which is good once for this
 * verifier; without that it is refused, as is a proof with a token that is bound to none. Throws AccessTokenError if the
 * token is not a live one of the tenant, and another error if the keys are unavailable: that is an outage and no verdict. Throws
 * TypeError where issuer or tenant are none.
 */
export function createAccessTokenVerifier(options: VerifierOptions): AccessTokenVerifier {
  const { tenantId, clockToleranceS = 30, now = () => new Date(), revocations } = options;
  const issuer = issuerOption(options.issuer);
  if (typeof tenantId !== 'string' || tenantId === '')
    throw new TypeError('tenantId is missing: the id of the tenant, as `manam tenant list` shows it');
  const jwksUrl = new URL(options.jwksUrl ?? `${issuer}/.well-known/jwks.json`);
  const keys = createKeySource(jwksUrl);

  const spend = createSpentProofs();

  return (token, request) =>
    verdictOn(token, async () => {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ['EdDSA'],
        typ: 'at+jwt',
        // A configured issuer may end with a slash.
        issuer: [issuer, `${issuer}/`],
        audience: tenantId,
        requiredClaims: ['exp', 'iat', 'sub', 'tid', 'sid', 'auth_time', 'amr'],
        clockTolerance: clockToleranceS,
        currentDate: now(),
      });
      await assertBinding(payload, token, request, now(), spend);
      const claims = claimsOf(payload, tenantId);
      if (claims.actorId !== undefined && options.acceptActing !== true)
        throw new AccessTokenError('someone else acts in the place of the user');
      if ((await revocations?.hasEnded(claims, token)) === true)
        throw new AccessTokenError('the session has ended');
      return claims;
    });
}

/**
 * Refuses a bound token that did not come with a proof of its key, a proof for the second time, and a proof for a token that is bound to
 * no key (RFC 9449, section 7.1).
 */
async function assertBinding(
  { cnf }: JWTPayload,
  accessToken: string,
  request: BoundRequest | undefined,
  now: Date,
  spend: (proof: Proof, now: Date) => boolean,
): Promise<void> {
  if (cnf === undefined) {
    if (request?.proof !== undefined)
      throw new AccessTokenError('the token is bound to no key, and came with a proof');
    return;
  }
  const { jkt } = cnf as { readonly jkt?: unknown };
  if (request?.proof === undefined)
    throw new AccessTokenError('the token is bound to a key: its proof is missing', 'invalid_dpop_proof');
  const { proof: text, method, url } = request;
  const own = new URL(url);
  const isUrl = ({ origin, pathname }: URL) => origin === own.origin && pathname === own.pathname;
  const proof = await verifyProof(text, { method, isUrl, accessToken }, now);
  if (proof.jkt !== jkt) throw new AccessTokenError('the proof is that of another key');
  if (!spend(proof, now)) throw new AccessTokenError('the proof was used before', 'invalid_dpop_proof');
}

/** Remembers the proofs of the last minute; true for the first use of each. */
function createSpentProofs(): (proof: Proof, now: Date) => boolean {
  // In the order of their use, in which they all but expire.
  const spent = new Map<string, number>();
  return ({ id, expiresAt }, now) => {
    for (const [each, untilMs] of spent) {
      if (untilMs > now.getTime()) break;
      spent.delete(each);
    }
    if (spent.has(id)) return false;
    spent.set(id, expiresAt.getTime());
    return true;
  };
}

function claimsOf(payload: JWTPayload, tenantId: string): AccessTokenClaims {
  const { sub, tid, sid, auth_time: authTime, amr, iat, exp, act, roles } = payload;
  const { sub: actorId } = (act ?? {}) as { readonly sub?: unknown };
  const isWhole =
    typeof sub === 'string' &&
    tid === tenantId &&
    typeof sid === 'string' &&
    typeof authTime === 'number' &&
    Array.isArray(amr);
  if (!isWhole) throw new AccessTokenError('a claim is missing');
  const date = (s: number | undefined) => new Date(Number(s) * 1000);
  return {
    userId: sub,
    tenantId,
    sessionId: sid,
    methods: amr.map(String),
    roles: Array.isArray(roles) ? roles.map(String) : [],
    authTime: date(authTime),
    issuedAt: date(iat),
    expiresAt: date(exp),
    ...(actorId !== undefined && { actorId: String(actorId) }),
  };
}
