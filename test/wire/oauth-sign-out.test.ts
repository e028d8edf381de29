import { decodeJwt } from 'jose';
import { beforeAll, expect, test } from 'vitest';
import { useTestApp } from '../support/app.ts';
import type { SignedIn } from '../support/journey.ts';
import { makeApplication, pagesOf, signInTo, type TestApplication } from '../support/openid.ts';
import { tampered } from '../support/tampered.ts';

// RP-Initiated Logout 1.0 at the endpoint, over HTTP. What the page does then is in test/browser/openid.test.ts.

const testApp = useTestApp();
const bye = 'https://app.example/bye';
let application: TestApplication;
let other: TestApplication;
let user: SignedIn;
let hint = '';
let session = '';

beforeAll(async () => {
  const settings = { postLogoutRedirectUris: [bye] };
  application = await makeApplication(testApp(), settings);
  other = await makeApplication(testApp(), settings);
  const signedIn = await signInTo(testApp(), application);
  user = signedIn.user;
  hint = String(signedIn.tokens['id_token']);
  session = String(decodeJwt(hint)['sid']);
});

/** Sends a browser to the endpoint. */
async function ask(parameters: Record<string, string> | URLSearchParams, method = 'GET') {
  const endpoint = `${testApp().url}/t/dev/oauth/end_session`;
  const query = new URLSearchParams(parameters);
  const answer =
    method === 'GET'
      ? await fetch(`${endpoint}?${query}`, { redirect: 'manual' })
      : await fetch(endpoint, { method, body: query, redirect: 'manual' });
  const location = answer.headers.get('location') ?? '';
  const text = await answer.text();
  return {
    status: answer.status,
    location,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}

/** What the hosted page is told. */
async function described(parameters: Record<string, string>, method = 'GET') {
  const { status, location } = await ask(parameters, method);
  expect([status, new URL(location, testApp().url).pathname]).toEqual([303, '/account/dev/sign-out']);
  const request = new URL(location, testApp().url).searchParams.get('request') ?? '';
  const {
    sessionId,
    location: target,
    application: client,
  } = await pagesOf(testApp(), user).describeSignOut({
    request,
  });
  return { sessionId, target, name: client?.name };
}

test.each(['GET', 'POST'])(
  'by %s a hint names the session, and the page to go on to is a registered one',
  async (method) => {
    const asked = { id_token_hint: hint, post_logout_redirect_uri: bye, state: 'so long' };
    expect(await described(asked, method)).toEqual({
      sessionId: session,
      target: `${bye}?state=so+long`,
      name: 'Shop',
    });
    expect(await described({ id_token_hint: hint, client_id: application.clientId }, method)).toEqual({
      sessionId: session,
      target: '',
      name: 'Shop',
    });
  },
);

test('without a hint the user decides, and no session is named', async () => {
  expect(await described({})).toEqual({ sessionId: '', target: '', name: undefined });
  const byId = { client_id: application.clientId, post_logout_redirect_uri: bye };
  expect(await described(byId)).toEqual({ sessionId: '', target: bye, name: 'Shop' });
});

test('accepts an expired hint, also after its key was retired', async () => {
  testApp().advance(40 * 86_400_000);
  expect((await described({ id_token_hint: hint })).sessionId).toBe(session);
  testApp().advance(-40 * 86_400_000);
});

test('ignores a hint that is not an ID token of this issuer', async () => {
  const { tokens } = await signInTo(testApp(), application);
  for (const wrong of [tampered(hint), 'x.y.z', 'x', String(tokens['access_token']), user.accessToken])
    expect(await described({ id_token_hint: wrong }), wrong.slice(0, 20)).toEqual({
      sessionId: '',
      target: '',
      name: undefined,
    });
});

test.each([
  ['a page of no one', () => ({ id_token_hint: hint, post_logout_redirect_uri: 'https://evil.example/' })],
  ['a page with more behind it', () => ({ id_token_hint: hint, post_logout_redirect_uri: `${bye}/x` })],
  ['a page without an application', () => ({ post_logout_redirect_uri: bye })],
  ['a page with a hint that is none', () => ({ id_token_hint: 'x.y.z', post_logout_redirect_uri: bye })],
  ['another application', () => ({ id_token_hint: hint, client_id: other.clientId })],
  [
    'a state of any length',
    () => ({ client_id: application.clientId, post_logout_redirect_uri: bye, state: 'x'.repeat(3000) }),
  ],
])('%s is refused here, and leads nowhere', async (_, parameters) => {
  for (const method of ['GET', 'POST']) {
    const { status, location, body } = await ask(parameters() as Record<string, string>, method);
    expect([status, location, body['error']]).toEqual([400, '', 'invalid_request']);
  }
});

test('rejects a repeated parameter', async () => {
  const twice = new URLSearchParams([
    ['id_token_hint', hint],
    ['id_token_hint', hint],
  ]);
  for (const method of ['GET', 'POST']) expect((await ask(twice, method)).status).toBe(400);
});

test('the user is still signed in after these requests', async () => {
  const view = await pagesOf(testApp(), user).listConnectedApplications({});
  expect(view.applications.length).toBeGreaterThan(0);
});
