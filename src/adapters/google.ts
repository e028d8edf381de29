import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { isCanonicalJws } from '../domain/base64url.ts';
import type { Clock } from '../domain/clock.ts';
import { DomainError } from '../domain/errors.ts';
import type { ExternalProfile } from '../domain/external-identity.ts';
import {
  type GoogleClient,
  type GoogleProvider,
  googleIssuer,
  isGoogleAuthoritative,
} from '../domain/google.ts';
import type { GoogleScope } from '../domain/tenant.ts';

/** Where Google is; a stand-in has other addresses. */
export type GoogleEndpoints = {
  readonly authorization: string;
  readonly token: string;
  readonly jwks: string;
  readonly people: string;
  /** Every `iss` that its tokens may have. */
  readonly issuers: readonly string[];
};

const googleEndpoints: GoogleEndpoints = {
  authorization: 'https://accounts.google.com/o/oauth2/v2/auth',
  token: 'https://oauth2.googleapis.com/token',
  jwks: 'https://www.googleapis.com/oauth2/v3/certs',
  people: 'https://people.googleapis.com/',
  issuers: [googleIssuer, 'accounts.google.com'],
};

/** Google's own addresses, or those of what stands in for it. */
export function googleEndpointsOf(emulatorUrl: string | undefined): GoogleEndpoints {
  if (emulatorUrl === undefined) return googleEndpoints;
  const base = emulatorUrl.replace(/\/$/, '');
  return {
    authorization: `${base}/o/oauth2/v2/auth`,
    token: `${base}/token`,
    jwks: `${base}/oauth2/v3/certs`,
    people: `${base}/`,
    issuers: googleEndpoints.issuers,
  };
}

export type GoogleOptions = {
  readonly endpoints: GoogleEndpoints;
  /** Where the browser returns to; registered in Google's console. */
  readonly callbackUrl: string;
  readonly clock: Clock;
  /** Called with a profile that could not be had. */
  readonly onProfileFailure: (error: unknown) => void;
};

/** Deadline of a request to Google. */
const timeoutMs = 4000;
const jwksTimeoutMs = 3000;
/** Cache lifetime of Google's keys, and the least interval between two refreshes for an unknown key. */
const jwksLifetimeMs = 600_000;
const jwksCooldownMs = 10_000;
/** Accepted clock skew (R12). */
const leewayS = 30;
/** How old a token may be; it has come straight from Google. */
const maxAgeS = 600;

const scopeUrls: Record<GoogleScope, string> = {
  birthday: 'https://www.googleapis.com/auth/user.birthday.read',
  'age-range': 'https://www.googleapis.com/auth/profile.agerange.read',
  language: 'https://www.googleapis.com/auth/profile.language.read',
};
const personFields: Record<GoogleScope, string> = {
  birthday: 'birthdays',
  'age-range': 'ageRanges',
  language: 'locales',
};

function outage(cause: unknown): DomainError {
  return new DomainError('UNAVAILABLE', { retryAfterMs: 5000, cause });
}

/** The libraries of Google are large: they are read when someone first signs in with it. */
const loadClient = () => import('google-auth-library');
const loadPeople = () => import('googleapis/build/src/apis/people/v1.js');

export function createGoogle({
  endpoints,
  callbackUrl,
  clock,
  onProfileFailure,
}: GoogleOptions): GoogleProvider {
  const keyOf = createKeySource(endpoints.jwks);

  async function clientFor({ clientId, clientSecret }: GoogleClient) {
    const { OAuth2Client } = await loadClient();
    return new OAuth2Client({
      clientId,
      clientSecret,
      redirectUri: callbackUrl,
      endpoints: { oauth2AuthBaseUrl: endpoints.authorization, oauth2TokenUrl: endpoints.token },
      // The library tries again by itself; the signal ends all of it. Its own fetch throws where
      // no one can catch when a signal comes after the answer; Node's does not.
      transporterOptions: { fetchImplementation: fetch, signal: AbortSignal.timeout(timeoutMs) },
    });
  }

  return {
    async authorizationUrl(client, { state, nonce, codeChallenge, scopes }) {
      const { CodeChallengeMethod } = await loadClient();
      const oauth = await clientFor(client);
      return oauth.generateAuthUrl({
        scope: ['openid', 'email', 'profile', ...scopes.map((scope) => scopeUrls[scope])],
        state,
        nonce,
        code_challenge: codeChallenge,
        code_challenge_method: CodeChallengeMethod.S256,
        prompt: 'select_account',
      });
    },

    async exchange(client, code, codeVerifier) {
      const oauth = await clientFor(client);
      try {
        const { tokens } = await oauth.getToken({ code, codeVerifier });
        if (typeof tokens.id_token !== 'string' || typeof tokens.access_token !== 'string')
          throw outage(new Error('Google answered without tokens'));
        return { idToken: tokens.id_token, accessToken: tokens.access_token };
      } catch (error) {
        if (error instanceof DomainError) throw error;
        const status = (error as { response?: { status?: number } }).response?.status ?? 0;
        // A code that Google refuses is the caller's; anything else is Google's or ours.
        if (status === 400 || status === 403) throw new DomainError('PROVIDER_TOKEN_INVALID');
        throw outage(withoutSecrets(error));
      }
    },

    async verify(idToken, audiences) {
      if (!isCanonicalJws(idToken)) throw new DomainError('PROVIDER_TOKEN_INVALID');
      try {
        const { payload } = await jwtVerify(idToken, keyOf, {
          algorithms: ['RS256'],
          issuer: [...endpoints.issuers],
          audience: [...audiences],
          requiredClaims: ['iss', 'aud', 'sub', 'exp', 'iat', 'nonce'],
          clockTolerance: leewayS,
          maxTokenAge: maxAgeS,
          currentDate: clock(),
        });
        const {
          sub,
          azp,
          nonce,
          email,
          email_verified: emailVerified,
          hd,
          given_name,
          family_name,
          picture,
        } = payload;
        // Made for one of this service, and for no one else beside (OpenID Connect Core, section 3.1.3.7).
        const isForeign =
          Array.isArray(payload.aud) || (azp !== undefined && !audiences.includes(String(azp)));
        // OpenID Connect Core, section 2: a string of at most 255 ASCII characters.
        const isSubject = typeof sub === 'string' && /^[\x20-\x7e]{1,255}$/.test(sub);
        if (isForeign || !isSubject || typeof nonce !== 'string')
          throw new DomainError('PROVIDER_TOKEN_INVALID');
        const text = (value: unknown) => boundedText(value, maxClaimLength);
        return {
          nonce,
          claims: {
            issuer: googleIssuer,
            subject: sub,
            email: text(email),
            isAuthoritative: isGoogleAuthoritative(text(email), emailVerified === true, text(hd)),
            firstName: text(given_name),
            lastName: text(family_name),
            picture: text(picture),
          },
        };
      } catch (error) {
        if (error instanceof errors.JWKSTimeout) throw outage(error);
        if (error instanceof errors.JOSEError || error instanceof TypeError)
          throw new DomainError('PROVIDER_TOKEN_INVALID');
        throw error;
      }
    },

    async profile(accessToken, scopes) {
      try {
        const [{ OAuth2Client }, { people_v1 }] = await Promise.all([loadClient(), loadPeople()]);
        const auth = new OAuth2Client();
        auth.setCredentials({ access_token: accessToken });
        const people = new people_v1.People({ auth: auth as never, rootUrl: endpoints.people });
        const fields = ['names', 'photos', 'coverPhotos', 'emailAddresses'];
        const { data } = await people.people.get(
          {
            resourceName: 'people/me',
            personFields: [...fields, ...scopes.map((scope) => personFields[scope])].join(','),
          },
          { fetchImplementation: fetch, signal: AbortSignal.timeout(timeoutMs), retry: false },
        );
        return toProfile(data);
      } catch (error) {
        // The sign-in does not hang on it: the profile comes with a later one.
        onProfileFailure(withoutSecrets(error));
        return {};
      }
    },
  };
}

/** The longest claim that is kept, in UTF-16 code units; an address of a picture is that long. */
const maxClaimLength = 2048;

/** A text that another site sent; empty where it is none, is too long, or is ill-formed. */
function boundedText(value: unknown, maxLength: number): string {
  return typeof value === 'string' && value.length <= maxLength && value.isWellFormed() ? value : '';
}

/** An error of Google's client without its request, which holds the secret and the code. */
function withoutSecrets(error: unknown): Error {
  const { code, response } = (error ?? {}) as { code?: unknown; response?: { status?: number } };
  return new Error(`Google did not answer as it should: ${response?.status ?? code ?? 'no answer'}`);
}

/** Google's public keys, kept: where it does not answer a key that is known continues to serve (R49). */
function createKeySource(url: string): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(new URL(url), {
    timeoutDuration: jwksTimeoutMs,
    cacheMaxAge: jwksLifetimeMs,
    cooldownDuration: jwksCooldownMs,
  });
  return async (header, token) => {
    try {
      return await remote(header, token);
    } catch (error) {
      const known = remote.jwks();
      if (error instanceof errors.JWKSNoMatchingKey) throw error;
      if (known === undefined) throw outage(error);
      return await createLocalJWKSet(known)(header, token);
    }
  };
}

type Person = {
  readonly names?: {
    displayName?: string | null;
    familyName?: string | null;
    givenName?: string | null;
    displayNameLastFirst?: string | null;
  }[];
  readonly photos?: { url?: string | null }[];
  readonly coverPhotos?: { url?: string | null }[];
  readonly locales?: { value?: string | null }[];
  readonly ageRanges?: { ageRange?: string | null }[];
  readonly birthdays?: {
    date?: { day?: number | null; month?: number | null; year?: number | null } | null;
  }[];
  readonly emailAddresses?: { value?: string | null }[];
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
      value === undefined || value === null ? [] : [[field, boundedText(String(value), maxClaimLength)]],
    ),
  );
}
