import { createHmac } from 'node:crypto';
import { ClientSecretPost } from 'openid-client';
import type { ProviderClient } from '../../domain/identity-provider.ts';
import { isObject } from '../../domain/settings.ts';
import { type Claims, type Described, describe, type OAuthPreset, textOf } from './preset.ts';

const unproved = { isVerified: false, isAuthoritative: false } as const;
const byPost = ({ secret }: ProviderClient) => ClientSecretPost(secret);

/** An id, which some providers write as a number. */
function idOf(value: unknown): string {
  return Number.isSafeInteger(value) ? String(value) : textOf(value);
}

function recordOf(value: unknown): Claims {
  return isObject(value) ? value : {};
}

const githubApi = 'https://api.github.com';
const githubHeaders = { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' };

/** GitHub: its list of addresses says which are verified. */
export const github: OAuthPreset = {
  isOpenId: false,
  issuer: 'https://github.com',
  server: {
    // Its `iss` in authorization responses (RFC 9207); identities are kept under the shorter name.
    issuer: 'https://github.com/login/oauth',
    authorization_endpoint: 'https://github.com/login/oauth/authorize',
    token_endpoint: 'https://github.com/login/oauth/access_token',
  },
  hosts: ['github.com', 'api.github.com'],
  scopes: ['read:user', 'user:email'],
  errorOf: ({ error }) => textOf(error),
  authenticate: byPost,
  async describe(read, client): Promise<Described> {
    const user = recordOf(await read(`${githubApi}/user`, githubHeaders));
    const list: unknown = await read(`${githubApi}/user/emails?per_page=100`, githubHeaders);
    const primary = (Array.isArray(list) ? list : []).map(recordOf).find((each) => each['primary'] === true);
    const isVerified = primary?.['verified'] === true;
    const claims = {
      email: primary?.['email'] ?? user['email'],
      name: textOf(user['name']) || user['login'],
      picture: user['avatar_url'],
    };
    return describe(github.issuer, idOf(user['id']), claims, client, {
      isVerified,
      isAuthoritative: isVerified,
    });
  },
};

const graph = 'https://graph.facebook.com/v24.0';

/** Facebook: it does not say whether an address was ever proved. */
export const facebook: OAuthPreset = {
  isOpenId: false,
  issuer: 'https://www.facebook.com',
  server: {
    issuer: 'https://www.facebook.com',
    authorization_endpoint: 'https://www.facebook.com/v24.0/dialog/oauth',
    token_endpoint: `${graph}/oauth/access_token`,
  },
  hosts: ['www.facebook.com', 'graph.facebook.com'],
  // "Handle errors": 101 is an app that it does not know, 1 its wrong secret.
  errorOf: ({ error }) => {
    if (!isObject(error)) return '';
    return [1, 101].includes(Number(error['code'])) ? 'invalid_client' : 'invalid_grant';
  },
  scopes: ['public_profile', 'email'],
  authenticate: byPost,
  async describe(read, client, accessToken): Promise<Described> {
    // "Securing Graph API requests": shows that the token is used by the app that it was made for.
    const proof = createHmac('sha256', client.secret).update(accessToken).digest('hex');
    const fields = 'id,name,first_name,last_name,email,picture.type(large)';
    const user = recordOf(await read(`${graph}/me?fields=${fields}&appsecret_proof=${proof}`));
    const picture = recordOf(recordOf(user['picture'])['data'])['url'];
    const { first_name: given_name, last_name: family_name } = user;
    const claims = { ...user, given_name, family_name, picture };
    return describe(facebook.issuer, idOf(user['id']), claims, client, unproved);
  },
};

/** LinkedIn: its ID tokens carry no nonce, so that who came is asked of its userinfo endpoint. */
export const linkedin: OAuthPreset = {
  isOpenId: false,
  issuer: 'https://www.linkedin.com/oauth',
  server: {
    issuer: 'https://www.linkedin.com/oauth',
    authorization_endpoint: 'https://www.linkedin.com/oauth/v2/authorization',
    token_endpoint: 'https://www.linkedin.com/oauth/v2/accessToken',
  },
  hosts: ['www.linkedin.com', 'api.linkedin.com'],
  scopes: ['openid', 'profile', 'email'],
  authenticate: byPost,
  async describe(read, client): Promise<Described> {
    const user = recordOf(await read('https://api.linkedin.com/v2/userinfo'));
    const isVerified = user['email_verified'] === true;
    const trust = { isVerified, isAuthoritative: false };
    return describe(linkedin.issuer, idOf(user['sub']), user, client, trust);
  },
};
