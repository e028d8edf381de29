import { decodeJwt, decodeProtectedHeader } from 'jose';
import { expect, test } from 'vitest';
import { startTestApp, useTestApp } from '../support/app.ts';
import { changePolicy, freePort } from '../support/federation.ts';
import { signUp } from '../support/journey.ts';
import {
  authorize,
  basic,
  exchange,
  issuerAt,
  makeApplication,
  post,
  requestOf,
  signInTo,
  visit,
} from '../support/openid.ts';

const port = await freePort();
const testApp = useTestApp({ config: { port, issuer: `http://127.0.0.1:${port}` } });

test('a user signs in to an application, which gets tokens of its own issuer', async () => {
  const application = await makeApplication(testApp());
  const user = await signUp(testApp());
  const answer = await authorize(testApp(), user, requestOf(application, { scope: 'openid email' }));
  expect(Object.fromEntries(answer)).toEqual({
    code: expect.any(String),
    state: 'a-state',
    iss: issuerAt(testApp()),
  });
  const { status, headers, body } = await exchange(testApp(), application, answer.get('code') ?? '');
  expect({ status, body }).toEqual({
    status: 200,
    body: {
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 600,
      refresh_token: expect.any(String),
      scope: 'openid email',
      id_token: expect.any(String),
    },
  });
  expect(headers.get('cache-control')).toBe('no-store');
  const tokens = body as Record<string, string>;
  expect(decodeProtectedHeader(tokens['id_token'] ?? '')).toMatchObject({ alg: 'RS256', typ: 'JWT' });
  expect(decodeJwt(tokens['id_token'] ?? '')).toEqual({
    iss: issuerAt(testApp()),
    sub: user.userId,
    aud: application.clientId,
    iat: expect.any(Number),
    exp: expect.any(Number),
    auth_time: expect.any(Number),
    nonce: 'a-nonce',
    acr: 'aal1',
    amr: ['pwd'],
    sid: expect.any(String),
    at_hash: expect.any(String),
  });
  const info = await fetch(`${issuerAt(testApp())}/oauth/userinfo`, {
    headers: { authorization: `Bearer ${tokens['access_token']}` },
  });
  expect({ status: info.status, body: await info.json() }).toEqual({
    status: 200,
    body: { sub: user.userId, email: user.email, email_verified: true },
  });
});

test('a UserInfo request that cannot be read is told how to come, whoever refuses it', async () => {
  const place = `${issuerAt(testApp())}/oauth/userinfo`;
  const form = (body: string, headers = {}) =>
    fetch(place, { method: 'POST', body: new URLSearchParams(body), headers });
  for (const response of [
    await form('access_token=a&access_token=b'),
    await form('access_token=a', { authorization: 'Bearer b' }),
    await fetch(`${place}?access_token=a`),
  ]) {
    expect(response.status).toBe(400);
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="manam", error="invalid_request"');
  }
});

test('a token for an API leaves the claims to the ID token, and one for UserInfo is had beside it', async () => {
  const api = 'https://api.example';
  const application = await makeApplication(testApp(), { resources: [api] });
  const place = `${issuerAt(testApp())}/oauth/userinfo`;
  const userInfo = async (token: unknown) => {
    const response = await fetch(place, { headers: { authorization: `Bearer ${token}` } });
    return { status: response.status, body: await response.json() };
  };
  const { tokens, user } = await signInTo(testApp(), application, { scope: 'openid email', resource: api });
  expect(decodeJwt(tokens['access_token'] ?? '')).toMatchObject({ aud: api });
  expect(decodeJwt(tokens['id_token'] ?? '')).toMatchObject({ sub: user.userId, email: user.email });
  expect(await userInfo(tokens['access_token'])).toEqual({
    status: 401,
    body: { error: 'invalid_token', error_description: 'this token is for another audience' },
  });
  let token = tokens['refresh_token'] ?? '';
  const refresh = async (resources: readonly string[]) => {
    const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token });
    for (const resource of resources) form.append('resource', resource);
    const response = await fetch(`${issuerAt(testApp())}/oauth/token`, {
      method: 'POST',
      body: form,
      headers: basic(application),
    });
    const body = (await response.json()) as Record<string, string>;
    token = body['refresh_token'] ?? token;
    return { status: response.status, aud: decodeJwt(body['access_token'] ?? '').aud, body };
  };
  const own = await refresh([place]);
  expect(own).toMatchObject({ status: 200, aud: place });
  expect(decodeJwt(own.body['id_token'] ?? '')).not.toHaveProperty('email');
  expect(await userInfo(own.body['access_token'])).toMatchObject({
    status: 200,
    body: { email: user.email },
  });
  const both = await refresh([place, api]);
  expect(both.aud).toEqual([place, api]);
  expect(await userInfo(both.body['access_token'])).toMatchObject({ status: 200 });
  expect(await refresh([])).toMatchObject({ status: 200, aud: api });
});

test('UserInfo is no resource without openid', async () => {
  const application = await makeApplication(testApp(), { scopes: ['email', 'openid'] });
  const { tokens } = await signInTo(testApp(), application, { scope: 'email' });
  const form = {
    grant_type: 'refresh_token',
    refresh_token: tokens['refresh_token'] ?? '',
    resource: `${issuerAt(testApp())}/oauth/userinfo`,
  };
  expect(await post(testApp(), 'token', form, { headers: basic(application) })).toMatchObject({
    status: 400,
    body: { error: 'invalid_target' },
  });
});

test('a parameter that OAuth does not know is ignored, also where it has the name of one of ours', async () => {
  const application = await makeApplication(testApp());
  const asked = { grant_type: 'client_credentials', tenant: 'manam', audience: 'x' };
  expect(await post(testApp(), 'token', asked, { headers: basic(application) })).toMatchObject({
    status: 200,
  });
});

test('a refresh token gives new tokens of the same user, and each is for one use', async () => {
  const application = await makeApplication(testApp());
  const { tokens, user } = await signInTo(testApp(), application);
  const refresh = (token: string) =>
    post(
      testApp(),
      'token',
      { grant_type: 'refresh_token', refresh_token: token },
      { headers: basic(application) },
    );
  const { status, body } = await refresh(tokens['refresh_token'] ?? '');
  expect(status).toBe(200);
  expect(decodeJwt(String(body['id_token']))).toMatchObject({ sub: user.userId, aud: application.clientId });
  expect(body['refresh_token']).not.toBe(tokens['refresh_token']);
  testApp().advance(11_000);
  const again = await refresh(tokens['refresh_token'] ?? '');
  expect({ status: again.status, body: again.body }).toEqual({
    status: 400,
    body: {
      error: 'invalid_grant',
      error_description: 'it was used before: every token of this grant has ended',
    },
  });
  expect((await refresh(String(body['refresh_token']))).body).toMatchObject({ error: 'invalid_grant' });
});

test('no token comes from a grant whose user lacks the factor that the tenant demands by now', async () => {
  const first = await startTestApp();
  const application = await makeApplication(first);
  const online = await signInTo(first, application, { scope: 'openid' });
  const offline = await signInTo(first, application, { scope: 'openid offline_access' }, online.user);
  const code = (await authorize(first, online.user, requestOf(application))).get('code') ?? '';
  await changePolicy(first, (policy) => ({ ...policy, requireSecondFactor: true }));
  // Another instance has not read the policy of before.
  const second = await startTestApp({ sibling: first });
  const refused = { status: 400, body: { error: 'invalid_grant' } };
  for (const { tokens } of [online, offline]) {
    const form = { grant_type: 'refresh_token', refresh_token: tokens['refresh_token'] ?? '' };
    expect(await post(second, 'token', form, { headers: basic(application) })).toMatchObject(refused);
  }
  expect(await exchange(second, application, code)).toMatchObject(refused);
  await second.close();
  await first.close();
});

test('the issuer in the path is not named a second time by a header', async () => {
  const application = await makeApplication(testApp());
  for (const slug of ['dev', 'manam'])
    expect(
      await post(
        testApp(),
        'token',
        { grant_type: 'client_credentials' },
        { headers: { ...basic(application), 'manam-tenant': slug } },
      ),
    ).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
});

test('a request without a registered redirect URI stays on a page of this service', async () => {
  const application = await makeApplication(testApp());
  const { status, location, body } = await visit(
    testApp(),
    requestOf(application, { redirect_uri: 'https://evil.example/' }),
    { headers: { accept: 'text/html' } },
  );
  expect({ status, location }).toEqual({ status: 400, location: '' });
  expect(body).toContain('redirect_uri is not one of those that are registered');
});
