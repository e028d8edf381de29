import { type JWTPayload, jwtVerify } from 'jose';
import { createKeySource } from './key-source.ts';
import { AccessTokenError, type BoundRequest, issuerOption, verdictOn } from './token-verdict.ts';

export type ApiVerifierOptions = {
  /** The `iss` of the tokens: that of the tenant, such as `https://id.example.com/t/acme`. */
  readonly issuer: string;
  /** The `aud` of the tokens: the name by which applications ask for this API (`resource`, RFC 8707). */
  readonly audience: string;
  /** Default: `/jwks` at the issuer. */
  readonly jwksUrl?: string;
  /** Accepted clock skew, in seconds. Default 30. */
  readonly clockToleranceS?: number;
  /** The clock that tokens are judged by, for tests. Default: the system's. */
  readonly now?: () => Date;
};

/** The claims of an access token that an application got for an API (RFC 9068, section 2.2). */
export type ApiTokenClaims = {
  /** The user, as this application knows them; for a program without users its own client id. */
  readonly subject: string;
  /** The application that the token was issued to. */
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** The roles of the user, where the application asked for the scope `roles`. */
  readonly roles: readonly string[];
  /** Time of the user's last authentication; absent: the token is a program's own. */
  readonly authTime?: Date;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
};

/** Verifies an access token of an application. One that came with a proof of a key is refused: none is bound to one. */
export type ApiTokenVerifier = (token: string, request?: BoundRequest) => Promise<ApiTokenClaims>;

/**
 * Verifies the access tokens that applications of a tenant bring to an API, with the public keys of the tenant's issuer, which it
 * reads once a minute, and without a call for each token. Where they cannot be read, those at hand are good for an hour. A token
 * stays valid until it expires. Throws AccessTokenError if it is not a live one of this issuer for this API, and another error if
 * the keys are unavailable: that is an outage and no verdict. Throws TypeError where issuer or audience is missing: without them
 * it would take tokens that are for others.
 */
export function createApiTokenVerifier(options: ApiVerifierOptions): ApiTokenVerifier {
  const { audience, clockToleranceS = 30, now = () => new Date() } = options;
  const issuer = issuerOption(options.issuer);
  if (typeof audience !== 'string' || audience === '')
    throw new TypeError('audience is missing: the name by which applications ask for this API');
  const keys = createKeySource(new URL(options.jwksUrl ?? `${issuer}/jwks`));
  return (token, request) =>
    verdictOn(token, async () => {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ['EdDSA', 'ES256', 'RS256'],
        typ: 'at+jwt',
        issuer,
        audience,
        requiredClaims: ['exp', 'iat', 'sub', 'client_id', 'scope'],
        clockTolerance: clockToleranceS,
        currentDate: now(),
      });
      // No token of an application is bound to a key yet. One that is would need its proof (RFC 9449, section 7.1).
      if (payload['cnf'] !== undefined) throw new AccessTokenError('the token is bound to a key');
      if (request?.proof !== undefined)
        throw new AccessTokenError('the token is bound to no key, and came with a proof');
      return claimsOf(payload);
    });
}

function claimsOf(payload: JWTPayload): ApiTokenClaims {
  const { sub, client_id: clientId, scope, roles, auth_time: authTime, iat, exp } = payload;
  if (typeof sub !== 'string' || typeof clientId !== 'string' || typeof scope !== 'string')
    throw new AccessTokenError('a claim is missing');
  const date = (s: unknown) => new Date(Number(s) * 1000);
  return {
    subject: sub,
    clientId,
    scopes: scope.split(' ').filter((each) => each !== ''),
    roles: Array.isArray(roles) ? roles.map(String) : [],
    ...(typeof authTime === 'number' && { authTime: date(authTime) }),
    issuedAt: date(iat),
    expiresAt: date(exp),
  };
}
