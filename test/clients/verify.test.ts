import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { AccessTokenError, createAccessTokenVerifier } from '../../src/clients/verify.ts';
import { password, useTestApp } from '../support/app.ts';
import { thrownBy } from '../support/errors.ts';
import { enrolTotp, signUp } from '../support/journey.ts';

const testApp = useTestApp();
/** The issuer of an app that listens on whatever port is free. */
const issuer = 'http://127.0.0.1:0';
const tenantIdOf = async (slug = 'dev') => (await testApp().app.store.tenants.findBySlug(slug))?.id ?? '';

async function verifier(
  options: { tenantId?: string; issuer?: string; jwksUrl?: string; now?: () => Date } = {},
) {
  const { url } = testApp();
  return createAccessTokenVerifier({
    issuer,
    tenantId: await tenantIdOf(),
    jwksUrl: `${url}/.well-known/jwks.json`,
    ...options,
  });
}

test('verifies an access token without a call and returns its subject', async () => {
  const { accessToken, userId } = await signUp(testApp());
  const verify = await verifier();
  const claims = await verify(accessToken);
  expect(claims).toEqual({
    userId,
    tenantId: await tenantIdOf(),
    sessionId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    methods: ['pwd'],
    authTime: expect.any(Date),
    issuedAt: expect.any(Date),
    expiresAt: new Date(claims.issuedAt.getTime() + 600_000),
  });
});

test('a token of another tenant, another issuer, another kind or another time is rejected', async () => {
  const { accessToken, refreshToken } = await signUp(testApp());
  const [header = '', payload = '', signature = ''] = accessToken.split('.');
  const unsigned = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload}.`;
  const changed = Buffer.from(payload, 'base64url').toString().replace('"sub":"', '"sub":"x');
  const refusals: [what: string, verify: (token: string) => Promise<unknown>, token: string][] = [
    ['another tenant', await verifier({ tenantId: await tenantIdOf('manam') }), accessToken],
    ['another issuer', await verifier({ issuer: 'https://evil.example' }), accessToken],
    ['later', await verifier({ now: () => new Date(Date.now() + 631_000) }), accessToken],
    ['a refresh token', await verifier(), refreshToken],
    ['no token', await verifier(), 'x'],
    ['a token that waits for its second factor', await verifier(), await pendingToken()],
    ['no signature', await verifier(), unsigned],
    ['changed', await verifier(), `${header}.${Buffer.from(changed).toString('base64url')}.${signature}`],
  ];
  for (const [what, verify, token] of refusals)
    expect(await thrownBy(verify(token)), what).toBeInstanceOf(AccessTokenError);
});

/** A token of the same issuer, key and user, and of another kind. */
async function pendingToken(): Promise<string> {
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  const { twoFactor } = await testApp().client(AuthService).login({ email: user.email, password });
  return twoFactor?.twoFactorToken ?? '';
}

test('keys that cannot be had are an outage and no verdict on the token', async () => {
  const { accessToken } = await signUp(testApp());
  const broken = createServer((_, response) => response.writeHead(503).end()).listen(0, '127.0.0.1');
  await once(broken, 'listening');
  const { port } = broken.address() as AddressInfo;
  for (const jwksUrl of [`http://127.0.0.1:${port}/keys`, 'http://127.0.0.1:9/keys']) {
    const verify = await verifier({ jwksUrl });
    expect(await thrownBy(verify(accessToken)), jwksUrl).not.toBeInstanceOf(AccessTokenError);
  }
  broken.close();
});
