import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ProviderService } from '../../gen/manam/v1/provider_service_pb.js';
import { failure, failureOf } from '../support/errors.ts';
import { type FederatedApp, makePkce, redirectUri } from '../support/federation.ts';
import { bearer, signUp } from '../support/journey.ts';
import { protocols } from '../support/protocols.ts';
import { clientOf, comeBack, freshUser, startConnectedApp } from '../support/providers.ts';

// The whole of a connection, over every protocol.

let app: FederatedApp;
beforeAll(async () => {
  app = await startConnectedApp();
});
afterAll(() => app.close());

describe.each(protocols)('over $name', (protocol) => {
  const client = (headers: Record<string, string> = {}) =>
    protocol.connect(ProviderService, app.test.url, { 'x-api-key': app.test.dev.publishable, ...headers });

  test('providers are listed, an app signs in, and a user connects and disconnects', async () => {
    const listed = await client().listProviders({});
    expect(listed.providers.map(({ name }) => name)).toContain('github');
    const user = freshUser();
    const { nonce } = await client().startProviderLogin({ provider: 'oidc', native: true });
    const idToken = await app.emulators.of('oidc').idTokenFor(user, clientOf('oidc'), nonce);
    const { account } = await client().loginWithProviderToken({ provider: 'oidc', idToken });
    expect(account?.email).toBe(user.email);

    const mine = await signUp(app.test);
    const own = client(bearer(mine.accessToken));
    const { codeVerifier, codeChallenge } = makePkce();
    const started = await own.startProviderLink({ provider: 'github', redirectUri, codeChallenge });
    const { location } = await comeBack(app, 'github', started.authorizationUrl, freshUser());
    const code = new URL(location).searchParams.get('code') ?? '';
    await own.finishProviderLink({ provider: 'github', code, codeVerifier });
    expect((await own.listLinkedProviders({})).linked.map(({ provider }) => provider)).toEqual(['github']);
    await own.unlinkProvider({ provider: 'github' });
    expect(await failureOf(own.unlinkProvider({ provider: 'github' }))).toEqual(
      failure('NotFound', 'NOT_FOUND'),
    );
    expect(await failureOf(client().startProviderLogin({ provider: 'unknown' }))).toEqual(
      failure('FailedPrecondition', 'PROVIDER_DISABLED'),
    );
  });
});

test('over REST', async () => {
  const headers = { 'x-api-key': app.test.dev.publishable, 'content-type': 'application/json' };
  const call = async (method: string, path: string, body?: object, more: Record<string, string> = {}) => {
    const response = await fetch(`${app.test.url}${path}`, {
      method,
      headers: { ...headers, ...more },
      ...(body && { body: JSON.stringify(body) }),
    });
    return [response.status, await response.json()] as [number, Record<string, never>];
  };
  const [status, listed] = await call('GET', '/auth/providers');
  expect([status, listed]).toMatchObject([200, { status: 'success', providers: expect.any(Array) }]);
  const [, { nonce }] = await call('POST', '/auth/providers/oidc/start', { native: true });
  const idToken = await app.emulators.of('oidc').idTokenFor(freshUser(), clientOf('oidc'), String(nonce));
  const signedIn = await call('POST', '/auth/providers/oidc/token', { id_token: idToken });
  expect(signedIn).toMatchObject([200, { access_token: expect.stringMatching(/^eyJ/), status: 'success' }]);
  const mine = await signUp(app.test);
  const linked = await call('GET', '/auth/providers/linked', undefined, bearer(mine.accessToken));
  expect(linked).toMatchObject([200, { linked: [] }]);
  const wrong = await call('POST', '/auth/providers/oidc/start', { redirect_uri: 'https://evil.example' });
  expect(wrong).toMatchObject([400, { reason: 'REQUEST_INVALID' }]);
  expect(await call('POST', '/auth/providers/oidc/unlink', {}, bearer(mine.accessToken))).toMatchObject([
    404,
    { reason: 'NOT_FOUND' },
  ]);
});
