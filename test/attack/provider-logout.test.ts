import type { JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProviderService } from '../../gen/manam/v1/provider_service_pb.js';
import { defaultLimits } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { type FederatedApp, makePkce, redirectUri } from '../support/federation.ts';
import { bearer, signUp } from '../support/journey.ts';
import {
  clientOf,
  comeBack,
  connect,
  freshUser,
  link,
  signInAt,
  startConnectedApp,
} from '../support/providers.ts';

// A provider says that someone has signed out there (OpenID Connect Back-Channel Logout 1.0): that ends what began there,
// and nothing else, whoever else sends such a thing.

let app: FederatedApp;
beforeAll(async () => {
  app = await startConnectedApp();
});
afterAll(() => app.close());
const providers = (headers?: Record<string, string>) => app.test.client(ProviderService, headers);

describe('a logout token', () => {
  const path = () => `${app.test.url}/login/logout/dev/oidc`;
  const send = async (token: string, url = path()) => {
    const response = await fetch(url, { method: 'POST', body: new URLSearchParams({ logout_token: token }) });
    const text = await response.text();
    return [response.status, text === '' ? '' : JSON.parse(text)];
  };
  const tokenOf = (claims: JWTPayload, type?: string) =>
    app.emulators.of('oidc').logoutTokenFor(clientOf('oidc'), claims, type);
  const isLive = async (token: unknown) => {
    const response = await fetch(`${app.test.url}/auth/sessions`, {
      headers: { apieco_key: app.test.dev.publishable, ...bearer(String(token)) },
    });
    return response.status === 200;
  };

  test('of a subject ends every session that began there, and no other', async () => {
    const mine = await signUp(app.test);
    const user = freshUser();
    await link(app, 'oidc', mine.accessToken, user);
    const other = await signUp(app.test);
    await link(app, 'oidc', other.accessToken, freshUser());
    const [first, second] = [await signInAt(app, 'oidc', user), await signInAt(app, 'oidc', user)];
    const tokens = [first.json['access_token'], second.json['access_token']];
    expect(await Promise.all(tokens.map(isLive))).toEqual([true, true]);
    expect(await send(await tokenOf({ sub: user.sub }))).toEqual([200, '']);
    expect(await Promise.all(tokens.map(isLive))).toEqual([false, false]);
    expect(await isLive(mine.accessToken)).toBe(true);
    expect(await isLive(other.accessToken)).toBe(true);
    const [row] = await app.test.sql(
      "SELECT COUNT(*) AS n FROM events WHERE user_id = UNHEX(REPLACE(?, '-', '')) AND type = 'session.ended' AND details LIKE '%provider-logout%'",
      [mine.userId],
    );
    expect(Number(row?.['n'])).toBe(2);
  });

  test('of a session there ends what began in it, also by a code and after a second factor', async () => {
    const [one, two] = [freshUser(), freshUser()];
    const { codeVerifier, codeChallenge } = makePkce();
    const started = await providers().startProviderLogin({ provider: 'oidc', redirectUri, codeChallenge });
    const { location } = await comeBack(app, 'oidc', started.authorizationUrl, one);
    const code = new URL(location).searchParams.get('code') ?? '';
    const redeemed = await fetch(`${app.test.url}/auth/redeem`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', apieco_key: app.test.dev.publishable },
      body: JSON.stringify({ code, code_verifier: codeVerifier }),
    });
    const token = ((await redeemed.json()) as { access_token: string }).access_token;
    const { json } = await signInAt(app, 'oidc', two);
    expect(await send(await tokenOf({ sid: `session-${one.sub}` }))).toEqual([200, '']);
    expect([await isLive(token), await isLive(json['access_token'])]).toEqual([false, true]);
  });

  test('ends a sign-in that is still on its way', async () => {
    const user = freshUser();
    await signInAt(app, 'oidc', user);
    const { codeVerifier, codeChallenge } = makePkce();
    const started = await providers().startProviderLogin({ provider: 'oidc', redirectUri, codeChallenge });
    const { location } = await comeBack(app, 'oidc', started.authorizationUrl, user);
    const code = new URL(location).searchParams.get('code') ?? '';
    expect(await send(await tokenOf({ sub: user.sub }))).toEqual([200, '']);
    expect(await failureOf(app.test.client(AuthService).redeemLoginCode({ code, codeVerifier }))).toEqual(
      failure('Unauthenticated', 'CODE_INVALID'),
    );
  });

  test('counts also where the connection is switched off, and leaves other ways in alone', async () => {
    await connect(app, 'oidc', {}, 'ending');
    const user = freshUser();
    const { json } = await signInAt(app, 'oidc', user, 'ending');
    await connect(app, 'oidc', { enabled: false }, 'ending');
    const pending = await signUp(app.test);
    const url = `${app.test.url}/login/logout/dev/ending`;
    expect((await send(await tokenOf({ sub: user.sub }), url))[0]).toBe(200);
    expect([await isLive(json['access_token']), await isLive(pending.accessToken)]).toEqual([false, true]);
  });

  test('of one account at a provider leaves the sessions of another one of the same user', async () => {
    const mine = await signUp(app.test);
    const [one, two] = [freshUser(), freshUser()];
    await link(app, 'oidc', mine.accessToken, one);
    await link(app, 'oidc', mine.accessToken, two);
    const [first, second] = [await signInAt(app, 'oidc', one), await signInAt(app, 'oidc', two)];
    expect(await send(await tokenOf({ sub: one.sub }))).toEqual([200, '']);
    expect([await isLive(first.json['access_token']), await isLive(second.json['access_token'])]).toEqual([
      false,
      true,
    ]);
  });

  test('that is replayed counts once', async () => {
    const user = freshUser();
    await signInAt(app, 'oidc', user);
    const token = await tokenOf({ sub: user.sub });
    expect((await send(token))[0]).toBe(200);
    const { json } = await signInAt(app, 'oidc', user);
    expect(await send(token)).toEqual([
      400,
      { error: 'invalid_request', error_description: 'PROVIDER_TOKEN_INVALID' },
    ]);
    expect(await isLive(json['access_token'])).toBe(true);
  });

  const bad: [string, JWTPayload, string?][] = [
    ['with a nonce', { sub: 'x', nonce: 'n' }],
    ['without a subject and a session', {}],
    ['of another event', { sub: 'x', events: { 'http://example.com/event': {} } }],
    ['without events', { sub: 'x', events: undefined }],
    ['for another client', { sub: 'x', aud: 'client-9' }],
    ['of another issuer', { sub: 'x', iss: 'https://evil.example' }],
    ['without an id', { sub: 'x', jti: undefined as never }],
    ['that is old', { sub: 'x', iat: 1_000_000_000, exp: undefined as never }],
    ['that has expired', { sub: 'x', exp: 1_000_000_000 }],
    ['of another type', { sub: 'x' }, 'at+jwt'],
    ['whose session is no text', { sub: 'x', sid: { a: 1 } }],
  ];
  test.each(bad)('%s is refused', async (_, claims, type) => {
    const [status, body] = await send(await tokenOf(claims, type));
    expect([status, body]).toEqual([
      400,
      { error: 'invalid_request', error_description: 'PROVIDER_TOKEN_INVALID' },
    ]);
  });

  test('that is an ID token, or nothing at all, is refused, and so is any at a provider that has none', async () => {
    const idToken = await app.emulators.of('oidc').idTokenFor(freshUser(), clientOf('oidc'), '');
    for (const token of [idToken, '', 'x', 'a.b.c']) expect((await send(token))[0], token).toBe(400);
    const token = await tokenOf({ sub: 'x' });
    expect((await send(token, `${app.test.url}/login/logout/dev/github`))[0]).toBe(400);
    expect((await send(token, `${app.test.url}/login/logout/dev/nothing`))[0]).toBe(400);
    expect((await send(token, `${app.test.url}/login/logout/nobody/oidc`))[0]).toBe(404);
  });

  test('of strangers is limited, without a limit for the provider', async () => {
    const loginStartsPerNetwork = { name: 'login.start', max: 3, windowMs: 600_000 };
    const tight = await startConnectedApp({
      config: { limits: { ...defaultLimits, loginStartsPerNetwork } },
    });
    const url = `${tight.test.url}/login/logout/dev/oidc`;
    const good = () => tight.emulators.of('oidc').logoutTokenFor(clientOf('oidc'), { sub: 'x' });
    for (let count = 0; count < 5; count += 1) expect((await send(await good(), url))[0]).toBe(200);
    for (let count = 0; count < 3; count += 1) expect((await send('x', url))[0]).toBe(400);
    // Before any work: a good one has to wait as well, from where so many bad ones came.
    expect((await send(await good(), url))[0]).toBe(429);
    await tight.close();
  });
});
