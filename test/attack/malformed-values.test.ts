import { generateKeyPair, SignJWT } from 'jose';
import { expect, test } from 'vitest';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { ProviderService } from '../../gen/manam/v1/provider_service_pb.js';
import { createAssertionVerifier } from '../../src/adapters/client-assertions.ts';
import { createTokenVerifier } from '../../src/adapters/providers/id-token.ts';
import { defaultApplication } from '../../src/domain/application.ts';
import type { Client } from '../../src/domain/client.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { useTestApp } from '../support/app.ts';
import { failureOf, shapeOf } from '../support/errors.ts';
import { bearer, signUp } from '../support/journey.ts';
import { makeApplication } from '../support/openid.ts';

// Values that are well-formed where they are read, and that what comes behind cannot hold (R77).

const testApp = useTestApp();
const management = () => testApp().client(ManagementService, { 'x-api-key': testApp().dev.secret });

const x = 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU';
const ecKeys = [
  { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' },
  { kty: 'EC', crv: 'P-256', x, y: x },
  { kty: 'EC', crv: 'P-256', x },
  { kty: 'EC', crv: 'P-256', x: 3, y: 4 },
  { kty: 'EC', crv: 'P-256' },
  { kty: 'EC' },
  {},
];
const rsaKeys = [
  { kty: 'RSA', n: 'AA', e: 'AQAB' },
  { kty: 'RSA', n: 'AQAB', e: '' },
  { kty: 'RSA', n: 5, e: 6 },
  { kty: 'RSA' },
];
const answering = (key: object) => async () => Response.json({ keys: [{ ...key, kid: 'one' }] });

test('a key that cannot be read is no key of an application', async () => {
  for (const key of [...ecKeys, ...rsaKeys])
    await expect(
      makeApplication(testApp(), { authentication: 'private_key_jwt', jwks: { keys: [key] } }),
    ).rejects.toMatchObject({ reason: 'REQUEST_INVALID' });
});

test('an assertion whose key cannot be read is none, wherever the key is from', async () => {
  const { privateKey } = await generateKeyPair('ES256');
  const assertion = await new SignJWT({ jti: 'once' })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setIssuer('app')
    .setSubject('app')
    .setAudience('https://issuer')
    .setIssuedAt()
    .setExpirationTime('1m')
    .sign(privateKey);
  for (const [index, key] of ecKeys.entries()) {
    const jwksUri = `https://app.example/${index}`;
    for (const from of [{ jwks: { keys: [{ ...key, kid: 'one' }] } }, { jwks: { keys: [] }, jwksUri }]) {
      const settings = { ...defaultApplication('web'), authentication: 'private_key_jwt', ...from };
      const verify = createAssertionVerifier(answering(key), () => new Date());
      const client = { clientId: 'app', settings } as unknown as Client;
      expect(await verify(client, assertion, 'https://issuer')).toBeUndefined();
    }
  }
});

test('an ID token whose key cannot be read is none of the provider', async () => {
  const { privateKey } = await generateKeyPair('RS256');
  const issuer = 'https://idp.example';
  const token = await new SignJWT({ nonce: 'n' })
    .setProtectedHeader({ alg: 'RS256', kid: 'one' })
    .setIssuer(issuer)
    .setSubject('someone')
    .setAudience('us')
    .setIssuedAt()
    .setExpirationTime('1m')
    .sign(privateKey);
  for (const [index, key] of rsaKeys.entries()) {
    const rules = {
      preset: { algorithms: ['RS256'], issuersOf: () => [issuer] },
      metadata: { issuer, jwks_uri: `${issuer}/${index}` },
      fetch: answering(key),
      audiences: ['us'],
    } as unknown as Parameters<ReturnType<typeof createTokenVerifier>['verifyIdToken']>[1];
    await expect(createTokenVerifier(() => new Date()).verifyIdToken(token, rules)).rejects.toMatchObject({
      reason: 'PROVIDER_TOKEN_INVALID',
    });
  }
});

test.each([
  [253_402_300_799n, 999_999_999],
  [253_402_300_800n, 0],
  [8_640_000_000_001n, 0],
  [-62_135_596_801n, 0],
  [9_223_372_036_854_775_807n, 0],
  [0n, 1_000_000_000],
])('a time of %i seconds and %i nanoseconds is none', async (seconds, nanos) => {
  const time = { seconds, nanos };
  const calls = {
    expire_time: () => management().createKey({ kind: 'secret', name: 'x', expireTime: time }),
    created_from: () => management().listUsers({ createdFrom: time }),
    created_until: () => management().listUsers({ createdUntil: time }),
  };
  for (const [field, call] of Object.entries(calls))
    expect(await failureOf(call())).toMatchObject({
      reason: 'REQUEST_INVALID',
      fields: { [field]: 'FIELD_INVALID' },
    });
  const job = management().startUserJob({ action: 'disable', createdUntil: time });
  expect((await failureOf(job)).reason).toBe('REQUEST_INVALID');
});

test('the first and the last time of the calendar are times', async () => {
  const [first, last] = [
    { seconds: -62_135_596_800n, nanos: 0 },
    { seconds: 253_402_300_798n, nanos: 999_999_999 },
  ];
  expect((await management().listUsers({ createdFrom: first, createdUntil: last })).users).toBeDefined();
  expect((await management().listUsers({ createdFrom: last, createdUntil: first })).users).toEqual([]);
});

test('a length of time beyond ten thousand years is none', async () => {
  const rotate = management().rotateKey({ keyId: 'x', overlap: { seconds: 315_576_000_001n, nanos: 0 } });
  expect(await failureOf(rotate)).toMatchObject({
    reason: 'REQUEST_INVALID',
    fields: { overlap: 'FIELD_INVALID' },
  });
});

test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
  'no account is connected to the provider %s',
  async (provider) => {
    const { accessToken } = await signUp(testApp());
    const client = testApp().client(ProviderService, bearer(accessToken));
    const outcome = await client.unlinkProvider({ provider }).then(
      () => 'done',
      (error: unknown) => shapeOf(error).code,
    );
    expect(outcome).not.toBe('Internal');
    const rest = await fetch(`${testApp().url}/auth/providers/${provider}/unlink`, {
      method: 'POST',
      headers: { ...bearer(accessToken), apieco_key: testApp().dev.publishable },
    });
    expect(rest.status).toBeLessThan(500);
  },
);

test('a browser that is refused on its way in is told how to authenticate', async () => {
  for (const path of [
    '/googlelogin/xyz',
    '/login/github/xyz',
    '/manamlogin?client=xyz',
    '/googlelogin/callback?state=x',
  ]) {
    const response = await fetch(testApp().url + path, { redirect: 'manual' });
    expect([path, response.status]).toEqual([path, 401]);
    expect(response.headers.get('www-authenticate')).toMatch(/^\w+ /);
  }
});

test('the error for invalid settings repeats none of their values', async () => {
  const secret = 'TOPSECRET';
  const url = `ftp://user:${secret}@host/`;
  for (const settings of [
    { jwksUri: url },
    { homeUrl: url },
    { privacyUrl: url },
    { backchannelLogoutUri: url },
    { redirectUris: [url] },
    { origins: [url] },
    { kind: secret },
    { [`${secret} ${secret}`]: 1 },
  ]) {
    const refusal = await makeApplication(testApp(), settings).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(DomainError);
    const { violations } = (refusal as DomainError).details;
    expect(JSON.stringify(violations), JSON.stringify(settings)).not.toContain(secret);
  }
  for (const connection of [
    { kind: 'apple', teamId: secret, keyId: secret, clientId: 'x' },
    { kind: 'oidc', issuer: url, clientId: 'x' },
    { kind: secret },
  ]) {
    const answer = await fetch(`${testApp().url}/manage/connections/some`, {
      method: 'PUT',
      headers: { 'x-api-key': testApp().dev.secret, 'content-type': 'application/json' },
      body: JSON.stringify({ settings: connection }),
    });
    expect(answer.status).toBe(400);
    expect(await answer.text()).not.toContain(secret);
  }
});
