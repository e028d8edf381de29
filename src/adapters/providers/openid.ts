import type { JWTPayload } from 'jose';
import { ClientSecretPost } from 'openid-client';
import type { ProviderClient } from '../../domain/identity-provider.ts';
import { emailOf, type OpenIdPreset } from './preset.ts';

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

function isOfDomain(email: string, domains: readonly string[]): boolean {
  return domains.includes(email.slice(email.lastIndexOf('@') + 1).toLowerCase());
}

/** Any OpenID provider. It answers for the addresses of the domains that the tenant has named. */
export const oidc: OpenIdPreset = {
  isOpenId: true,
  issuer: '',
  server: undefined,
  hosts: [],
  scopes: ['openid', 'email', 'profile'],
  algorithms: asymmetric,
  issuersOf: ({ issuer }) => [issuer],
  trustOf: (claims, client) => {
    const { email, emailVerified } = client.claims;
    // The usual claim speaks of the usual address, and of no other one.
    const verifying = emailVerified ?? (email === undefined || email === 'email' ? 'email_verified' : '');
    const isOfOwn = isOfDomain(emailOf(claims, client), client.domains);
    // Many a company's provider says nothing of addresses that it gives out itself.
    const isTrusted = claims[verifying] === undefined && client.trustDomains && isOfOwn;
    const isVerified = claims[verifying] === true || isTrusted;
    return { isVerified, isAuthoritative: isVerified && isOfOwn };
  },
};

const entra = 'https://login.microsoftonline.com';
/** Issuers of more than one directory: whoever has one can write any address into it. */
const shared: readonly string[] = [
  '',
  'common',
  'organizations',
  'consumers',
  // That of personal accounts, by its id.
  '9188040d-6c67-4c5b-b112-36a304b66dad',
];

function directoryOf({ issuer }: ProviderClient): string {
  return issuer.slice(entra.length + 1).split('/', 1)[0] ?? '';
}

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
  // The issuer and the directory have to be one, whoever of them may come.
  issuersOf: ({ issuer }, { tid }: JWTPayload) => {
    if (!/^[0-9a-f-]{36}$/.test(String(tid))) return [];
    const own = issuer.replace('{tenantid}', String(tid));
    return own === `${entra}/${tid}/v2.0` ? [own] : [];
  },
  // `xms_edov`: the owner of the domain has proved it to the directory. Anyone else's address is a claim.
  trustOf: (claims, client) => {
    const isProved = [true, 1, '1', 'true'].includes(claims['xms_edov'] as string);
    const isVerified = isProved && !shared.includes(directoryOf(client));
    return { isVerified, isAuthoritative: isVerified };
  },
};
