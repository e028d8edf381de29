import { createHash } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { ForeignKind } from '../domain/connection.ts';

/** An account that can be chosen. */
export type EmulatedUser = {
  readonly sub: string;
  readonly email: string;
  readonly email_verified: boolean;
  /** The hosted domain, at Google. */
  readonly hd?: string;
  readonly given_name: string;
  readonly family_name: string;
};

export const emulatedUsers: readonly EmulatedUser[] = [
  {
    sub: '1001',
    email: 'sara.gm@gmail.com',
    email_verified: true,
    given_name: 'Sara',
    family_name: 'Ahmadi',
  },
  {
    sub: '1002',
    email: 'reza@corp.example',
    email_verified: true,
    hd: 'corp.example',
    given_name: 'Reza',
    family_name: 'Karimi',
  },
  {
    sub: '1003',
    email: 'mina@elsewhere.example',
    email_verified: true,
    given_name: 'Mina',
    family_name: 'Rad',
  },
];

type Refusal = { readonly status: number; readonly body: object };

/** What a provider is like, in words that an emulator can serve: its paths, below the emulator's own, and its documents. */
export type EmulatedProvider = {
  readonly title: string;
  readonly authorize: RegExp;
  readonly token: RegExp;
  /** Undefined: it signs nothing. */
  readonly keys?: RegExp;
  /** Its metadata; the match of the path comes along. */
  readonly metadata?: {
    readonly path: RegExp;
    readonly of: (base: string, match: RegExpMatchArray) => object;
  };
  /** The `iss` of its ID tokens; undefined: it has none. */
  readonly issuer?: (base: string) => string;
  /** The claims beside those of every ID token. */
  readonly claims?: (user: EmulatedUser) => JWTPayload;
  /** What its interfaces say of a user, by path. */
  readonly profiles?: readonly { readonly path: RegExp; readonly of: (user: EmulatedUser) => object }[];
  /** The `iss` of its answers, where its ID tokens have none (RFC 9207). */
  readonly answersAs?: string;
  /** Whether it answers by a form, with the user's name. */
  readonly isFormPost?: boolean;
  /** The body of a code, and of a client, that it does not take, and its status. Default: RFC 6749, section 5.2. */
  readonly refusal?: Refusal;
  readonly clientRefusal?: Refusal;
};

const photo = 'https://lh3.example/photo.jpg';
export const microsoftDirectory = '11111111-2222-3333-4444-555555555555';

const fullName = ({ given_name, family_name }: EmulatedUser) => `${given_name} ${family_name}`;
/** The id of a user where ids are numbers. */
const numberOf = ({ sub }: EmulatedUser) => createHash('sha256').update(sub).digest().readUInt32BE();

function person(user: EmulatedUser): object {
  const { given_name: givenName, family_name: familyName, email } = user;
  return {
    names: [
      {
        displayName: fullName(user),
        givenName,
        familyName,
        displayNameLastFirst: `${familyName}, ${givenName}`,
      },
    ],
    photos: [{ url: photo }],
    coverPhotos: [{ url: 'https://lh3.example/cover.jpg' }],
    locales: [{ value: 'fa' }],
    ageRanges: [{ ageRange: 'TWENTY_ONE_OR_OLDER' }],
    birthdays: [{ date: { day: 3, month: 4, year: 1991 } }],
    emailAddresses: [{ value: email }],
  };
}

/** Every claim of OpenID Connect Core 1.0, section 5.1, that is asked for. */
const standardClaims = ({ sub: _, hd, ...profile }: EmulatedUser): JWTPayload => ({
  ...profile,
  ...(hd !== undefined && { hd }),
  picture: photo,
});

export const emulatedProviders: Readonly<Record<ForeignKind, EmulatedProvider>> = {
  oidc: {
    title: 'Example ID',
    authorize: /^\/authorize$/,
    token: /^\/token$/,
    keys: /^\/jwks$/,
    issuer: (base) => base,
    metadata: {
      path: /^\/\.well-known\/openid-configuration$/,
      of: (base) => ({
        issuer: base,
        authorization_endpoint: `${base}/authorize`,
        token_endpoint: `${base}/token`,
        userinfo_endpoint: `${base}/userinfo`,
        jwks_uri: `${base}/jwks`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
        token_endpoint_auth_methods_supported: ['client_secret_basic'],
        authorization_response_iss_parameter_supported: true,
      }),
    },
    claims: (user) => ({ ...standardClaims(user), sid: `session-${user.sub}` }),
    profiles: [{ path: /^\/userinfo$/, of: (user) => ({ sub: user.sub, ...standardClaims(user) }) }],
  },
  google: {
    title: 'Google',
    authorize: /^\/o\/oauth2\/v2\/auth$/,
    token: /^\/token$/,
    keys: /^\/oauth2\/v3\/certs$/,
    issuer: () => 'https://accounts.google.com',
    claims: standardClaims,
    profiles: [{ path: /^\/v1\/people\/me$/, of: person }],
  },
  apple: {
    title: 'Apple',
    authorize: /^\/auth\/authorize$/,
    token: /^\/auth\/token$/,
    keys: /^\/auth\/keys$/,
    issuer: () => 'https://appleid.apple.com',
    // No name, and booleans that are texts.
    claims: ({ email, email_verified }) => ({ email, email_verified: String(email_verified) }),
    isFormPost: true,
  },
  microsoft: {
    title: 'Microsoft',
    authorize: /^\/[\w.-]+\/oauth2\/v2\.0\/authorize$/,
    token: /^\/[\w.-]+\/oauth2\/v2\.0\/token$/,
    keys: /^\/[\w.-]+\/discovery\/v2\.0\/keys$/,
    issuer: () => `https://login.microsoftonline.com/${microsoftDirectory}/v2.0`,
    metadata: {
      path: /^\/([\w.-]+)\/v2\.0\/\.well-known\/openid-configuration$/,
      of: (_, [, directory = '']) => {
        const of = `https://login.microsoftonline.com/${directory}`;
        const isShared = ['common', 'organizations', 'consumers'].includes(directory);
        return {
          issuer: `https://login.microsoftonline.com/${isShared ? '{tenantid}' : directory}/v2.0`,
          authorization_endpoint: `${of}/oauth2/v2.0/authorize`,
          token_endpoint: `${of}/oauth2/v2.0/token`,
          jwks_uri: `${of}/discovery/v2.0/keys`,
          id_token_signing_alg_values_supported: ['RS256'],
          token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'],
        };
      },
    },
    claims: (user) => ({
      ver: '2.0',
      tid: microsoftDirectory,
      name: fullName(user),
      email: user.email,
      preferred_username: user.email,
      ...(user.email_verified && { xms_edov: true }),
      sid: `session-${user.sub}`,
    }),
  },
  github: {
    title: 'GitHub',
    authorize: /^\/login\/oauth\/authorize$/,
    token: /^\/login\/oauth\/access_token$/,
    refusal: { status: 200, body: { error: 'bad_verification_code' } },
    clientRefusal: { status: 200, body: { error: 'incorrect_client_credentials' } },
    answersAs: 'https://github.com/login/oauth',
    profiles: [
      {
        path: /^\/user$/,
        of: (user) => ({
          id: numberOf(user),
          login: `u${numberOf(user)}`,
          name: fullName(user),
          email: null,
          avatar_url: photo,
        }),
      },
      {
        path: /^\/user\/emails$/,
        of: ({ email, email_verified: verified }) => [
          { email: 'old@unused.example', primary: false, verified: true },
          { email, primary: true, verified },
        ],
      },
    ],
  },
  facebook: {
    title: 'Facebook',
    authorize: /^\/v[\d.]+\/dialog\/oauth$/,
    token: /^\/v[\d.]+\/oauth\/access_token$/,
    refusal: { status: 400, body: { error: { message: 'invalid code', type: 'OAuthException', code: 100 } } },
    clientRefusal: {
      status: 400,
      body: { error: { message: 'Error validating client secret.', type: 'OAuthException', code: 1 } },
    },
    profiles: [
      {
        path: /^\/v[\d.]+\/me$/,
        of: (user) => ({
          id: String(numberOf(user)),
          name: fullName(user),
          first_name: user.given_name,
          last_name: user.family_name,
          email: user.email,
          picture: { data: { url: photo } },
        }),
      },
    ],
  },
  linkedin: {
    title: 'LinkedIn',
    authorize: /^\/oauth\/v2\/authorization$/,
    token: /^\/oauth\/v2\/accessToken$/,
    issuer: () => 'https://www.linkedin.com/oauth',
    profiles: [
      {
        path: /^\/v2\/userinfo$/,
        of: (user) => ({ ...standardClaims(user), sub: user.sub, name: fullName(user) }),
      },
    ],
  },
};
