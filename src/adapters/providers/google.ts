import { ClientSecretPost } from 'openid-client';
import type { ExternalProfile } from '../../domain/external-identity.ts';
import { googleIssuer, isGoogleAuthoritative } from '../../domain/google.ts';
import type { GoogleScope } from '../../domain/policy.ts';
import { emailOf, type OpenIdPreset, textOf } from './preset.ts';

const people = 'https://people.googleapis.com/v1/people/me';

/** The scopes of the People API, and the field that each one opens. */
export const googleScopeUrls: Record<GoogleScope, string> = {
  birthday: 'https://www.googleapis.com/auth/user.birthday.read',
  'age-range': 'https://www.googleapis.com/auth/profile.agerange.read',
  language: 'https://www.googleapis.com/auth/profile.language.read',
};
const personFields: Readonly<Record<string, string>> = {
  [googleScopeUrls.birthday]: 'birthdays',
  [googleScopeUrls['age-range']]: 'ageRanges',
  [googleScopeUrls.language]: 'locales',
};

/** Google: its addresses are fixed here, so that no answer of a name server or a proxy moves them (R49). */
export const google: OpenIdPreset = {
  isOpenId: true,
  issuer: googleIssuer,
  server: {
    issuer: googleIssuer,
    authorization_endpoint: 'https://accounts.google.com/o/oauth2/v2/auth',
    token_endpoint: 'https://oauth2.googleapis.com/token',
    jwks_uri: 'https://www.googleapis.com/oauth2/v3/certs',
    id_token_signing_alg_values_supported: ['RS256'],
  },
  hosts: ['accounts.google.com', 'oauth2.googleapis.com', 'www.googleapis.com', 'people.googleapis.com'],
  scopes: ['openid', 'email', 'profile'],
  parameters: { prompt: 'select_account' },
  authenticate: ({ secret }) => ClientSecretPost(secret),
  algorithms: ['RS256'],
  issuersOf: () => [googleIssuer, 'accounts.google.com'],
  trustOf: (claims, client) => {
    const isVerified = claims['email_verified'] === true;
    const isAuthoritative = isGoogleAuthoritative(emailOf(claims, client), isVerified, textOf(claims['hd']));
    return { isVerified, isAuthoritative };
  },
  async profileOf(read, { scopes }) {
    const asked = scopes.flatMap((scope) => personFields[scope] ?? []);
    const fields = ['names', 'photos', 'coverPhotos', 'emailAddresses', ...asked].join(',');
    return toProfile((await read(`${people}?personFields=${fields}`)) as Person);
  },
};

type Person = {
  readonly names?: {
    displayName?: string;
    familyName?: string;
    givenName?: string;
    displayNameLastFirst?: string;
  }[];
  readonly photos?: { url?: string }[];
  readonly coverPhotos?: { url?: string }[];
  readonly locales?: { value?: string }[];
  readonly ageRanges?: { ageRange?: string }[];
  readonly birthdays?: { date?: { day?: number; month?: number; year?: number } }[];
  readonly emailAddresses?: { value?: string }[];
};

/** The second shape of "Get Manam User Info", out of the People API. */
function toProfile(person: Person): ExternalProfile {
  const [name] = person.names ?? [];
  const date = person.birthdays?.find((each) => each.date?.year)?.date ?? person.birthdays?.[0]?.date;
  const fields = {
    ageRanges: person.ageRanges?.[0]?.ageRange,
    coverPhotos: person.coverPhotos?.[0]?.url,
    photos: person.photos?.[0]?.url,
    locales: person.locales?.[0]?.value,
    displayName: name?.displayName,
    familyName: name?.familyName,
    givenName: name?.givenName,
    displayNameLastFirst: name?.displayNameLastFirst,
    birthdayDay: date?.day,
    birthdayMonth: date?.month,
    birthdayYear: date?.year,
    email: person.emailAddresses?.[0]?.value,
  };
  return Object.fromEntries(
    Object.entries(fields).flatMap(([field, value]) =>
      value === undefined || value === null ? [] : [[field, textOf(String(value))]],
    ),
  );
}
