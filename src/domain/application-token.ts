import type { SigningAlgorithm } from './signing-algorithm.ts';

/** The tokens that are signed for applications, each with its own `typ` (RFC 8725, section 3.11). */
export type ApplicationTokenType = 'JWT' | 'at+jwt' | 'logout+jwt';

/** The claims of an application's access token (RFC 9068, section 2.2). */
export type ApplicationAccessClaims = {
  readonly clientId: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly audience: readonly string[];
  /** The grant of a user; undefined: the token is the application's own. */
  readonly grantId: string | undefined;
  readonly tokenId: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
};

/** The content of an ID token that comes back as a hint, expired or not (RP-Initiated Logout 1.0, section 2). */
export type IdTokenHint = { readonly subject: string; readonly clientId: string; readonly sessionId: string };

export type ApplicationTokens = {
  /** Throws UNAVAILABLE where a signature might find no place: before a code or a refresh token is used up for it. */
  admit(algorithm: SigningAlgorithm): void;
  sign(algorithm: SigningAlgorithm, type: ApplicationTokenType, payload: object): Promise<string>;
  /** The claims of a live access token of that issuer, or undefined for any other text. */
  verifyAccess(token: string, issuer: string): Promise<ApplicationAccessClaims | undefined>;
  /** An ID token of that issuer, or undefined for any other text. */
  readHint(token: string, issuer: string): Promise<IdTokenHint | undefined>;
};

/** The headers of a UserInfo request that is refused (RFC 6750, section 3). */
export function bearerChallenge(error: string, scope = ''): Record<string, string> {
  const needed = scope === '' ? '' : `, scope="${scope}"`;
  return { 'www-authenticate': `Bearer realm="manam", error="${error}"${needed}` };
}

/** The issuer of a tenant's OpenID provider (OpenID Connect Discovery 1.0, section 3). */
export function issuerOf(deployment: string, slug: string): string {
  return `${deployment.replace(/\/$/, '')}/t/${slug}`;
}

/** The places of an issuer. */
export const issuerPaths = {
  authorization: '/oauth/authorize',
  token: '/oauth/token',
  userInfo: '/oauth/userinfo',
  introspection: '/oauth/introspect',
  revocation: '/oauth/revoke',
  pushed: '/oauth/par',
  device: '/oauth/device_authorization',
  endSession: '/oauth/end_session',
  formPost: '/oauth/form_post',
  jwks: '/jwks',
} as const;

/** The address of UserInfo, which access tokens without a resource are for. */
export function userInfoAt(issuer: string): string {
  return `${issuer}${issuerPaths.userInfo}`;
}
