import { setTimeout as pause } from 'node:timers/promises';
import { exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProviderService } from '../../gen/manam/v1/provider_service_pb.js';
import { defaultSettings } from '../../src/domain/connection.ts';
import { startTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { type FederatedApp, makePkce, redirectUri, visit } from '../support/federation.ts';
import { bearer, signUp } from '../support/journey.ts';
import { clientOf, comeBack, connect, freshUser, signInAt, startConnectedApp } from '../support/providers.ts';

// Whatever someone sends in a provider's name, or brings back from another one, opens nothing.

const openId = ['oidc', 'apple', 'microsoft'] as const;
let app: FederatedApp;
beforeAll(async () => {
  app = await startConnectedApp();
});
afterAll(() => app.close());
beforeEach(() => {
  for (const kind of openId) app.emulators.of(kind).beHonest();
});

const providers = (headers?: Record<string, string>) => app.test.client(ProviderService, headers);
const nowS = () => Math.floor(app.test.now().getTime() / 1000);
const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

const tampered: [what: string, tamper: (claims: JWTPayload) => JWTPayload][] = [
  ['of another issuer', (claims) => ({ ...claims, iss: 'https://evil.example' })],
  [
    'of an issuer that begins like the right one',
    (claims) => ({ ...claims, iss: `${claims.iss}.evil.example` }),
  ],
  ['for another client', (claims) => ({ ...claims, aud: 'client-9', azp: 'client-9' })],
  ['for two clients', (claims) => ({ ...claims, aud: [String(claims.aud), 'client-9'] })],
  ['that another client asked for', (claims) => ({ ...claims, azp: 'client-9' })],
  ['that has expired', (claims) => ({ ...claims, exp: nowS() - 60 })],
  ['that is old', (claims) => ({ ...claims, iat: nowS() - 7200 })],
  ['of the future', (claims) => ({ ...claims, iat: nowS() + 600 })],
  ['with another nonce', (claims) => ({ ...claims, nonce: 'x'.repeat(43) })],
  ['without a nonce', ({ nonce: _, ...claims }) => claims],
  ['without a subject', ({ sub: _, ...claims }) => claims],
  ['with a subject that is too long', (claims) => ({ ...claims, sub: 'x'.repeat(256) })],
  ['with a subject that is no text', (claims) => ({ ...claims, sub: 7 as never })],
  ['without an expiry', ({ exp: _, ...claims }) => claims],
];
const forged: [what: string, forge: NonNullable<FederatedApp['google']['forge']>][] = [
  ['that is not signed', async (claims, { kid }) => `${base64({ alg: 'none', kid })}.${base64(claims)}.`],
  [
    'that the public key was the secret of',
    async (claims, { kid, publicKey }) =>
      await new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', kid })
        .sign(new TextEncoder().encode(await exportSPKI(publicKey))),
  ],
  [
    'of another key under a name that is published',
    async (claims, { kid }) => {
      const { privateKey } = await generateKeyPair('RS256');
      return await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid }).sign(privateKey);
    },
  ],
];
describe.each(openId)('of %s', (kind) => {
  test.each(tampered)('a token %s opens nothing', async (_, tamper) => {
    app.emulators.of(kind).tamper = tamper;
    const { status, json } = await signInAt(app, kind, freshUser());
    expect([status, json['reason']]).toEqual([401, 'PROVIDER_TOKEN_INVALID']);
  });

  test.each(forged)('a token %s opens nothing', async (_, forge) => {
    app.emulators.of(kind).forge = forge;
    const { status, json } = await signInAt(app, kind, freshUser());
    expect([status, json['reason']]).toEqual([401, 'PROVIDER_TOKEN_INVALID']);
  });

  test.each([...tampered.filter(([what]) => what !== 'with another nonce')])(
    'a token of an app %s opens nothing',
    async (_, tamper) => {
      const { nonce } = await providers().startProviderLogin({ provider: kind, native: true });
      app.emulators.of(kind).tamper = tamper;
      const idToken = await app.emulators.of(kind).idTokenFor(freshUser(), clientOf(kind), nonce);
      expect(await failureOf(providers().loginWithProviderToken({ provider: kind, idToken }))).toEqual(
        failure('Unauthenticated', 'PROVIDER_TOKEN_INVALID'),
      );
    },
  );
});

test('a directory of Microsoft speaks for no other one', async () => {
  await connect(app, 'microsoft', { issuer: 'https://login.microsoftonline.com/common/v2.0' }, 'shared');
  const other = '99999999-2222-3333-4444-555555555555';
  app.emulators.of('microsoft').tamper = (claims) => ({ ...claims, tid: other });
  // The issuer of one directory, and the id of another.
  for (const name of ['microsoft', 'shared'])
    expect((await signInAt(app, 'microsoft', freshUser(), name)).json['reason']).toBe(
      'PROVIDER_TOKEN_INVALID',
    );
  app.emulators.of('microsoft').tamper = (claims) => ({
    ...claims,
    tid: other,
    iss: `https://login.microsoftonline.com/${other}/v2.0`,
  });
  expect((await signInAt(app, 'microsoft', freshUser())).json['reason']).toBe('PROVIDER_TOKEN_INVALID');
  // Any directory may come where all may, but its word for an address is no proof.
  expect((await signInAt(app, 'microsoft', freshUser(), 'shared')).json['reason']).toBe(
    'PROVIDER_ADDRESS_UNPROVED',
  );
});

test('an answer of one provider is taken at the address of no other (mix-up)', async () => {
  const begun = await visit(`${app.test.url}/login/oidc/${app.test.dev.publishable}`);
  const back = await app.emulators.of('oidc').approve(begun.location, freshUser());
  for (const path of ['/login/callback/dev/github', '/login/callback/manam/oidc', '/googlelogin/callback']) {
    const elsewhere = new URL(back);
    elsewhere.pathname = path;
    expect((await visit(elsewhere.href)).json, path).toMatchObject({ reason: 'LOGIN_STATE_INVALID' });
  }
  expect((await visit(back)).status).toBe(200);
});

test('an answer that names another issuer, or none where there has to be one, opens nothing (RFC 9207)', async () => {
  for (const change of [
    (parameters: URLSearchParams) => parameters.set('iss', 'https://evil.example'),
    (parameters: URLSearchParams) => parameters.delete('iss'),
  ]) {
    const { location } = await visit(`${app.test.url}/login/oidc/${app.test.dev.publishable}`);
    const { json } = await comeBack(app, 'oidc', location, freshUser(), change);
    expect(json).toMatchObject({ reason: 'PROVIDER_TOKEN_INVALID' });
  }
});

test('parameters that come twice count as none', async () => {
  const { location } = await visit(`${app.test.url}/login/oidc/${app.test.dev.publishable}`);
  const twice = (parameters: URLSearchParams) => parameters.append('state', 'x');
  expect((await comeBack(app, 'oidc', location, freshUser(), twice)).json).toMatchObject({
    reason: 'LOGIN_STATE_INVALID',
  });
});

test('a form is bounded, and its name is a name and nothing else', async () => {
  const { location } = await visit(`${app.test.url}/login/apple/${app.test.dev.publishable}`);
  const large = (parameters: URLSearchParams) => parameters.set('user', 'x'.repeat(20_000));
  expect((await comeBack(app, 'apple', location, freshUser(), large)).status).toBe(413);
  const { location: again } = await visit(`${app.test.url}/login/apple/${app.test.dev.publishable}`);
  const user = freshUser();
  const claimed = JSON.stringify({
    name: { firstName: '<b>Eve', lastName: { x: 1 } },
    email: 'victim@example.com',
    sub: 'x',
    email_verified: true,
  });
  const { json } = await comeBack(app, 'apple', again, user, (parameters) => parameters.set('user', claimed));
  expect(json).toMatchObject({ email: user.email, fullname: 'bEve' });
});

const issuers: [issuer: string, fault: string][] = [
  ['http://169.254.169.254/latest', 'ADDRESS_DENIED'],
  ['http://127.0.0.1:1/x', 'ADDRESS_DENIED'],
  ['https://127.0.0.1/x', 'ADDRESS_DENIED'],
  ['https://localhost/x', 'ADDRESS_DENIED'],
  ['https://[::1]/x', 'ADDRESS_DENIED'],
  ['https://10.0.0.1', 'ADDRESS_DENIED'],
  ['http://example.com', 'URL_DENIED'],
];
test('an issuer at an address that is not public is asked nothing', async () => {
  // In development this machine may be asked, because the tenant manam of the service is there.
  const closed = await startTestApp({ config: { production: true } });
  const tenant = await closed.app.store.tenants.findBySlug('dev');
  for (const [index, [issuer, fault]] of issuers.entries()) {
    const now = closed.now();
    const name = `inner-${index}`;
    const settings = { ...defaultSettings, clientId: 'x', issuer };
    const row = { tenantId: tenant?.id ?? '', name, settings, createdAt: now, updatedAt: now };
    await closed.app.store.connections.save(row);
    const started = closed.client(ProviderService).startProviderLogin({ provider: name });
    expect(await failureOf(started), issuer).toMatchObject({ code: 'Unavailable', reason: 'UNAVAILABLE' });
    const [line = ''] = closed.logLines.filter((each) => each.includes(`"provider":"${name}"`));
    expect(line, issuer).toContain(fault);
  }
  await closed.close();
}, 60_000);

test('metadata that name another issuer, or that redirect, are not taken', async () => {
  const { createServer } = await import('node:http');
  const server = createServer((request, response) => {
    const issuer = `http://${request.headers.host}/moved`;
    if (request.url?.startsWith('/moved')) return response.writeHead(302, { location: '/there' }).end();
    if (request.url === '/there')
      return response.end(JSON.stringify({ issuer, authorization_endpoint: issuer }));
    return response
      .setHeader('content-type', 'application/json')
      .end(
        JSON.stringify({ issuer: 'https://another.example', authorization_endpoint: 'https://a.example/' }),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  for (const name of ['other', 'moved']) {
    await connect(app, 'oidc', { issuer: `http://127.0.0.1:${port}/${name}` }, name);
    expect(await failureOf(providers().startProviderLogin({ provider: name }))).toMatchObject({
      code: 'Unavailable',
      reason: 'UNAVAILABLE',
    });
  }
  server.close();
});

test('a code of a link opens no session, and a code of a sign-in links nothing', async () => {
  const mine = await signUp(app.test);
  const own = providers(bearer(mine.accessToken));
  const refused = failure('Unauthenticated', 'CODE_INVALID');
  const codeOf = async (location: string) => new URL(location).searchParams.get('code') ?? '';
  const { codeVerifier, codeChallenge } = makePkce();
  const link = await own.startProviderLink({ provider: 'oidc', redirectUri, codeChallenge });
  const linked = await comeBack(app, 'oidc', link.authorizationUrl, freshUser());
  const code = await codeOf(linked.location);
  expect(await failureOf(app.test.client(AuthService).redeemLoginCode({ code, codeVerifier }))).toEqual(
    refused,
  );
  expect(await failureOf(own.finishProviderLink({ provider: 'github', code, codeVerifier }))).toEqual(
    refused,
  );
  const login = await providers().startProviderLogin({ provider: 'oidc', redirectUri, codeChallenge });
  const signedIn = await comeBack(app, 'oidc', login.authorizationUrl, freshUser());
  const other = await codeOf(signedIn.location);
  expect(await failureOf(own.finishProviderLink({ provider: 'oidc', code: other, codeVerifier }))).toEqual(
    refused,
  );
  await own.finishProviderLink({ provider: 'oidc', code, codeVerifier });
});

test('an error of the provider that the person did not choose is told to the operator', async () => {
  const { location } = await visit(`${app.test.url}/login/oidc/${app.test.dev.publishable}`);
  const { json } = await comeBack(app, 'oidc', location, freshUser(), (parameters) => {
    parameters.delete('code');
    parameters.set('error', 'invalid_scope');
  });
  expect(json).toMatchObject({ reason: 'UNAVAILABLE' });
  expect(app.test.logLines.join('')).toContain('invalid_scope');
});

test('a provider that is slow fails alone', async () => {
  app.emulators.of('oidc').faults.token = 'slow';
  const slow = signInAt(app, 'oidc', freshUser());
  await pause(100);
  expect((await signInAt(app, 'apple', freshUser())).status).toBe(200);
  expect((await slow).json).toMatchObject({ reason: 'UNAVAILABLE' });
}, 30_000);
