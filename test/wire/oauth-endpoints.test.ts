import { once } from 'node:events';
import { connect } from 'node:net';
import { decodeJwt } from 'jose';
import { expect, test } from 'vitest';
import { defaultLimits, startTestApp, useTestApp } from '../support/app.ts';
import { signUp } from '../support/journey.ts';
import {
  basic,
  makeApplication,
  pagesOf,
  post,
  requestOf,
  signInTo,
  verifier,
  visit,
} from '../support/openid.ts';

// What any client of OAuth may send to an issuer's endpoints, and how they answer, over HTTP as it is.

const testApp = useTestApp();
const at = (path: string) => `${testApp().url}/t/dev/oauth/${path}`;
const machine = { kind: 'machine', redirectUris: [], resources: ['https://api.example.com'] };
const grant = { grant_type: 'client_credentials' };

test('attempts from an unknown origin do not lock out applications', async () => {
  const max = 4;
  const limits = { ...defaultLimits, attemptsPerNetwork: { ...defaultLimits.attemptsPerNetwork, max } };
  const app = await startTestApp({ config: { limits } });
  const application = await makeApplication(app, machine);
  const origin = 'https://spa.example';
  await makeApplication(app, { kind: 'spa', redirectUris: [`${origin}/back`], origins: [origin] });
  const attack = async (headers: Record<string, string>) => {
    const statuses: number[] = [];
    for (let tries = 0; tries < 3 * max; tries += 1)
      statuses.push((await post(app, 'revoke', { token: 'x', client_id: 'nobody' }, { headers })).status);
    return statuses;
  };
  expect(new Set(await attack({ origin: 'https://evil.example' }))).toEqual(new Set([401]));
  expect(new Set(await attack({ origin: 'null' }))).toEqual(new Set([401]));
  expect((await post(app, 'token', grant, { headers: basic(application) })).status).toBe(200);
  // A page of an application closes the way of pages of that origin alone.
  expect((await attack({ origin })).at(-1)).toBe(429);
  expect((await post(app, 'token', grant, { headers: basic(application) })).status).toBe(200);
  expect((await attack({})).at(-1)).toBe(429);
  await app.close();
});

test('ignores unknown parameters in the query and in the form', async () => {
  const headers = { ...basic(await makeApplication(testApp(), machine)) };
  const form = 'application/x-www-form-urlencoded';
  const ask = async (query: string, body: string) => {
    const init = { method: 'POST', headers: { ...headers, 'content-type': form }, body };
    return (await fetch(`${at('token')}${query}`, init)).status;
  };
  const sound = String(new URLSearchParams(grant));
  for (const [query, body] of [
    ['', sound],
    ['?foo=1&foo[bar]=2', sound],
    ['', `${sound}&foo=1&foo=2`],
    ['', `${sound}&x[a][b][c][d][e][f][g]=2&x[=1&]=3`],
    ['', `${sound}${'&foo=1'.repeat(150)}`],
    ['', `${sound}&__proto__=1&constructor[prototype]=2`],
  ] as const)
    expect(await ask(query, body), `${query} ${body.slice(0, 80)}`).toBe(200);
  // What is known is no credential in an address, and comes once.
  expect(await ask(`?${sound}`, '')).toBe(400);
  expect(await ask('', `${sound}&${sound}`)).toBe(400);
  const application = await makeApplication(testApp());
  const request = requestOf(application);
  for (let count = 0; count < 150; count += 1) request.append('foo', '1');
  request.append('state[]', 'another');
  const { location } = await visit(testApp(), request, { method: 'POST' });
  expect(location).toContain('/account/dev/authorize?request=');
});

test('introspects and revokes tokens of every size that is issued', async () => {
  const scopes = Array.from({ length: 90 }, (_, index) => `${'jobs.'.repeat(19)}${index}`);
  const application = await makeApplication(testApp(), { ...machine, scopes });
  const headers = basic(application);
  const { body } = await post(testApp(), 'token', grant, { headers });
  const token = String(body['access_token']);
  expect(token.length).toBeGreaterThan(8192);
  expect((await post(testApp(), 'introspect', { token }, { headers })).body).toMatchObject({ active: true });
  expect((await post(testApp(), 'revoke', { token }, { headers })).status).toBe(200);
});

test('HEAD of UserInfo has the status and the headers of its GET', async () => {
  const { tokens } = await signInTo(testApp(), await makeApplication(testApp()), { scope: 'openid email' });
  for (const authorization of [undefined, 'Bearer x', `Bearer ${tokens['access_token']}`]) {
    const init = { headers: authorization === undefined ? {} : { authorization } };
    const [got, head] = [
      await fetch(at('userinfo'), init),
      await fetch(at('userinfo'), { ...init, method: 'HEAD' }),
    ];
    expect(head.status).toBe(got.status);
    expect(head.headers.get('www-authenticate')).toBe(got.headers.get('www-authenticate'));
    expect(await head.text()).toBe('');
  }
});

test('the authorization endpoint allows no CORS', async () => {
  const origin = 'https://spa.example';
  const application = await makeApplication(testApp(), {
    kind: 'spa',
    redirectUris: [`${origin}/back`],
    origins: [origin],
  });
  const allowed = async (path: string) =>
    (await fetch(path, { headers: { origin }, redirect: 'manual' })).headers.get(
      'access-control-allow-origin',
    );
  expect(await allowed(`${at('authorize')}?${requestOf(application)}`)).toBeNull();
  expect(await allowed(at('end_session'))).toBeNull();
  expect(await allowed(`${at('form_post')}?request=x`)).toBeNull();
  expect(await allowed(at('userinfo'))).toBe(origin);
});

test('rejections before the flow have the form of OAuth, with a challenge', async () => {
  const { host, port } = new URL(testApp().url);
  /** Sends what `fetch` would not. */
  const raw = async (lines: readonly string[]) => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.write([...lines, 'connection: close', '', ''].join('\r\n'));
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += String(chunk);
    });
    await once(socket, 'close');
    const [head = '', body = ''] = text.split('\r\n\r\n');
    return { head, json: body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1) };
  };
  const twice = await raw([
    'POST /t/dev/oauth/token HTTP/1.1',
    `host: ${host}`,
    'authorization: Basic eDp5',
    'authorization: Basic eDp6',
    'content-length: 0',
  ]);
  expect(twice.head).toMatch(/^HTTP\/1\.1 400 /);
  expect(JSON.parse(twice.json)).toMatchObject({ error: 'invalid_request' });
  const absolute = await raw([
    `GET http://${host}/t/dev/oauth/userinfo HTTP/1.1`,
    `host: ${host}`,
    'authorization: Bearer x',
  ]);
  expect(JSON.parse(absolute.json)).toMatchObject({ error: 'invalid_token' });

  const wrongMethod = await fetch(at('token'));
  expect([wrongMethod.status, ((await wrongMethod.json()) as { error?: string }).error]).toEqual([
    405,
    'invalid_request',
  ]);
  const noIssuer = await post(testApp(), 'token', grant, {
    slug: 'nope',
    headers: basic({ clientId: 'x', secret: 'y' }),
  });
  expect([noIssuer.status, noIssuer.body['error']]).toEqual([401, 'invalid_client']);
  expect(noIssuer.headers.get('www-authenticate')).toMatch(/^Basic /);
});

test('an unknown issuer gets a JSON error or a page that says so', async () => {
  for (const path of ['.well-known/openid-configuration', 'oauth/authorize?client_id=x', 'jwks']) {
    const answer = await fetch(`${testApp().url}/t/nope/${path}`);
    expect([answer.status, await answer.json()], path).toEqual([
      404,
      {
        error: 'invalid_request',
        error_description: 'there is no such issuer: check the name of the tenant in the address',
      },
    ]);
  }
  const page = await fetch(`${testApp().url}/t/nope/oauth/authorize?client_id=x`, {
    headers: { accept: 'text/html' },
  });
  expect([page.status, await page.text()]).toEqual([404, expect.stringContaining('there is no such issuer')]);
});

test('token responses forbid caching, for HTTP/1.0 as well', async () => {
  const headers = basic(await makeApplication(testApp(), machine));
  const answer = await post(testApp(), 'token', grant, { headers });
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('pragma')).toBe('no-cache');
});

test('a redirect URI has the characters of a URI', async () => {
  for (const redirectUri of [
    'https://app.example/بازگشت',
    'https://مثال.example/cb',
    'https://app.example/é',
    'https://app.example/"<>',
    'https://app.example/a b',
  ])
    await expect(
      makeApplication(testApp(), { redirectUris: [redirectUri] }),
      redirectUri,
    ).rejects.toMatchObject({
      reason: 'REQUEST_INVALID',
    });
  const encoded = encodeURI('https://app.example/بازگشت');
  const application = await makeApplication(testApp(), { redirectUris: [encoded] });
  const { status, location } = await visit(testApp(), requestOf(application, { scope: 'nope' }));
  expect(status).toBe(303);
  expect(location).toContain(`${encoded}?error=invalid_scope`);
});

test('an older redirect URI with other characters still gets its response', async () => {
  const application = await makeApplication(testApp());
  const written = 'https://app.example/بازگشت';
  await testApp().sql(
    "UPDATE applications SET settings = JSON_SET(settings, '$.redirectUris', JSON_ARRAY(?)) WHERE client_id = ?",
    [written, application.clientId],
  );
  await testApp().catchUp();
  const request = requestOf({ ...application, redirectUri: written }, { scope: 'nope' });
  const { status, location } = await visit(testApp(), request);
  expect(status).toBe(303);
  expect(location).toContain(`${encodeURI(written)}?error=invalid_scope`);
});

test('treats an empty state as omitted, and accepts a max_age of centuries', async () => {
  const application = await makeApplication(testApp());
  const user = await signUp(testApp());
  const { location } = await visit(testApp(), requestOf(application, { state: '', max_age: '9999999999' }));
  const request = new URL(location, testApp().url).searchParams.get('request') ?? '';
  const answer = await pagesOf(testApp(), user).continueAuthorization({ request, consent: true });
  const { searchParams } = new URL(answer.location);
  expect([searchParams.has('code'), searchParams.has('state')]).toEqual([true, false]);
});

test('applications of two sectors cannot join their users by sid', async () => {
  const user = await signUp(testApp(), { apieco_key: testApp().manam.publishable });
  const sids = [];
  for (const sector of ['dev', 'manam', 'dev']) {
    const application = await makeApplication(testApp(), { sector }, 'manam');
    const request = requestOf(application);
    const { location } = await visit(testApp(), request, { slug: 'manam' });
    const handle = new URL(location, testApp().url).searchParams.get('request') ?? '';
    const answer = await pagesOf(testApp(), user, 'manam').continueAuthorization({
      request: handle,
      consent: true,
    });
    const code = new URL(answer.location).searchParams.get('code') ?? '';
    const { body } = await post(
      testApp(),
      'token',
      {
        grant_type: 'authorization_code',
        code,
        redirect_uri: application.redirectUri,
        code_verifier: verifier,
      },
      { slug: 'manam', headers: basic(application) },
    );
    const { sub, sid } = decodeJwt(String(body['id_token']));
    expect(sid).toMatch(/^[0-9a-f-]{36}$/);
    sids.push(`${sub} ${sid}`);
    // A sign-out that the application asks for finds the session all the same.
    const asked = await fetch(
      `${testApp().url}/t/manam/oauth/end_session?id_token_hint=${String(body['id_token'])}`,
      { redirect: 'manual' },
    );
    const signOut =
      new URL(asked.headers.get('location') ?? '', testApp().url).searchParams.get('request') ?? '';
    const described = await pagesOf(testApp(), user, 'manam').describeSignOut({ request: signOut });
    expect(described.sessionId).toBe(decodeJwt(user.accessToken)['sid']);
    expect(sid).not.toBe(described.sessionId);
  }
  const [first, other, again] = sids;
  expect(again).toBe(first);
  expect(other).not.toBe(first);
});
