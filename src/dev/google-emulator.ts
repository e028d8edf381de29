import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import { escapeHtml } from '../domain/html.ts';
import { codeChallengeOf } from '../domain/pkce.ts';

// Emulates Google's OpenID provider with real keys and the real protocol, for tests and for development
// before a Google client is registered. Any account signs in without a password, so production
// configuration rejects its address.

/** An account that can be chosen. */
export type EmulatedUser = {
  readonly sub: string;
  readonly email: string;
  readonly email_verified: boolean;
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

/** A simulated failure of an endpoint. */
export type Fault = 'down' | 'slow' | 'refuse' | 'garbage';

export type GoogleEmulator = {
  readonly url: string;
  /** Simulated failures by endpoint: token, certs, people. */
  faults: Partial<Record<'token' | 'certs' | 'people', Fault>>;
  /** Changes the claims of the next tokens. */
  tamper: (claims: JWTPayload) => JWTPayload;
  /** Takes back every fault, change and forgery. */
  beHonest(): void;
  /** Makes the next tokens in another way. */
  forge:
    | ((
        claims: JWTPayload,
        key: { kid: string; privateKey: CryptoKey; publicKey: CryptoKey },
      ) => Promise<string>)
    | undefined;
  /** Signs the next tokens with another key, published or not. */
  rotateKey(isPublished: boolean): Promise<void>;
  /** An id_token for an app on a device. */
  idTokenFor(user: EmulatedUser, audience: string, nonce: string): Promise<string>;
  /** Signs a user in without a click. Returns the redirect URL. */
  approve(authorizationUrl: string, user: EmulatedUser): Promise<string>;
  /** Number of requests per endpoint. */
  readonly calls: Record<string, number>;
  close(): Promise<void>;
};

type Grant = { user: EmulatedUser; clientId: string; redirectUri: string; nonce: string; challenge: string };

const slowMs = 20_000;

export async function startGoogleEmulator(port = 0, now = () => new Date()): Promise<GoogleEmulator> {
  let kid = 0;
  let key = await generateKeyPair('RS256', { extractable: true });
  const published: JWK[] = [];
  const publish = async () => {
    kid += 1;
    published.push({ ...(await exportJWK(key.publicKey)), kid: String(kid), alg: 'RS256', use: 'sig' });
  };
  await publish();
  const grants = new Map<string, Grant>();
  const tokens = new Map<string, EmulatedUser>();
  const random = () => crypto.randomUUID().replaceAll('-', '');

  function sign(user: EmulatedUser, audience: string, nonce: string): Promise<string> {
    const iat = Math.floor(now().getTime() / 1000);
    const { sub, ...profile } = user;
    const base = {
      iss: 'https://accounts.google.com',
      aud: audience,
      azp: audience,
      sub,
      nonce,
      iat,
      exp: iat + 3600,
    };
    const claims = emulator.tamper({ ...base, ...profile, picture: 'https://lh3.example/photo.jpg' });
    const { privateKey, publicKey } = key;
    if (emulator.forge !== undefined)
      return emulator.forge(claims, { kid: String(kid), privateKey, publicKey });
    return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: String(kid) }).sign(privateKey);
  }

  function grantOf(query: URLSearchParams, user: EmulatedUser): string {
    const text = (name: string) => query.get(name) ?? '';
    if (text('response_type') !== 'code' || text('code_challenge_method') !== 'S256' || text('state') === '')
      throw new Error('a request that Google would refuse');
    const code = random();
    grants.set(code, {
      user,
      clientId: text('client_id'),
      redirectUri: text('redirect_uri'),
      nonce: text('nonce'),
      challenge: text('code_challenge'),
    });
    const back = new URL(text('redirect_uri'));
    back.searchParams.set('state', text('state'));
    back.searchParams.set('code', code);
    return back.href;
  }

  async function exchange(form: URLSearchParams): Promise<{ status: number; body: object }> {
    const grant = grants.get(form.get('code') ?? '');
    grants.delete(form.get('code') ?? '');
    const isRight =
      grant !== undefined &&
      form.get('client_id') === grant.clientId &&
      form.get('client_secret') === `secret of ${grant.clientId}` &&
      form.get('redirect_uri') === grant.redirectUri &&
      codeChallengeOf(form.get('code_verifier') ?? '') === grant.challenge;
    if (!isRight) return { status: 400, body: { error: 'invalid_grant' } };
    const access = random();
    tokens.set(access, grant.user);
    const id_token = await sign(grant.user, grant.clientId, grant.nonce);
    return { status: 200, body: { access_token: access, id_token, expires_in: 3599, token_type: 'Bearer' } };
  }

  function person(user: EmulatedUser): object {
    const { given_name: givenName, family_name: familyName, email } = user;
    return {
      names: [
        {
          displayName: `${givenName} ${familyName}`,
          givenName,
          familyName,
          displayNameLastFirst: `${familyName}, ${givenName}`,
        },
      ],
      photos: [{ url: 'https://lh3.example/photo.jpg' }],
      coverPhotos: [{ url: 'https://lh3.example/cover.jpg' }],
      locales: [{ value: 'fa' }],
      ageRanges: [{ ageRange: 'TWENTY_ONE_OR_OLDER' }],
      birthdays: [{ date: { day: 3, month: 4, year: 1991 } }],
      emailAddresses: [{ value: email }],
    };
  }

  async function answer(
    request: IncomingMessage,
    body: string,
  ): Promise<{ status: number; type?: string; body: string; location?: string }> {
    const url = new URL(request.url ?? '', emulator.url);
    const json = (status: number, value: object) => ({ status, body: JSON.stringify(value) });
    const endpoint = { '/token': 'token', '/oauth2/v3/certs': 'certs', '/v1/people/me': 'people' }[
      url.pathname
    ];
    emulator.calls[endpoint ?? url.pathname] = (emulator.calls[endpoint ?? url.pathname] ?? 0) + 1;
    const fault = emulator.faults[endpoint as 'token'];
    if (fault === 'slow') await new Promise((resolve) => setTimeout(resolve, slowMs).unref());
    if (fault === 'refuse') return json(400, { error: 'invalid_grant' });
    if (fault === 'garbage') return { status: 200, body: '<html>' };
    if (fault === 'down') return json(503, {});
    if (endpoint === 'token') {
      const { status, body: value } = await exchange(new URLSearchParams(body));
      return json(status, value);
    }
    if (endpoint === 'certs') return json(200, { keys: published });
    if (endpoint === 'people') {
      const user = tokens.get(request.headers.authorization?.replace('Bearer ', '') ?? '');
      return user === undefined ? json(401, {}) : json(200, person(user));
    }
    if (url.pathname === '/.well-known/openid-configuration') {
      return json(200, {
        issuer: 'https://accounts.google.com',
        authorization_endpoint: `${emulator.url}/o/oauth2/v2/auth`,
        token_endpoint: `${emulator.url}/token`,
        jwks_uri: `${emulator.url}/oauth2/v3/certs`,
      });
    }
    if (url.pathname !== '/o/oauth2/v2/auth') return json(404, {});
    const chosen = emulatedUsers.find(({ sub }) => sub === url.searchParams.get('user'));
    if (chosen !== undefined) return { status: 302, body: '', location: grantOf(url.searchParams, chosen) };
    const links = emulatedUsers.map(({ sub, email }) => {
      url.searchParams.set('user', sub);
      return `<p><a href="${escapeHtml(url.href)}">${escapeHtml(email)}</a></p>`;
    });
    const page = `<!doctype html><meta charset="utf-8"><title>Not Google</title><h1>Not Google: choose an account</h1>${links.join('')}`;
    return { status: 200, type: 'text/html; charset=utf-8', body: page };
  }

  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const {
        status,
        type = 'application/json',
        body,
        location,
      } = await answer(request, Buffer.concat(chunks).toString()).catch((error: Error) => ({
        status: 400,
        type: 'text/plain',
        body: error.message,
        location: undefined,
      }));
      response.writeHead(status, { 'content-type': type, ...(location && { location }) }).end(body);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });

  const emulator: GoogleEmulator = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults: {},
    tamper: (claims) => claims,
    forge: undefined,
    beHonest: () => {
      emulator.faults = {};
      emulator.tamper = (claims) => claims;
      emulator.forge = undefined;
    },
    rotateKey: async (isPublished) => {
      key = await generateKeyPair('RS256', { extractable: true });
      if (isPublished) await publish();
      else kid += 1;
    },
    idTokenFor: sign,
    approve: async (authorizationUrl, user) => grantOf(new URL(authorizationUrl).searchParams, user),
    calls: {},
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return emulator;
}
