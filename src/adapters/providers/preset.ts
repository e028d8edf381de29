import type { JWTPayload } from 'jose';
import type { ClientAuth, ServerMetadata } from 'openid-client';
import type { ExternalProfile, ProviderClaims } from '../../domain/external-identity.ts';
import type { ProviderAnswer, ProviderClient } from '../../domain/identity-provider.ts';
import { type ProfileField, profileFields } from '../../domain/profile.ts';

/** Reads a JSON document of a provider with the access token of a sign-in; throws where there is none. */
export type ReadJson = (url: string, headers?: Readonly<Record<string, string>>) => Promise<unknown>;

/** Someone at a provider, as it describes them. */
export type Described = { readonly claims: ProviderClaims; readonly profile: ExternalProfile };

type Common = {
  /** Its addresses; undefined: those of the metadata of the issuer (OpenID Connect Discovery 1.0). */
  readonly server: ServerMetadata | undefined;
  /** The issuer where the connection names none. */
  readonly issuer: string;
  /** The hosts that an emulator stands in for. */
  readonly hosts: readonly string[];
  readonly scopes: readonly string[];
  /** Further parameters of the authorization request. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** The error in an answer of its token endpoint, where it has other ones than RFC 6749, section 5.2; empty: none. */
  readonly errorOf?: (body: Claims) => string;
  /** How the client proves itself at the token endpoint; undefined: as the metadata says. */
  readonly authenticate?: (client: ProviderClient, now: Date) => ClientAuth;
};

/** A provider of ID tokens. */
export type OpenIdPreset = Common & {
  readonly isOpenId: true;
  /** The algorithms of its ID tokens. */
  readonly algorithms: readonly string[];
  /** Every `iss` that a token with these claims may have. */
  readonly issuersOf: (metadata: ServerMetadata, claims: JWTPayload) => readonly string[];
  /** Whether the address of these claims is proved, and whether the provider answers for it. */
  readonly trustOf: (claims: Claims, client: ProviderClient, metadata: ServerMetadata) => EmailTrust;
  /** The issuer by which its users are known here, where that is not the one of its tokens. */
  readonly knownAs?: (issuer: string) => string;
  /** Whether its userinfo endpoint is asked for what its ID tokens lack. */
  readonly hasUserInfo?: boolean;
  /** Claims from the parameters beside the code. */
  readonly claimsOf?: (answer: ProviderAnswer) => Claims;
  /** Further profile data; the sign-in succeeds without it. */
  readonly profileOf?: (read: ReadJson, client: ProviderClient) => Promise<ExternalProfile>;
};

/** A provider of OAuth 2 alone: a call to its profile says who came. */
export type OAuthPreset = Common & {
  readonly isOpenId: false;
  readonly describe: (read: ReadJson, client: ProviderClient, accessToken: string) => Promise<Described>;
};

export type Preset = OpenIdPreset | OAuthPreset;

export type Claims = Readonly<Record<string, unknown>>;

export type EmailTrust = Pick<ProviderClaims, 'isVerified' | 'isAuthoritative'>;

/** The longest claim that is kept, in UTF-16 code units; an address of a picture is that long. */
const maxClaimLength = 2048;

/** A text that another site sent; empty where it is none, is too long, or is ill-formed. */
export function textOf(value: unknown): string {
  return typeof value === 'string' && value.length <= maxClaimLength && value.isWellFormed() ? value : '';
}

/** A subject, as this service keeps it (OpenID Connect Core 1.0, section 2), and the id of a session: at most 255 ASCII characters. */
export function isSubject(value: unknown): value is string {
  return typeof value === 'string' && /^[\x20-\x7e]{1,255}$/.test(value);
}

/** OpenID Connect Core 1.0, section 5.1. */
const usualClaims: Partial<Record<ProfileField, string>> = {
  firstName: 'given_name',
  lastName: 'family_name',
  picture: 'picture',
};

/** The claims of the address and of whether it is verified. The usual claim speaks of the usual address, and of no other one. */
export function addressClaims({ claims }: ProviderClient): readonly [address: string, verifying: string] {
  const { email = 'email', emailVerified } = claims;
  return [email, emailVerified ?? (email === 'email' ? 'email_verified' : '')];
}

/** The address among claims, by the connection's mapping. */
export function emailOf(claims: Claims, client: ProviderClient): string {
  return textOf(claims[addressClaims(client)[0]]);
}

/** Someone by their claims and the connection's mapping. */
export function describe(
  issuer: string,
  subject: string,
  claims: Claims,
  client: ProviderClient,
  trust: EmailTrust,
): Described {
  const fields = Object.fromEntries(
    profileFields.flatMap((field) => {
      const name = client.claims[field] ?? usualClaims[field];
      const text = name === undefined ? '' : textOf(claims[name]);
      return text === '' ? [] : [[field, text]];
    }),
  ) as ProviderClaims['fields'];
  const email = emailOf(claims, client);
  // Some providers have one name alone.
  const [first = '', ...rest] = textOf(claims['name']).trim().split(/\s+/);
  const { firstName = fields.lastName === undefined ? first : '', picture = '' } = fields;
  const lastName = fields.lastName ?? (fields.firstName === undefined ? rest.join(' ') : '');
  const displayName = textOf(claims['name']) || `${firstName} ${lastName}`.trim();
  const profile = { displayName, givenName: firstName, familyName: lastName, photos: picture, email };
  return {
    claims: { issuer, subject, email, ...trust, fields: { ...fields, firstName, lastName } },
    // What one sign-in does not tell may be known from an earlier one.
    profile: Object.fromEntries(Object.entries(profile).filter(([, text]) => text !== '')),
  };
}
