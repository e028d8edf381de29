import { expect, test, vi } from 'vitest';
import { useTestApp } from '../support/app.ts';
import { signUp } from '../support/journey.ts';
import {
  applicationsOf,
  authorize,
  basic,
  callback,
  exchange,
  handleOf,
  makeApplication,
  pagesOf,
  post,
  requestOf,
  signInTo,
  type TestApplication,
  visit,
} from '../support/openid.ts';

// What an administrator takes away from an application ends for what was granted before.

const testApp = useTestApp();
const api = 'https://api.example';
const billing = 'https://billing.example';
const extent = { scopes: ['openid', 'email', 'profile', 'offline_access'], resources: [api, billing] };
const wide = { scope: 'openid email profile', resource: billing };
const waiting = { timeout: 20_000, interval: 100 };

/** Changes an application, and waits until the service knows. */
async function change({ clientId, secret }: TestApplication, settings: object): Promise<void> {
  await applicationsOf(testApp()).update(
    { requestId: 'test', keyId: undefined, client: { address: '', userAgent: '' } },
    { tenant: 'dev', clientId, settings: { ...settings, name: 'Changed' } },
  );
  await vi.waitFor(async () => {
    const parameters = requestOf({ clientId, secret, redirectUri: 'https://app.example/kept' });
    const handle = await handleOf(testApp(), parameters);
    const pages = pagesOf(testApp(), { accessToken: '' });
    const { application } = await pages.describeAuthorization({ request: handle });
    expect(application?.name).toBe('Changed');
  }, waiting);
}

const make = () =>
  makeApplication(testApp(), { ...extent, redirectUris: [callback, 'https://app.example/kept'] });
const refresh = (application: TestApplication, token = '', more: Record<string, string> = {}) =>
  post(
    testApp(),
    'token',
    { grant_type: 'refresh_token', refresh_token: token, ...more },
    { headers: basic(application) },
  );
const userInfo = async (accessToken = '') => {
  const headers = { authorization: `Bearer ${accessToken}` };
  const response = await fetch(`${testApp().url}/t/dev/oauth/userinfo`, { headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

test('a scope and an API that are taken away leave refreshes, UserInfo and introspection', async () => {
  const application = await make();
  const { tokens, user } = await signInTo(testApp(), application, { scope: wide.scope, resource: api });
  const own = await signInTo(testApp(), application, { scope: wide.scope }, user);
  const other = await signInTo(testApp(), application, { scope: 'email', resource: billing }, user);
  await change(application, { scopes: ['openid', 'profile'], resources: [api] });
  const refreshed = await refresh(application, tokens['refresh_token']);
  expect(refreshed).toMatchObject({ status: 200, body: { scope: 'openid profile' } });
  const again = String(refreshed.body['refresh_token']);
  expect(await refresh(application, again, { scope: 'email' })).toMatchObject({
    status: 400,
    body: { error: 'invalid_scope' },
  });
  expect(await refresh(application, again, { resource: billing })).toMatchObject({
    status: 400,
    body: { error: 'invalid_target' },
  });
  expect(await refresh(application, other.tokens['refresh_token'])).toMatchObject({
    status: 400,
    body: { error: 'invalid_grant' },
  });
  const info = await userInfo(own.tokens['access_token']);
  expect(info.status).toBe(200);
  expect(Object.keys(info.body)).not.toContain('email');
  const introspect = async (token = '') =>
    (await post(testApp(), 'introspect', { token }, { headers: basic(application) })).body;
  expect(await introspect(own.tokens['access_token'])).toMatchObject({
    active: true,
    scope: 'openid profile',
  });
  expect(await introspect(other.tokens['access_token'])).toEqual({ active: false });
  expect(await introspect(again)).toMatchObject({ active: true, scope: 'openid profile' });
});

test('a grant that was to outlast its session ends where the application may ask for that no longer', async () => {
  const application = await make();
  const { tokens } = await signInTo(testApp(), application, { scope: 'openid offline_access' });
  await change(application, { scopes: ['openid'] });
  expect(await refresh(application, tokens['refresh_token'])).toMatchObject({
    status: 400,
    body: { error: 'invalid_grant' },
  });
});

test('requests and codes that were made before have what is left, and lead to no page that was taken away', async () => {
  const application = await make();
  const user = await signUp(testApp());
  const kept = { ...application, redirectUri: 'https://app.example/kept' };
  const code = (await authorize(testApp(), user, requestOf(kept, { scope: wide.scope }))).get('code') ?? '';
  const request = await handleOf(testApp(), requestOf(kept, { scope: wide.scope }));
  const lost = await handleOf(testApp(), requestOf(kept, { scope: 'email' }));
  const form = Object.fromEntries(requestOf(application, { prompt: 'none' }));
  const pushed = await post(testApp(), 'par', form, { headers: basic(application) });
  expect(pushed.status).toBe(201);
  await change(application, { scopes: ['openid'], redirectUris: ['https://app.example/kept'] });

  const uri = new URLSearchParams({
    client_id: application.clientId,
    request_uri: String(pushed.body['request_uri']),
  });
  const inFrame = { headers: { 'sec-fetch-dest': 'iframe' } };
  expect(await visit(testApp(), uri, inFrame)).toMatchObject({ status: 400, location: '' });
  expect(await exchange(testApp(), kept, code)).toMatchObject({ status: 200, body: { scope: 'openid' } });
  const { location } = await pagesOf(testApp(), user).continueAuthorization({ request });
  const next = new URL(location).searchParams.get('code') ?? '';
  expect(await exchange(testApp(), kept, next)).toMatchObject({ status: 200, body: { scope: 'openid' } });
  await expect(pagesOf(testApp(), user).continueAuthorization({ request: lost })).rejects.toThrow();
});

test('a device gets what is left of what it asked for', async () => {
  const application = await makeApplication(testApp(), {
    ...extent,
    redirectUris: [callback, 'https://app.example/kept'],
    deviceGrant: true,
  });
  const started = await post(
    testApp(),
    'device_authorization',
    { scope: wide.scope },
    { headers: basic(application) },
  );
  const user = await signUp(testApp());
  await pagesOf(testApp(), user).decideDevice({ userCode: String(started.body['user_code']) });
  await change(application, { scopes: ['openid'] });
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: String(started.body['device_code']),
  };
  expect(await post(testApp(), 'token', form, { headers: basic(application) })).toMatchObject({
    status: 200,
    body: { scope: 'openid' },
  });
});
