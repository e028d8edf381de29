import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { auth as mcpAuth, type OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import express from 'express';
import eoidc from 'express-openid-connect';
import * as oauth from 'oauth4webapi';
import { InMemoryWebStorage, OidcClient, WebStorageStateStore } from 'oidc-client-ts';
import * as client from 'openid-client';
import { type Profile, Strategy, type VerifyCallback } from 'passport-openidconnect';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { issuerAt, makeApplication } from '../support/openid.ts';
import { type RelyingWorld, startRelyingWorld } from '../support/relying.ts';

// Its types bring those of browsers along, which are not those of Node.
const { Auth, skipCSRFCheck } = (await import('@auth/core' as string)) as {
  readonly Auth: (request: Request, config: object) => Promise<Response>;
  readonly skipCSRFCheck: symbol;
};

// Relying parties of strangers, as they are, over TLS with a certificate of a test authority.

let world: RelyingWorld;

beforeAll(async () => {
  world = await startRelyingWorld();
}, 60_000);
afterAll(() => world.close());

const redirectUri = 'https://app.example/callback';
const bye = 'https://app.example/bye';
const scope = 'openid profile email offline_access';

test('openid-client', async () => {
  const { clientId, secret } = await makeApplication(world.manam, {
    authentication: 'client_secret_post',
    postLogoutRedirectUris: [bye],
  });
  const config = await client.discovery(new URL(issuerAt(world.manam)), clientId, secret);
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const back = await world.agree(
    client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope,
      state: expectedState,
      nonce: expectedNonce,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    }),
  );
  const tokens = await client.authorizationCodeGrant(config, back, {
    pkceCodeVerifier,
    expectedState,
    expectedNonce,
    idTokenExpected: true,
  });
  expect(tokens.claims()?.sub).toBe(world.user.userId);
  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token ?? '');
  expect(await client.fetchUserInfo(config, renewed.access_token, world.user.userId)).toMatchObject({
    email: world.user.email,
  });
  expect(await client.tokenIntrospection(config, renewed.access_token)).toMatchObject({ active: true });
  await client.tokenRevocation(config, renewed.refresh_token ?? '');
  expect(await client.tokenIntrospection(config, renewed.access_token)).toEqual({ active: false });
  const out = client.buildEndSessionUrl(config, {
    id_token_hint: renewed.id_token ?? '',
    post_logout_redirect_uri: bye,
    state: 'so-long',
  });
  expect(String(await world.leave(out))).toBe(`${bye}?state=so-long`);
});

test('oauth4webapi, with a pushed request', async () => {
  const { clientId, secret } = await makeApplication(world.manam);
  const issuer = new URL(issuerAt(world.manam));
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer));
  const me: oauth.Client = { client_id: clientId };
  const authentication = oauth.ClientSecretBasic(secret);
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const pushed = await oauth.processPushedAuthorizationResponse(
    as,
    me,
    await oauth.pushedAuthorizationRequest(as, me, authentication, {
      response_type: 'code',
      redirect_uri: redirectUri,
      scope,
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    }),
  );
  const address = new URL(as.authorization_endpoint ?? '');
  address.searchParams.set('client_id', clientId);
  address.searchParams.set('request_uri', pushed.request_uri);
  const parameters = oauth.validateAuthResponse(as, me, await world.agree(address), state);
  const tokens = await oauth.processAuthorizationCodeResponse(
    as,
    me,
    await oauth.authorizationCodeGrantRequest(as, me, authentication, parameters, redirectUri, verifier),
  );
  expect(oauth.getValidatedIdTokenClaims(tokens)?.sub).toBe(world.user.userId);
  const renewed = await oauth.processRefreshTokenResponse(
    as,
    me,
    await oauth.refreshTokenGrantRequest(as, me, authentication, tokens.refresh_token ?? ''),
  );
  const info = await oauth.userInfoRequest(as, me, renewed.access_token);
  expect((await oauth.processUserInfoResponse(as, me, world.user.userId, info)).email).toBe(world.user.email);
});

test('oidc-client-ts, as a page', async () => {
  const { clientId } = await makeApplication(world.manam, { kind: 'spa', postLogoutRedirectUris: [bye] });
  const page = new OidcClient({
    authority: issuerAt(world.manam),
    client_id: clientId,
    redirect_uri: redirectUri,
    post_logout_redirect_uri: bye,
    scope,
    loadUserInfo: true,
    stateStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
  });
  const { url } = await page.createSigninRequest({});
  const signedIn = await page.processSigninResponse(String(await world.agree(url)));
  expect(signedIn.profile).toMatchObject({ sub: world.user.userId, email: world.user.email });
  const renewed = await page.useRefreshToken({
    state: {
      refresh_token: signedIn.refresh_token ?? '',
      id_token: signedIn.id_token ?? '',
      session_state: null,
      scope,
      profile: signedIn.profile,
      data: undefined,
    } as never,
  });
  expect(renewed.access_token).not.toBe(signedIn.access_token);
  await page.revokeToken(renewed.refresh_token ?? '', 'refresh_token');
  const out = await page.createSignoutRequest({ id_token_hint: signedIn.id_token ?? '', state: 'so long' });
  const { userState } = await page.processSignoutResponse(String(await world.leave(out.url)));
  expect(userState).toBe('so long');
});

/** Runs passport's strategy for one request, as passport does; returns what it made of it. */
function runStrategy(strategy: Strategy, query: object, session: object) {
  return new Promise<Readonly<Record<string, unknown>>>((resolve) => {
    const actions = {
      redirect: (to: string) => resolve({ to }),
      success: (user: object) => resolve({ user }),
      fail: (failure: unknown) => resolve({ failure }),
      error: (error: unknown) => resolve({ error }),
    };
    const once = Object.assign(Object.create(strategy) as Strategy, actions);
    once.authenticate({ query, session } as never, {});
  });
}

test('passport-openidconnect, which has no PKCE, with leave and without', async () => {
  // Its calls take the authorities of Node's own agent.
  https.globalAgent.options.ca = readFileSync(world.certFile);
  const issuer = new URL(issuerAt(world.manam));
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer));
  const enter = async (settings: object) => {
    const { clientId, secret } = await makeApplication(world.manam, {
      authentication: 'client_secret_post',
      ...settings,
    });
    const strategy = new Strategy(
      {
        issuer: as.issuer,
        authorizationURL: as.authorization_endpoint ?? '',
        tokenURL: as.token_endpoint ?? '',
        userInfoURL: as.userinfo_endpoint ?? '',
        clientID: clientId,
        clientSecret: secret,
        callbackURL: redirectUri,
        scope: ['profile', 'email'],
        nonce: 'true',
        skipUserProfile: false,
      },
      (_: string, profile: Profile, done: VerifyCallback) => done(null, profile),
    );
    const session = {};
    const { to } = await runStrategy(strategy, {}, session);
    const asked = await fetch(String(to), { redirect: 'manual' });
    const location = new URL(asked.headers.get('location') ?? '', world.manam.issuer);
    const back = location.searchParams.has('error') ? location : await world.agree(String(to));
    return await runStrategy(strategy, Object.fromEntries(back.searchParams), session);
  };
  const { user } = await enter({ requirePkce: false });
  expect(user).toMatchObject({ id: world.user.userId, emails: [{ value: world.user.email }] });
  const { error } = await enter({});
  expect(error).toMatchObject({
    code: 'invalid_request',
    message: expect.stringContaining('code_challenge'),
  });
});

/** Runs a handler on this machine. */
async function serve(handler: (address: string) => Parameters<typeof createServer>[1]): Promise<{
  readonly address: string;
  readonly server: Server;
}> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://localhost:${(server.address() as AddressInfo).port}`;
  server.on('request', handler(address) as never);
  return { address, server };
}

test('express-openid-connect', async () => {
  const { clientId, secret } = await makeApplication(world.manam, {
    redirectUris: ['http://localhost/callback'],
  });
  const { address, server } = await serve((at) => {
    const app = express();
    app.use(
      eoidc.auth({
        issuerBaseURL: issuerAt(world.manam),
        baseURL: at,
        clientID: clientId,
        clientSecret: secret,
        clientAuthMethod: 'client_secret_basic',
        secret: 'a long secret of the cookies of a test',
        idTokenSigningAlg: 'RS256',
        idpLogout: true,
        authorizationParams: { response_type: 'code', scope },
      }),
    );
    app.get('/', async (request, response) => {
      const { user, accessToken: before } = request.oidc;
      const after = await before?.refresh();
      response.json({
        sub: user?.['sub'],
        info: await request.oidc.fetchUserInfo(),
        isNew: after !== undefined && after.access_token !== before?.access_token,
      });
    });
    return app as never;
  });
  await world.returnTo(clientId, `${address}/callback`, address);
  const open = world.createBrowser();
  const response = await open(`${address}/`);
  expect(await response.json()).toMatchObject({
    sub: world.user.userId,
    info: { email: world.user.email },
    isNew: true,
  });
  const out = await open.once(`${address}/logout`);
  expect(String(await world.leave(out.headers.get('location') ?? ''))).toBe(`${address}/`);
  server.closeAllConnections();
  server.close();
});

test('@auth/core', async () => {
  const { clientId, secret } = await makeApplication(world.manam, {
    redirectUris: ['http://localhost/auth/callback/manam'],
  });
  const config = {
    secret: 'a long secret of the cookies of a test',
    trustHost: true,
    basePath: '/auth',
    skipCSRFCheck,
    providers: [
      {
        id: 'manam',
        name: 'Manam',
        type: 'oidc',
        issuer: issuerAt(world.manam),
        clientId,
        clientSecret: secret,
        checks: ['pkce', 'state', 'nonce'],
      },
    ],
  };
  const { address, server } = await serve((at) => async (request, response) => {
    const isStart = request.url === '/start';
    const answer = await Auth(
      new Request(isStart ? `${at}/auth/signin/manam` : `${at}${request.url}`, {
        method: isStart ? 'POST' : 'GET',
        headers: {
          cookie: request.headers.cookie ?? '',
          'content-type': 'application/x-www-form-urlencoded',
        },
        ...(isStart && { body: new URLSearchParams({ callbackUrl: `${at}/auth/session` }) }),
      }),
      config,
    );
    response.statusCode = answer.status;
    for (const [name, value] of answer.headers) if (name !== 'set-cookie') response.setHeader(name, value);
    response.setHeader('set-cookie', answer.headers.getSetCookie());
    response.end(await answer.text());
  });
  await world.returnTo(clientId, `${address}/auth/callback/manam`);
  const response = await world.createBrowser()(`${address}/start`);
  expect(await response.json()).toMatchObject({ user: expect.anything() });
  server.closeAllConnections();
  server.close();
});

test('the MCP SDK, with an API that names its authorization server', async () => {
  const { address, server } = await serve((at) => (request, response) => {
    const isMetadata = request.url?.startsWith('/.well-known/oauth-protected-resource');
    response.writeHead(isMetadata ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ resource: `${at}/mcp`, authorization_servers: [issuerAt(world.manam)] }));
  });
  const resource = `${address}/mcp`;
  const { clientId } = await makeApplication(world.manam, {
    kind: 'native',
    redirectUris: ['http://127.0.0.1/callback'],
    resources: [resource],
  });
  let kept: Record<string, unknown> = {};
  let verifier = '';
  let address0: URL | undefined;
  const provider: OAuthClientProvider = {
    redirectUrl: 'http://127.0.0.1:4711/callback',
    clientMetadata: { redirect_uris: ['http://127.0.0.1:4711/callback'] },
    clientInformation: () => ({ client_id: clientId }),
    tokens: () => (Object.keys(kept).length === 0 ? undefined : (kept as never)),
    saveTokens: (tokens) => {
      kept = { ...tokens };
    },
    redirectToAuthorization: (url) => {
      address0 = url;
    },
    saveCodeVerifier: (text) => {
      verifier = text;
    },
    codeVerifier: () => verifier,
  };
  expect(await mcpAuth(provider, { serverUrl: resource, scope: 'openid offline_access' })).toBe('REDIRECT');
  const back = await world.agree(address0 ?? '');
  const authorizationCode = back.searchParams.get('code') ?? '';
  expect(await mcpAuth(provider, { serverUrl: resource, authorizationCode })).toBe('AUTHORIZED');
  const [, payload = ''] = String(kept['access_token']).split('.');
  expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({ aud: resource });
  // With the refresh token, and without the person.
  const first = kept['access_token'];
  expect(await mcpAuth(provider, { serverUrl: resource })).toBe('AUTHORIZED');
  expect(kept['access_token']).not.toBe(first);
  server.closeAllConnections();
  server.close();
});
