import { randomUUID } from 'node:crypto';
import { create, getOption } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { access } from '../../gen/manam/options/v1/access_pb.js';
import { OAuthService } from '../../gen/manam/v1/oauth_service_pb.js';
import { publicServices } from '../../src/contract/services.ts';
import { type TestApp, useTestApp } from '../support/app.ts';
import { shapeOf } from '../support/errors.ts';
import { bearer, signUp } from '../support/journey.ts';
import { basic, issuerAt, makeApplication, post, signInTo, type TestApplication } from '../support/openid.ts';
import { protocols } from '../support/protocols.ts';
import { firstOf } from '../support/streams.ts';

// Two families of tokens that are never mixed.

const testApp = useTestApp();

const userInfo = (test: TestApp, token: string, slug = 'dev') =>
  fetch(`${test.url}/t/${slug}/oauth/userinfo`, { headers: bearer(token) });

const inactive = '{"active":false}';

async function introspect(application: TestApplication, token: string, slug = 'dev'): Promise<string> {
  const response = await fetch(`${testApp().url}/t/${slug}/oauth/introspect`, {
    method: 'POST',
    body: new URLSearchParams({ token }),
    headers: basic(application),
  });
  return await response.text();
}

test('no token of an application opens any call of ours', async () => {
  const application = await makeApplication(testApp());
  const { tokens } = await signInTo(testApp(), application, { scope: 'openid roles offline_access' });
  const machine = await post(
    testApp(),
    'token',
    { grant_type: 'client_credentials' },
    { headers: basic(application) },
  );
  const ours = Object.values(publicServices).filter((service) => service.typeName !== OAuthService.typeName);
  const methods = ours
    .flatMap((service) => service.methods)
    .filter((method) => method.name !== 'Register' && method.name !== 'RefreshToken');
  const opened: string[] = [];
  const kinds = {
    access: tokens['access_token'],
    refresh: tokens['refresh_token'],
    id: tokens['id_token'],
    machine: String(machine.body['access_token']),
  };
  const [connect] = protocols;
  for (const [kind, token] of Object.entries(kinds)) {
    // Without a key: the token alone would have to name the tenant.
    for (const method of methods) {
      const isOfMembers = getOption(method, access).members.length > 0;
      const headers = { ...bearer(token ?? ''), ...(isOfMembers && { 'manam-tenant': 'dev' }) };
      const client = connect?.connect(method.parent, testApp().url, headers) as Record<
        string,
        (request: object) => Promise<unknown> | AsyncIterable<unknown>
      >;
      const reason = await firstOf(client[method.localName]?.(create(method.input))).then(
        () => 'passes',
        (error: unknown) => shapeOf(error).reason ?? '',
      );
      if (!['TOKEN_INVALID', 'KEY_MISSING', 'SECRET_KEY_REQUIRED'].includes(reason))
        opened.push(`${kind}: ${method.name} ${reason}`);
    }
  }
  expect(opened).toEqual([]);
});

test('the introspection of sessions knows no token of an application', async () => {
  const { tokens } = await signInTo(testApp(), await makeApplication(testApp()));
  for (const name of ['access_token', 'refresh_token', 'id_token']) {
    const response = await fetch(`${testApp().url}/auth/introspect`, {
      method: 'POST',
      headers: { 'x-api-key': testApp().dev.secret, 'content-type': 'application/json' },
      body: JSON.stringify({ token: tokens[name] }),
    });
    expect(await response.json(), name).toMatchObject({ active: false });
  }
});

test('no token of a session opens an endpoint of an issuer', async () => {
  const application = await makeApplication(testApp());
  const { accessToken, refreshToken } = await signUp(testApp());
  for (const token of [accessToken, refreshToken]) {
    expect((await userInfo(testApp(), token)).status).toBe(401);
    expect(await introspect(application, token)).toBe(inactive);
  }
  const asGrant = await post(
    testApp(),
    'token',
    { grant_type: 'refresh_token', refresh_token: refreshToken },
    { headers: basic(application) },
  );
  expect(asGrant.body).toMatchObject({ error: 'invalid_grant' });
  const asClient = await post(
    testApp(),
    'token',
    { grant_type: 'client_credentials' },
    { headers: bearer(accessToken) },
  );
  expect(asClient).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
});

test('the token of one tenant is none at another, and an ID token opens nothing', async () => {
  const { tokens } = await signInTo(testApp(), await makeApplication(testApp()));
  expect((await userInfo(testApp(), tokens['access_token'] ?? '', 'manam')).status).toBe(401);
  expect((await userInfo(testApp(), tokens['id_token'] ?? '')).status).toBe(401);
  expect((await userInfo(testApp(), tokens['refresh_token'] ?? '')).status).toBe(401);
});

describe('UserInfo', () => {
  test('answers GET, POST and a form, and says what a bad call lacks', async () => {
    const { tokens, user } = await signInTo(testApp(), await makeApplication(testApp()));
    const place = `${testApp().url}/t/dev/oauth/userinfo`;
    const token = tokens['access_token'] ?? '';
    const byForm = await fetch(place, { method: 'POST', body: new URLSearchParams({ access_token: token }) });
    const byPost = await fetch(place, { method: 'POST', headers: bearer(token) });
    for (const response of [byForm, byPost]) expect(await response.json()).toEqual({ sub: user.userId });
    const none = await fetch(place);
    expect({ status: none.status, challenge: none.headers.get('www-authenticate') }).toEqual({
      status: 401,
      challenge: 'Bearer realm="manam"',
    });
  });

  test('refuses a token without openid, or for another resource', async () => {
    const api = 'https://api.example';
    const application = await makeApplication(testApp(), { resources: [api] });
    const narrow = await signInTo(testApp(), application, { scope: 'openid email' });
    const refreshed = await post(
      testApp(),
      'token',
      { grant_type: 'refresh_token', refresh_token: narrow.tokens['refresh_token'] ?? '', scope: 'email' },
      { headers: basic(application) },
    );
    const without = await userInfo(testApp(), String(refreshed.body['access_token']));
    expect({ status: without.status, body: await without.json() }).toMatchObject({
      status: 403,
      body: { error: 'insufficient_scope' },
    });
    const forApi = await signInTo(testApp(), application, { resource: api });
    expect((await userInfo(testApp(), forApi.tokens['access_token'] ?? '')).status).toBe(401);
  });
});

describe('introspection', () => {
  test('tells an application of its own tokens and the resource server of those for it', async () => {
    const api = 'https://api.example';
    const application = await makeApplication(testApp(), { resources: [api] });
    const server = await makeApplication(testApp(), {
      kind: 'machine',
      redirectUris: [],
      serves: [api],
      firstParty: false,
    });
    const stranger = await makeApplication(testApp());
    const { tokens, user } = await signInTo(testApp(), application, { resource: api, scope: 'openid roles' });
    const token = tokens['access_token'] ?? '';
    const expected = {
      active: true,
      iss: issuerAt(testApp()),
      aud: api,
      client_id: application.clientId,
      sub: user.userId,
      scope: 'openid roles',
      token_type: 'Bearer',
      acr: 'aal1',
      roles: [],
    };
    expect(JSON.parse(await introspect(application, token))).toMatchObject(expected);
    expect(JSON.parse(await introspect(server, token))).toMatchObject(expected);
    expect(await introspect(stranger, token)).toBe(inactive);
    const refresh = tokens['refresh_token'] ?? '';
    expect(JSON.parse(await introspect(application, refresh))).toMatchObject({
      active: true,
      token_type: 'refresh_token',
    });
    for (const each of [server, stranger]) expect(await introspect(each, refresh)).toBe(inactive);
  });

  test('needs an application with credentials', async () => {
    const open = await makeApplication(testApp(), { kind: 'spa' });
    for (const form of [{ client_id: open.clientId }, {}, { client_id: randomUUID() }]) {
      const answer = await post(testApp(), 'introspect', { token: 'x', ...form } as Record<string, string>);
      expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
      expect(answer.headers.get('www-authenticate')).toBe('Basic realm="manam"');
    }
  });

  test('answers the same bytes for everything that is not live', async () => {
    const application = await makeApplication(testApp());
    const foreign = await signInTo(testApp(), await makeApplication(testApp()));
    const ended = await signInTo(testApp(), application);
    await post(
      testApp(),
      'revoke',
      { token: ended.tokens['refresh_token'] ?? '' },
      { headers: basic(application) },
    );
    const expired = await signInTo(testApp(), application);
    testApp().advance(3_700_000);
    const texts = ['x', 'a.b.c', foreign.tokens['access_token'], ended.tokens['access_token']];
    texts.push(expired.tokens['access_token'], ended.tokens['refresh_token']);
    for (const text of texts) expect(await introspect(application, text ?? '')).toBe(inactive);
  });
});

describe('revocation', () => {
  test('of a refresh token ends its access tokens, and of an access token its grant', async () => {
    const application = await makeApplication(testApp());
    for (const name of ['refresh_token', 'access_token']) {
      const { tokens } = await signInTo(testApp(), application);
      const answer = await post(
        testApp(),
        'revoke',
        { token: tokens[name] ?? '' },
        { headers: basic(application) },
      );
      expect({ status: answer.status, body: answer.body }).toEqual({ status: 200, body: {} });
      expect((await userInfo(testApp(), tokens['access_token'] ?? '')).status).toBe(401);
      const refreshed = await post(
        testApp(),
        'token',
        { grant_type: 'refresh_token', refresh_token: tokens['refresh_token'] ?? '' },
        { headers: basic(application) },
      );
      expect(refreshed.body).toMatchObject({ error: 'invalid_grant' });
    }
  });

  test('never touches what is another application’s, and no unknown token is a failure', async () => {
    const { tokens } = await signInTo(testApp(), await makeApplication(testApp()));
    const stranger = await makeApplication(testApp());
    for (const token of [tokens['refresh_token'], tokens['access_token'], 'nonsense'])
      expect(
        (await post(testApp(), 'revoke', { token: token ?? '' }, { headers: basic(stranger) })).status,
      ).toBe(200);
    expect((await userInfo(testApp(), tokens['access_token'] ?? '')).status).toBe(200);
  });

  test('of a machine’s token ends that token', async () => {
    const machine = await makeApplication(testApp(), { kind: 'machine', redirectUris: [], scopes: ['jobs'] });
    const headers = basic(machine);
    const { body } = await post(testApp(), 'token', { grant_type: 'client_credentials' }, { headers });
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'jobs',
    });
    const token = String(body['access_token']);
    expect(JSON.parse(await introspect(machine, token))).toMatchObject({
      active: true,
      sub: machine.clientId,
    });
    await post(testApp(), 'revoke', { token }, { headers });
    expect(await introspect(machine, token)).toBe(inactive);
  });
});

test('the calls of an issuer work over every protocol', async () => {
  const application = await makeApplication(testApp(), {
    kind: 'machine',
    redirectUris: [],
    scopes: ['jobs'],
    authentication: 'client_secret_post',
  });
  for (const { name, connect } of protocols) {
    const client = connect(OAuthService, testApp().url, { 'manam-tenant': 'dev' });
    const credentials = { clientId: application.clientId, clientSecret: application.secret };
    const answer = await client.issueTokens({ grantType: 'client_credentials', ...credentials });
    expect(answer, name).toMatchObject({ tokenType: 'Bearer', scope: 'jobs', expiresIn: 600 });
    const said = await client.introspectOAuthToken({ token: answer.accessToken, ...credentials });
    expect(said, name).toMatchObject({ active: true, claims: { client_id: application.clientId } });
    const wrong = await client
      .issueTokens({ grantType: 'client_credentials', ...credentials, clientSecret: 'no' })
      .catch((error: unknown) => shapeOf(error));
    expect(wrong, name).toMatchObject({ reason: 'INVALID_CLIENT' });
  }
  const nowhere = protocols[0]?.connect(OAuthService, testApp().url, {});
  expect(shapeOf(await nowhere?.issueTokens({}).catch((error: unknown) => error)).reason).toBe(
    'INVALID_CLIENT',
  );
});
