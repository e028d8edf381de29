import type { ConnectionSettings } from './connection.ts';
import type { DomainError } from './errors.ts';
import type { ExternalProfile, ProviderClaims } from './external-identity.ts';

/** The client that this service is at an identity provider, for one tenant. */
export type ProviderClient = ConnectionSettings & {
  /** Its name at the tenant. */
  readonly name: string;
  /** The client secret, or the private key at Apple; empty: there is none. */
  readonly secret: string;
  /** Whether browsers may begin: with a secret, or as a public client (RFC 6749, section 2.1). Apps need neither. */
  readonly isForBrowsers: boolean;
  /** The registered address that browsers come back to (RFC 6749, section 3.1.2). */
  readonly callbackUrl: string;
};

/** Someone who has signed in at a provider. */
export type ProviderAccount = {
  readonly claims: ProviderClaims;
  /** What the provider says of them beside the claims. */
  readonly profile: ExternalProfile;
  /** Their session at the provider, where it names one (OpenID Connect Back-Channel Logout 1.0, section 2.1). */
  readonly sid: string;
};

/** What a browser came back with: the parameters of its query or form (OpenID Connect Core 1.0, section 3.1.2.5). */
export type ProviderAnswer = Readonly<Record<string, string>>;

/** What was sent along, and has to come back. */
export type ProviderExpectation = {
  readonly state: string;
  readonly nonce: string;
  /** The verifier whose challenge went along (RFC 7636). */
  readonly codeVerifier: string;
};

/** Whose sessions a provider ends: all of a subject, or those of one session there. */
export type ProviderLogout = {
  readonly issuer: string;
  /** Empty: every subject of the session. */
  readonly subject: string;
  /** Empty: every session of the subject. */
  readonly sid: string;
  /** The id of the token, which counts once. */
  readonly tokenId: string;
  readonly expiresAt: Date;
};

/**
 * The identity providers. Every call throws UNAVAILABLE where the provider does not answer in time or as it
 * should, and PROVIDER_TOKEN_INVALID where it refuses what the browser brought, or what it says is not for us.
 */
export type IdentityProviders = {
  /** The address that a browser is sent to (OpenID Connect Core 1.0, section 3.1.2.1). */
  authorizationUrl(
    client: ProviderClient,
    request: { readonly state: string; readonly nonce: string; readonly codeChallenge: string },
  ): Promise<string>;
  /** Exchanges the code of a browser that is back, and reads who has come. */
  arrive(
    client: ProviderClient,
    answer: ProviderAnswer,
    expected: ProviderExpectation,
  ): Promise<ProviderAccount>;
  /** The failure of a provider that has sent the browser back with an error of its own; the operator is told. */
  failed(client: ProviderClient, error: string): DomainError;
  /** Reads an ID token that an app has from the provider. Only OpenID providers have such tokens. */
  verifyIdToken(
    client: ProviderClient,
    idToken: string,
  ): Promise<ProviderAccount & { readonly nonce: string }>;
  /** Reads a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6). */
  verifyLogoutToken(client: ProviderClient, logoutToken: string): Promise<ProviderLogout>;
};
