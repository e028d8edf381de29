import { importPKCS8, SignJWT } from 'jose';
import type { ProviderAnswer, ProviderClient } from '../../domain/identity-provider.ts';
import { isObject } from '../../domain/settings.ts';
import type { Claims, OpenIdPreset } from './preset.ts';

const issuer = 'https://appleid.apple.com';
/** Lifetime of a client secret: one is made for each exchange, so that none has to be renewed by hand. */
const secretLifetimeS = 300;

/** Apple: the secret of its clients is a token that they sign themselves, and names come once, with the browser. */
export const apple: OpenIdPreset = {
  isOpenId: true,
  issuer,
  server: {
    issuer,
    authorization_endpoint: `${issuer}/auth/authorize`,
    token_endpoint: `${issuer}/auth/token`,
    jwks_uri: `${issuer}/auth/keys`,
    id_token_signing_alg_values_supported: ['RS256'],
  },
  hosts: ['appleid.apple.com'],
  scopes: ['openid', 'name', 'email'],
  // Where a name or an address is asked for, Apple answers by a form alone.
  parameters: { response_mode: 'form_post' },
  authenticate: (client, now) => async (_, __, body) => {
    body.set('client_id', client.clientId);
    body.set('client_secret', await clientSecret(client, now));
  },
  algorithms: ['RS256'],
  issuersOf: () => [issuer],
  trustOf: (claims) => {
    // "The value may be a String or Boolean" (Sign in with Apple, "Authenticating users").
    const isVerified = claims['email_verified'] === true || claims['email_verified'] === 'true';
    return { isVerified, isAuthoritative: isVerified };
  },
  claimsOf: namesOf,
};

/** The client secret: a token of the client about itself ("Creating a client secret"). Throws where its key is none. */
async function clientSecret(
  { clientId, teamId, keyId, secret }: Pick<ProviderClient, 'clientId' | 'teamId' | 'keyId' | 'secret'>,
  now: Date,
): Promise<string> {
  const key = await importPKCS8(secret, 'ES256');
  const iat = Math.floor(now.getTime() / 1000);
  return await new SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid: keyId })
    .setIssuer(teamId)
    .setSubject(clientId)
    .setAudience(issuer)
    .setIssuedAt(iat)
    .setExpirationTime(iat + secretLifetimeS)
    .sign(key);
}

/** Whether a text is a private key that Apple can have given: of ES256, in PEM. */
export async function isApplePrivateKey(text: string): Promise<boolean> {
  return await importPKCS8(text, 'ES256').then(
    () => true,
    () => false,
  );
}

/** The name that comes with a first sign-in. It comes from the browser, so it is a name and nothing else. */
function namesOf({ user = '' }: ProviderAnswer): Claims {
  try {
    const parsed: unknown = JSON.parse(user);
    const name = isObject(parsed) && isObject(parsed['name']) ? parsed['name'] : {};
    return { given_name: name['firstName'], family_name: name['lastName'] };
  } catch {
    return {};
  }
}
