import type { ExternalProfile, ProviderClaims } from './external-identity.ts';
import type { GoogleScope } from './tenant.ts';

/** A client of Google's, as its console gave it. */
export type GoogleClient = { readonly clientId: string; readonly clientSecret: string };

/** Google, or what stands in for it. Throws UNAVAILABLE where it does not answer in time. */
export type GoogleProvider = {
  /** The address that a browser is sent to (OpenID Connect Core, section 3.1.2.1). */
  authorizationUrl(
    client: GoogleClient,
    request: {
      readonly state: string;
      readonly nonce: string;
      readonly codeChallenge: string;
      readonly scopes: readonly GoogleScope[];
    },
  ): Promise<string>;
  /** Exchanges a code; throws PROVIDER_TOKEN_INVALID where Google refuses it. */
  exchange(
    client: GoogleClient,
    code: string,
    codeVerifier: string,
  ): Promise<{ readonly idToken: string; readonly accessToken: string }>;
  /** The claims of an id_token, after every check of R49; throws PROVIDER_TOKEN_INVALID. */
  verify(
    idToken: string,
    audiences: readonly string[],
  ): Promise<{ readonly claims: ProviderClaims; readonly nonce: string }>;
  /** The user's profile from the People API, as far as the scopes allow; empty where it is unavailable. */
  profile(accessToken: string, scopes: readonly GoogleScope[]): Promise<ExternalProfile>;
};

/** The `iss` of Google, in the one form that identities are kept under. */
export const googleIssuer = 'https://accounts.google.com';

/** The domains of Google's own mailboxes; the second is what it was called in Germany and Britain. */
const googleMailDomains: readonly string[] = ['gmail.com', 'googlemail.com'];

/**
 * Whether Google is authoritative for an address: it has verified it, and hosts the mailbox, as
 * gmail.com or googlemail.com, or as the domain that the account belongs to (`hd`). Any other address may
 * have gone to another party since.
 */
export function isGoogleAuthoritative(email: string, emailVerified: boolean, hostedDomain: string): boolean {
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase();
  return (
    emailVerified &&
    (googleMailDomains.includes(domain) || (hostedDomain !== '' && domain === hostedDomain.toLowerCase()))
  );
}
