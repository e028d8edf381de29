import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { expect, test } from 'vitest';
import { createGuard } from '../../src/clients/guards.ts';
import {
  AccessTokenError,
  type ApiVerifierOptions,
  createAccessTokenVerifier,
  createApiTokenVerifier,
  type VerifierOptions,
} from '../../src/clients/verify.ts';
import { useTestApp } from '../support/app.ts';
import { signUp } from '../support/journey.ts';
import { basic, issuerAt, makeApplication, post, signInTo } from '../support/openid.ts';

// Tokens that applications bring to an API of the tenant.

const testApp = useTestApp();
const api = 'https://api.example.com';

const verifierOf = (more: object = {}) =>
  createApiTokenVerifier({
    issuer: issuerAt(testApp()),
    audience: api,
    jwksUrl: `${testApp().url}/t/dev/jwks`,
    ...more,
  });

async function machineToken(settings: object = {}, form: Record<string, string> = { resource: api }) {
  const application = await makeApplication(testApp(), {
    kind: 'machine',
    redirectUris: [],
    scopes: ['jobs.run', 'jobs.read'],
    resources: [api, 'https://other.example.com'],
    ...settings,
  });
  const grant = { grant_type: 'client_credentials', ...form };
  const { body } = await post(testApp(), 'token', grant, { headers: basic(application) });
  return { application, token: String(body['access_token']) };
}

test.each(['EdDSA', 'ES256', 'RS256'])(
  'the token of a program is verified, signed by %s',
  async (algorithm) => {
    const { application, token } = await machineToken({ algorithm }, { resource: api, scope: 'jobs.run' });
    expect(await verifierOf()(token)).toEqual({
      subject: application.clientId,
      clientId: application.clientId,
      scopes: ['jobs.run'],
      roles: [],
      issuedAt: expect.any(Date),
      expiresAt: expect.any(Date),
    });
  },
);

test('the token of a user says when they signed in', async () => {
  const application = await makeApplication(testApp(), { resources: [api] });
  const { tokens } = await signInTo(testApp(), application, { scope: 'openid roles', resource: api });
  const claims = await verifierOf()(tokens['access_token'] ?? '');
  expect(claims).toMatchObject({ clientId: application.clientId, scopes: ['openid', 'roles'] });
  expect(claims.authTime).toBeInstanceOf(Date);
});

test('tokens for another API, of another issuer, of a session and expired ones are refused', async () => {
  const { token } = await machineToken({}, { resource: 'https://other.example.com' });
  const own = (await machineToken()).token;
  const { accessToken } = await signUp(testApp());
  const verdictOf = async (verify: ReturnType<typeof verifierOf>, each: string) =>
    (await verify(each).catch((error: unknown) => error)) instanceof AccessTokenError;
  const later = { now: () => new Date(testApp().now().getTime() + 3_600_000) };
  expect(await verdictOf(verifierOf(), own)).toBe(false);
  expect(await verdictOf(verifierOf(), token)).toBe(true);
  expect(await verdictOf(verifierOf({ issuer: issuerAt(testApp(), 'manam') }), own)).toBe(true);
  expect(await verdictOf(verifierOf(), accessToken)).toBe(true);
  expect(await verdictOf(verifierOf(later), own)).toBe(true);
});

test('a token that is bound to a key is refused: nothing here asks for its proof', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const keys = createServer(async (_, response) =>
    response.end(JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256', kid: 'k' }] })),
  );
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve));
  const { port } = keys.address() as AddressInfo;
  const verify = verifierOf({ jwksUrl: `http://127.0.0.1:${port}/` });
  const sign = (more: object) =>
    new SignJWT({ client_id: 'a', scope: 'jobs.run', ...more })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k' })
      .setIssuer(issuerAt(testApp()))
      .setAudience(api)
      .setSubject('a')
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey);
  expect((await verify(await sign({}))).clientId).toBe('a');
  await expect(verify(await sign({ cnf: { jkt: 'x' } }))).rejects.toThrow(
    new AccessTokenError('the token is bound to a key'),
  );
  keys.close();
});

test('a guard asks for all of its scopes', async () => {
  const { token } = await machineToken({}, { resource: api, scope: 'jobs.run' });
  const request = { headers: { authorization: `Bearer ${token}` }, method: 'GET', url: '/' };
  const runs = createGuard(verifierOf(), { scopes: ['jobs.run'] });
  expect((await runs.check(request)).scopes).toEqual(['jobs.run']);
  const both = createGuard(verifierOf(), { scopes: ['jobs.run', 'jobs.read'] });
  const refusal = await both.check(request).catch((error: unknown) => error);
  expect(refusal).toMatchObject({
    status: 403,
    message: 'the token lacks the scope jobs.read',
    headers: { 'www-authenticate': 'Bearer error="insufficient_scope", scope="jobs.run jobs.read"' },
  });
});

test.each([
  [{ audience: '' }, 'audience is missing'],
  [{ audience: undefined }, 'audience is missing'],
  [{ issuer: '' }, 'issuer must be a URL'],
  [{ issuer: 'id.example.com' }, 'issuer must be a URL'],
])('a verifier that would take what is for others is not made: %j', (options, message) => {
  const all = { issuer: 'https://id.example.com/t/acme', audience: api, ...options };
  expect(() => createApiTokenVerifier(all as ApiVerifierOptions)).toThrow(message);
});

test.each(['', undefined])('a verifier is not made for the tenant %j', (tenantId) => {
  const options = { issuer: 'https://id.example.com', tenantId } as VerifierOptions;
  expect(() => createAccessTokenVerifier(options)).toThrow('tenantId is missing: the id of the tenant');
});
