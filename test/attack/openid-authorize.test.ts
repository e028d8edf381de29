import { describe, expect, test } from 'vitest';
import { codeChallengeOf } from '../../src/domain/pkce.ts';
import { useTestApp } from '../support/app.ts';
import { failureOf, shapeOf } from '../support/errors.ts';
import { bearer, signUp } from '../support/journey.ts';
import {
  callback,
  exchange,
  handleOf,
  issuerAt,
  makeApplication,
  pagesOf,
  post,
  requestOf,
  signInTo,
  verifier,
  visit,
} from '../support/openid.ts';

// The authorization endpoint against requests that are wrong, each in one way.

const testApp = useTestApp();
const html = { headers: { accept: 'text/html' } };

describe('a redirect URI that is not registered letter by letter leads nowhere', () => {
  test.each([
    ['another host', 'https://app.example.evil.test/callback'],
    ['a longer path', `${callback}/more`],
    ['a trailing slash', `${callback}/`],
    ['an added query', `${callback}?next=1`],
    ['a fragment', `${callback}#x`],
    ['another case', callback.replace('callback', 'Callback')],
    ['an encoded letter', callback.replace('callback', '%63allback')],
    ['a path that leads back', 'https://app.example/x/../callback'],
    ['user info', 'https://evil@app.example/callback'],
    ['a port', 'https://app.example:443/callback'],
    ['http', callback.replace('https', 'http')],
    ['a tab', `${callback}\t`],
    ['nothing', ''],
    ['javascript', 'javascript:alert(1)'],
  ])('%s', async (_, redirectUri) => {
    const application = await makeApplication(testApp());
    const { status, location, body } = await visit(
      testApp(),
      requestOf(application, { redirect_uri: redirectUri }),
      html,
    );
    expect({ status, location }).toEqual({ status: 400, location: '' });
    // A stranger learns nothing of the application.
    expect(body).not.toContain('Shop');
    expect(body).not.toContain(callback);
  });

  test('two of them', async () => {
    const application = await makeApplication(testApp());
    const parameters = requestOf(application);
    parameters.append('redirect_uri', callback);
    expect(await visit(testApp(), parameters, html)).toMatchObject({ status: 400, location: '' });
  });

  test('the order of a registered query counts', async () => {
    const application = await makeApplication(testApp(), { redirectUris: [`${callback}?a=1&b=2`] });
    expect(await visit(testApp(), requestOf(application), html)).toMatchObject({ status: 303 });
    const other = requestOf(application, { redirect_uri: `${callback}?b=2&a=1` });
    expect(await visit(testApp(), other, html)).toMatchObject({ status: 400, location: '' });
  });

  test.each([
    ['http://127.0.0.1:4711/cb', 303],
    ['http://127.0.0.1/cb', 303],
    ['http://[::1]:8/cb', 303],
    ['com.example.app:/cb', 303],
    ['http://localhost:4711/cb', 400],
    ['http://127.0.0.1:4711/other', 400],
    ['http://127.0.0.1.evil.test:4711/cb', 400],
    ['https://127.0.0.1:4711/cb', 400],
    ['com.example.other:/cb', 400],
  ])('a native application returns to %s: %i', async (redirectUri, status) => {
    const application = await makeApplication(testApp(), {
      kind: 'native',
      redirectUris: ['http://127.0.0.1/cb', 'http://[::1]/cb', 'com.example.app:/cb'],
    });
    const asked = requestOf(application, { redirect_uri: redirectUri });
    expect((await visit(testApp(), asked, html)).status).toBe(status);
  });
});

const s256 = codeChallengeOf(verifier);

describe('what is wrong with a request is told to its application, with state and iss', () => {
  test.each([
    ['no response type', { response_type: undefined }, 'invalid_request'],
    ['an implicit flow', { response_type: 'token' }, 'unsupported_response_type'],
    ['a hybrid flow', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['scopes of which none is its own', { scope: 'everything else' }, 'invalid_scope'],
    ['a resource that is not its own', { resource: 'https://api.evil.test' }, 'invalid_target'],
    ['no challenge', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    ['a plain challenge', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['no method, which is plain', { code_challenge_method: undefined }, 'invalid_request'],
    ['a method in another case', { code_challenge_method: 's256' }, 'invalid_request'],
    ['a challenge that is too short', { code_challenge: s256.slice(1) }, 'invalid_request'],
    ['a challenge that is too long', { code_challenge: `${s256}A` }, 'invalid_request'],
    ['prompt=none beside another', { prompt: 'none login' }, 'invalid_request'],
    ['an unknown prompt', { prompt: 'smile' }, 'invalid_request'],
    ['a max_age that is no number', { max_age: '-1' }, 'invalid_request'],
    ['a request object', { request: 'eyJ' }, 'request_not_supported'],
    ['a request_uri of elsewhere', { request_uri: 'https://evil.test/r' }, 'request_uri_not_supported'],
    ['a response mode that is unknown', { response_mode: 'fragment' }, 'invalid_request'],
    ['a hint that is no token', { id_token_hint: 'x.y.z' }, 'invalid_request'],
    ['a nonce beyond measure', { nonce: 'n'.repeat(2049) }, 'invalid_request'],
  ])('%s', async (_, changes, error) => {
    const application = await makeApplication(testApp());
    const { status, location } = await visit(testApp(), requestOf(application, changes));
    const { origin, pathname, searchParams } = new URL(location);
    expect({ status, at: origin + pathname }).toEqual({ status: 303, at: callback });
    expect(Object.fromEntries(searchParams)).toEqual({
      error,
      error_description: expect.any(String),
      state: 'a-state',
      iss: issuerAt(testApp()),
    });
  });

  test.each([
    'response_type',
    'scope',
    'state',
    'nonce',
    'code_challenge',
    'code_challenge_method',
    'response_mode',
    'prompt',
    'max_age',
    'acr_values',
    'login_hint',
    'ui_locales',
    'id_token_hint',
    'request',
    'registration',
  ])('%s twice', async (name) => {
    const application = await makeApplication(testApp());
    const parameters = requestOf(application, { [name]: 'x' });
    parameters.append(name, 'x');
    const { location } = await visit(testApp(), parameters);
    expect(new URL(location).searchParams.get('error')).toBe('invalid_request');
  });

  test('a frame never learns of a session', async () => {
    const application = await makeApplication(testApp());
    const { location } = await visit(testApp(), requestOf(application, { prompt: 'none' }), {
      headers: { 'sec-fetch-dest': 'iframe' },
    });
    expect(new URL(location).searchParams.get('error')).toBe('login_required');
  });

  test('prompt=none is answered by a page of at most 10 kB', async () => {
    const application = await makeApplication(testApp());
    const { status, body } = await visit(testApp(), requestOf(application, { prompt: 'none' }));
    expect(status).toBe(200);
    const script = /src="([^"]+)"/.exec(body)?.[1] ?? '';
    const response = await fetch(testApp().url + script, { headers: { 'accept-encoding': 'gzip' } });
    expect(body.length + Number(response.headers.get('content-length'))).toBeLessThanOrEqual(10_000);
  });

  test('a form works as an address does, and JSON does not', async () => {
    const application = await makeApplication(testApp());
    const { status, location } = await visit(testApp(), requestOf(application), { method: 'POST' });
    expect(status).toBe(303);
    expect(location).toContain('/account/dev/authorize?request=');
    const response = await fetch(`${testApp().url}/t/dev/oauth/authorize`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(Object.fromEntries(requestOf(application))),
    });
    expect(response.status).toBe(400);
  });
});

test('an application of one tenant is none at another', async () => {
  const application = await makeApplication(testApp());
  const { status } = await visit(testApp(), requestOf(application), { slug: 'manam', ...html });
  expect(status).toBe(400);
  const user = await signUp(testApp(), { apieco_key: testApp().manam.publishable });
  const request = await handleOf(testApp(), requestOf(application));
  const elsewhere = pagesOf(testApp(), user, 'manam').continueAuthorization({ request, consent: true });
  expect((await failureOf(elsewhere)).reason).toBe('AUTHORIZATION_INVALID');
});

test('a handle that was changed, cut or kept for too long opens nothing', async () => {
  const application = await makeApplication(testApp());
  const user = await signUp(testApp());
  const request = await handleOf(testApp(), requestOf(application));
  const pages = pagesOf(testApp(), user);
  const changed = request.slice(0, -3) + (request.endsWith('AAA') ? 'BBB' : 'AAA');
  for (const handle of [changed, request.slice(0, -8), `${request}A`, 'A'.repeat(400), 'x'])
    expect(
      shapeOf(await pages.continueAuthorization({ request: handle }).catch((e: unknown) => e)).reason,
    ).toBe('AUTHORIZATION_INVALID');
});

test('an application that is switched off, or whose redirect URI is taken back, gets no code', async () => {
  const { applicationsOf } = await import('../support/openid.ts');
  const application = await makeApplication(testApp());
  await applicationsOf(testApp()).update(
    { requestId: 'test', keyId: undefined, client: { address: '', userAgent: '' } },
    { tenant: 'dev', clientId: application.clientId, settings: { enabled: false } },
  );
  expect((await visit(testApp(), requestOf(application), html)).status).toBe(400);
});

describe('a code', () => {
  test.each([
    ['another redirect URI', { redirect_uri: 'https://app.example/other' }, 'invalid_grant'],
    ['no redirect URI', { redirect_uri: '' }, 'invalid_request'],
    ['no verifier', { code_verifier: '' }, 'invalid_grant'],
    ['another verifier', { code_verifier: verifier.replace('47', '48') }, 'invalid_grant'],
    ['a verifier that is too short', { code_verifier: verifier.slice(0, 42) }, 'invalid_grant'],
    ['the challenge for a verifier', { code_verifier: s256 }, 'invalid_grant'],
    ['a code that is cut', { code: 'AAAA' }, 'invalid_grant'],
    ['no code', { code: '' }, 'invalid_request'],
    ['another grant', { grant_type: 'refresh_token' }, 'invalid_request'],
    [
      'the password grant',
      { grant_type: 'password', username: 'x', password: 'y' },
      'unsupported_grant_type',
    ],
    ['the implicit grant', { grant_type: 'implicit' }, 'unsupported_grant_type'],
    ['no grant', { grant_type: '' }, 'invalid_request'],
  ])('with %s opens nothing, and is still good for its owner', async (_, changes, error) => {
    const application = await makeApplication(testApp());
    const user = await signUp(testApp());
    const request = await handleOf(testApp(), requestOf(application));
    const { location } = await pagesOf(testApp(), user).continueAuthorization({ request });
    const code = new URL(location).searchParams.get('code') ?? '';
    const wrong = await exchange(testApp(), application, code, changes);
    expect({ status: wrong.status, body: wrong.body }).toEqual({
      status: 400,
      body: { error, error_description: expect.any(String) },
    });
    expect((await exchange(testApp(), application, code)).status).toBe(200);
  });

  test('of another application opens nothing', async () => {
    const [mine, other] = [await makeApplication(testApp()), await makeApplication(testApp())];
    const user = await signUp(testApp());
    const request = await handleOf(testApp(), requestOf(mine));
    const { location } = await pagesOf(testApp(), user).continueAuthorization({ request });
    const code = new URL(location).searchParams.get('code') ?? '';
    expect((await exchange(testApp(), other, code)).body).toMatchObject({ error: 'invalid_grant' });
    expect((await exchange(testApp(), mine, code)).status).toBe(200);
  });

  test('that is a minute old has expired', async () => {
    const application = await makeApplication(testApp());
    const request = await handleOf(testApp(), requestOf(application));
    const { location } = await pagesOf(testApp(), await signUp(testApp())).continueAuthorization({ request });
    testApp().advance(61_000);
    const code = new URL(location).searchParams.get('code') ?? '';
    expect((await exchange(testApp(), application, code)).body).toEqual({
      error: 'invalid_grant',
      error_description: 'the code has expired',
    });
  });

  test('that is used twice ends the tokens of its first use', async () => {
    const application = await makeApplication(testApp());
    const { tokens, code } = await signInTo(testApp(), application);
    expect((await exchange(testApp(), application, code)).body).toMatchObject({ error: 'invalid_grant' });
    const info = await fetch(`${testApp().url}/t/dev/oauth/userinfo`, {
      headers: bearer(tokens['access_token'] ?? ''),
    });
    expect(info.status).toBe(401);
    expect(info.headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  test('has one winner of many', async () => {
    const application = await makeApplication(testApp());
    const user = await signUp(testApp());
    const pages = pagesOf(testApp(), user);
    for (let round = 0; round < 10; round += 1) {
      const request = await handleOf(testApp(), requestOf(application));
      const { location } = await pages.continueAuthorization({ request });
      const code = new URL(location).searchParams.get('code') ?? '';
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => exchange(testApp(), application, code)),
      );
      expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
      const errors = new Set(answers.filter(({ status }) => status !== 200).map(({ body }) => body['error']));
      expect([...errors]).toEqual(['invalid_grant']);
    }
  });

  test('of an application without PKCE takes no verifier, and needs a nonce', async () => {
    const application = await makeApplication(testApp(), { requirePkce: false });
    const bare = { code_challenge: undefined, code_challenge_method: undefined };
    const { location: refused } = await visit(
      testApp(),
      requestOf(application, { ...bare, nonce: undefined }),
    );
    expect(new URL(refused).searchParams.get('error')).toBe('invalid_request');
    const request = await handleOf(testApp(), requestOf(application, bare));
    const { location } = await pagesOf(testApp(), await signUp(testApp())).continueAuthorization({ request });
    const code = new URL(location).searchParams.get('code') ?? '';
    expect((await exchange(testApp(), application, code)).body).toMatchObject({ error: 'invalid_grant' });
    expect((await exchange(testApp(), application, code, { code_verifier: '' })).status).toBe(200);
  });
});

test('parameters of the token endpoint come from its body alone, and none comes twice', async () => {
  const application = await makeApplication(testApp());
  const inQuery = await post(
    testApp(),
    `token?grant_type=client_credentials&client_id=${application.clientId}`,
    {},
  );
  expect(inQuery).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  const twice = await fetch(`${testApp().url}/t/dev/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `grant_type=client_credentials&grant_type=refresh_token&client_id=${application.clientId}`,
  });
  expect({ status: twice.status, body: await twice.json() }).toMatchObject({
    status: 400,
    body: { error: 'invalid_request' },
  });
});
