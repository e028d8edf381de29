import type { JWTPayload } from 'jose';
import { ClientSecretPost } from 'openid-client';
import { isOfDomains } from '../../domain/email.ts';
import { addressClaims, emailOf, type OpenIdPreset } from './preset.ts';

/** Asymmetric signatures (RFC 7518, section 3.1; RFC 8037): a secret that two know proves no one. */
const asymmetric = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** Any OpenID provider. It answers for the addresses of the domains that the tenant has named. */
export const oidc: OpenIdPreset = {
  isOpenId: true,
  issuer: '',
  server: undefined,
  hosts: [],
  scopes: ['openid', 'email', 'profile'],
  hasUserInfo: true,
  algorithms: asymmetric,
  issuersOf: ({ issuer }) => [issuer],
  trustOf: (claims, client) => {
    const [, verifying] = addressClaims(client);
    const isOfOwn = isOfDomains(emailOf(claims, client), client.domains);
    // Many a company's provider says nothing of addresses that it gives out itself.
    const isTrusted = claims[verifying] === undefined && client.trustDomains && isOfOwn;
    const isVerified = claims[verifying] === true || isTrusted;
    return { isVerified, isAuthoritative: isVerified && isOfOwn };
  },
};

const entra = 'https://login.microsoftonline.com';
/** The directory of personal accounts, whose addresses are of anybody. */
const personal = '9188040d-6c67-4c5b-b112-36a304b66dad';

/** Microsoft Entra ID and personal accounts: each directory is an issuer. */
export const microsoft: OpenIdPreset = {
  isOpenId: true,
  issuer: `${entra}/common/v2.0`,
  server: undefined,
  hosts: ['login.microsoftonline.com'],
  scopes: ['openid', 'email', 'profile'],
  parameters: { prompt: 'select_account' },
  authenticate: ({ secret }) => ClientSecretPost(secret),
  algorithms: ['RS256'],
  // The issuer must name the token's directory (`tid`), whichever directories may sign in.
  issuersOf: ({ issuer }, { tid }: JWTPayload) => {
    if (!/^[0-9a-f-]{36}$/.test(String(tid))) return [];
    const own = issuer.replace('{tenantid}', String(tid));
    return own === `${entra}/${tid}/v2.0` ? [own] : [];
  },
  // `xms_edov`: the owner of the domain has proved it to the directory. Any other address is only a claim, and
  // where any directory may sign in, its administrators can set any address.
  trustOf: (claims, _, { issuer }) => {
    const isProved = [true, 1, '1', 'true'].includes(claims['xms_edov'] as string);
    const isOfOne = !issuer.includes('{tenantid}') && claims['tid'] !== personal;
    return { isVerified: isProved && isOfOne, isAuthoritative: isProved && isOfOne };
  },
};

/** The tenant `manam` of this service, which "Login with Manam" knows by the name of the deployment: both find the same account. */
export const manam: OpenIdPreset = {
  ...oidc,
  algorithms: ['RS256', 'ES256', 'EdDSA'],
  knownAs: (issuer) => issuer.slice(0, -'/t/manam'.length),
  // Confirmed there, but maybe long ago: enough for a new account, not to open one that exists.
  trustOf: (claims) => ({ isVerified: claims['email_verified'] === true, isAuthoritative: false }),
};
