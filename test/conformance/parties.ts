import { createServer } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { errors, Provider } from 'oidc-provider';
import { systemRandom } from '../../src/adapters/random.ts';
import { codeChallengeOf } from '../../src/domain/pkce.ts';
import { startTestApp, type TestApp } from '../support/app.ts';
import { freePort } from '../support/federation.ts';
import { type SignedIn, signUp } from '../support/journey.ts';
import { makeApplication, pagesOf } from '../support/openid.ts';

// Two OpenID providers with the same applications: this service, and the certified one of strangers. Every case is the same
// requests to both.

export const callback = 'https://app.example/callback';
export const api = 'https://api.example';
export const verifier = 'a-verifier-of-forty-three-characters-or-more-47';

type Credentials = { readonly id: string; readonly secret: string };

export type Party = {
  readonly name: string;
  readonly issuer: string;
  readonly web: Credentials;
  readonly native: Credentials;
  readonly machine: Credentials;
  readonly signer: Credentials;
  /** The metadata of discovery. */
  metadata(): Promise<Readonly<Record<string, unknown>>>;
  /** Follows an authorization request to its end as a user who agrees to everything; the address, or the status of a page. */
  browse(address: string, method?: 'GET' | 'POST'): Promise<string>;
  /** An assertion of the application that signs. */
  assertion(changes?: Readonly<Record<string, unknown>>): Promise<string>;
  close(): Promise<void>;
};

async function makeSigner(issuer: string, id: string, key: CryptoKey, changes: object) {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: id,
    sub: id,
    aud: issuer,
    jti: systemRandom.uuid(),
    iat: now,
    exp: now + 60,
    ...changes,
  };
  const payload = Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
  return await new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(key);
}

const metadataOf = async (issuer: string) =>
  (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()) as Record<string, unknown>;

/** This service. */
export async function startOurs(): Promise<Party & { readonly test: TestApp; readonly user: SignedIn }> {
  const port = await freePort();
  const test = await startTestApp({ config: { port, issuer: `http://127.0.0.1:${port}` } });
  const issuer = `${test.issuer}/t/dev`;
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const make = async (settings: object): Promise<Credentials> => {
    const { clientId, secret } = await makeApplication(test, settings as Record<string, unknown>);
    return { id: clientId, secret };
  };
  const user = await signUp(test);
  const signer = await make({
    authentication: 'private_key_jwt',
    jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: 'one' }] },
  });
  return {
    name: 'Manam',
    issuer,
    test,
    user,
    web: await make({ resources: [api] }),
    native: await make({ kind: 'native', deviceGrant: true, redirectUris: ['http://127.0.0.1/callback'] }),
    machine: await make({ kind: 'machine', redirectUris: [], scopes: ['jobs'], firstParty: false }),
    signer,
    metadata: () => metadataOf(issuer),
    assertion: (changes = {}) => makeSigner(issuer, signer.id, privateKey, changes),
    browse: async (address, method = 'GET') => {
      const response = await send(address, method);
      const location = response.headers.get('location');
      const silent = /&quot;request&quot;:&quot;([\w-]+)&quot;/.exec(await response.text())?.[1];
      if (location === null && silent === undefined) return String(response.status);
      if (location?.startsWith('/account/') === false) return location;
      const request = silent ?? new URL(location ?? '', issuer).searchParams.get('request') ?? '';
      return (await pagesOf(test, user).continueAuthorization({ request, consent: true })).location;
    },
    close: () => test.close(),
  };
}

/** The parameters of an address in a form, or the address itself. */
async function send(address: string, method: 'GET' | 'POST', cookie = ''): Promise<Response> {
  if (method === 'GET') return await fetch(address, { redirect: 'manual', headers: { cookie } });
  const { origin, pathname, searchParams } = new URL(address);
  return await fetch(origin + pathname, {
    method,
    body: searchParams,
    redirect: 'manual',
    headers: { cookie },
  });
}

/** oidc-provider, with the same applications. */
export async function startCertified(): Promise<Party> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const web = { id: 'web', secret: 'a-secret-of-the-web-application' };
  const native = { id: 'native', secret: '' };
  const machine = { id: 'machine', secret: 'a-secret-of-the-machine' };
  const signer = { id: 'signer', secret: '' };
  const code = {
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    redirect_uris: [callback],
  };
  const provider = new Provider(issuer, {
    clients: [
      { client_id: web.id, client_secret: web.secret, ...code },
      {
        client_id: native.id,
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
        redirect_uris: ['http://127.0.0.1/callback'],
      },
      {
        client_id: machine.id,
        client_secret: machine.secret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        scope: 'jobs',
      },
      {
        client_id: signer.id,
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: 'one' }] },
        ...code,
      },
    ],
    scopes: ['openid', 'offline_access', 'email', 'profile', 'jobs'],
    claims: { email: ['email', 'email_verified'], profile: ['name'], openid: ['sub'] },
    pkce: { required: () => true },
    issueRefreshToken: async () => true,
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: {
        enabled: true,
        allowedPolicy: (_, client, token) => token.clientId === client.clientId,
      },
      revocation: { enabled: true },
      deviceFlow: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => [],
        getResourceServerInfo: async (_, resource) => {
          if (resource !== api) throw new errors.InvalidTarget();
          return { scope: 'openid email', audience: resource, accessTokenFormat: 'jwt' };
        },
      },
    },
    findAccount: (_, sub) => ({ accountId: sub, claims: async () => ({ sub, email: 'a@b.example' }) }),
    interactions: { url: () => '/interact' },
    enableHttpPostMethods: true,
    cookies: { keys: ['a key of the test'], long: { sameSite: 'none' } },
  });
  const handle = provider.callback();
  const server = createServer(async (request, response) => {
    if (request.url !== '/interact') return handle(request, response);
    const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
    if (prompt.name === 'login')
      return await provider.interactionFinished(request, response, { login: { accountId: 'leila' } });
    const known = grantId === undefined ? undefined : await provider.Grant.find(grantId);
    const grant =
      known ??
      new provider.Grant({ accountId: session?.accountId ?? '', clientId: String(params['client_id']) });
    grant.addOIDCScope(String(params['scope']));
    grant.addResourceScope(api, 'openid email');
    const result = { consent: { grantId: await grant.save() } };
    return await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const jar = new Map<string, string>();
  return {
    name: 'oidc-provider',
    issuer,
    web,
    native,
    machine,
    signer,
    metadata: () => metadataOf(issuer),
    assertion: (changes = {}) => makeSigner(issuer, signer.id, privateKey, changes),
    browse: async (address, method = 'GET') => {
      let url = address;
      for (let hop = 0; hop < 12 && url.startsWith(issuer); hop += 1) {
        const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
        const response = await send(url, hop === 0 ? method : 'GET', cookie);
        for (const line of response.headers.getSetCookie()) {
          const [pair = ''] = line.split(';');
          const [name = '', ...value] = pair.split('=');
          jar.set(name, value.join('='));
        }
        const location = response.headers.get('location');
        if (location === null) return String(response.status);
        url = new URL(location, url).href;
      }
      return url;
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export const s256 = codeChallengeOf(verifier);
