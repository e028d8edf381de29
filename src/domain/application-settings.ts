import type { SigningAlgorithm } from './signing-algorithm.ts';

/** The kind of an application decides its grants, its authentication and its redirect URIs. */
export const applicationKinds = ['web', 'spa', 'native', 'machine'] as const;
export type ApplicationKind = (typeof applicationKinds)[number];

/** How an application authenticates (OpenID Connect Core 1.0, section 9). */
export const authenticationMethods = [
  'none',
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
] as const;
export type ClientAuthentication = (typeof authenticationMethods)[number];

type Jwk = Readonly<Record<string, unknown>>;

export type ApplicationSettings = {
  readonly kind: ApplicationKind;
  /** The name that users see. */
  readonly name: string;
  readonly enabled: boolean;
  readonly logo: string;
  readonly homeUrl: string;
  readonly privacyUrl: string;
  readonly termsUrl: string;
  /** Where a browser may return to with a code, each compared as a whole. */
  readonly redirectUris: readonly string[];
  /** Where it may return to after a sign-out. */
  readonly postLogoutRedirectUris: readonly string[];
  /** Where logout tokens are sent; empty: nowhere. */
  readonly backchannelLogoutUri: string;
  /** Browser origins that may call the token endpoint and UserInfo. */
  readonly origins: readonly string[];
  readonly authentication: ClientAuthentication;
  /** The public keys of `private_key_jwt`, in place or at an address. */
  readonly jwks: { readonly keys: readonly Jwk[] };
  readonly jwksUri: string;
  /** Everything that it may ask for. */
  readonly scopes: readonly string[];
  /** The resources whose access tokens it may ask for (RFC 8707). */
  readonly resources: readonly string[];
  /** The resources that it stands for: it may introspect their tokens. */
  readonly serves: readonly string[];
  /** Whether it is the tenant's own: its users are not asked for consent. */
  readonly firstParty: boolean;
  /** Whether devices without a browser may sign in (RFC 8628). */
  readonly deviceGrant: boolean;
  /** Whether a code needs PKCE. Without it a nonce is required (RFC 9700, section 2.1.1). */
  readonly requirePkce: boolean;
  readonly algorithm: SigningAlgorithm;
  readonly accessTokenMinutes: number;
  /** Life of a refresh token without use, and of the whole grant. */
  readonly refreshIdleDays: number;
  readonly refreshDays: number;
  /** Whether ID tokens have the claims of the scopes too. They stand in addresses at a sign-out. */
  readonly claimsInIdToken: boolean;
  /** The slug of the tenant that users of Manam are known to by a subject of their own; empty: the subject is the user's id. */
  readonly sector: string;
};
