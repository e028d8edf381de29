import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { exportJWK, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { loadKeyRing } from '../../src/adapters/key-ring.ts';
import { openVault } from '../../src/adapters/keys.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import { masterKeys, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { bearer, type SignedIn, signUp } from '../support/journey.ts';

const testApp = useTestApp();
const refused = failure('Unauthenticated', 'TOKEN_INVALID');

type Parts = { header: Record<string, unknown>; payload: JWTPayload };
let user: SignedIn;
let genuine: Parts;
/** Signs with the server's own key: what only a defect of this service could make. */
let sign: (parts: { header?: object; payload?: object }) => Promise<string>;

const decode = (part: string | undefined) => JSON.parse(Buffer.from(part ?? '', 'base64url').toString());
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

beforeAll(async () => {
  const { app } = testApp();
  user = await signUp(testApp());
  const [header, payload] = user.accessToken.split('.');
  genuine = { header: decode(header), payload: decode(payload) };
  const { keys } = app.store;
  const clock = () => new Date();
  const vault = await openVault({ keys, masterKeys, random: systemRandom, clock });
  const { key } = (await loadKeyRing(keys, vault, clock)).signer();
  sign = (parts) =>
    new SignJWT({ ...genuine.payload, ...parts.payload })
      .setProtectedHeader({ ...genuine.header, alg: 'EdDSA', ...parts.header })
      .sign(key);
});

const view = (token: string) => testApp().client(ProfileService, bearer(token)).viewUser({});
const nowS = () => Math.floor(testApp().now().getTime() / 1000);

test('an access token holds the claims of R11 and nothing else', () => {
  expect(Object.keys(genuine.payload).sort()).toEqual(
    ['amr', 'aud', 'auth_time', 'exp', 'iat', 'iss', 'jti', 'sid', 'sub', 'tid'].sort(),
  );
  expect(genuine.header).toEqual({ alg: 'EdDSA', kid: expect.any(String), typ: 'at+jwt' });
  expect(Number(genuine.payload.exp) - Number(genuine.payload.iat)).toBe(600);
});

test('a token that is signed again unchanged passes, so that the forgeries below fail for their own reason', async () => {
  expect((await view(await sign({}))).user?.userId).toBe(user.userId);
});

const forgeries: Record<string, () => Promise<string> | string> = {
  'alg none': () => new UnsecuredJWT(genuine.payload).encode(),
  'alg none in other letters': () =>
    `${encode({ ...genuine.header, alg: 'NONE' })}.${encode(genuine.payload)}.`,
  'an empty signature': () => `${user.accessToken.split('.').slice(0, 2).join('.')}.`,
  'a changed payload': () => {
    const [header, , signature] = user.accessToken.split('.');
    return `${header}.${encode({ ...genuine.payload, sub: randomUUID() })}.${signature}`;
  },
  'HS256 with the public key as secret': async () => {
    const { keys } = (await (await fetch(`${testApp().url}/.well-known/jwks.json`)).json()) as {
      keys: { x: string }[];
    };
    const input = `${encode({ ...genuine.header, alg: 'HS256' })}.${encode(genuine.payload)}`;
    const mac = createHmac('sha256', Buffer.from(keys[0]?.x ?? '', 'base64url'))
      .update(input)
      .digest('base64url');
    return `${input}.${mac}`;
  },
  'a key of its own under our kid': () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    return new SignJWT(genuine.payload)
      .setProtectedHeader({ alg: 'EdDSA', kid: String(genuine.header['kid']), typ: 'at+jwt' })
      .sign(privateKey);
  },
  'a key of its own in the header': async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    return new SignJWT(genuine.payload)
      .setProtectedHeader({ alg: 'EdDSA', kid: 'mine', typ: 'at+jwt', jwk: await exportJWK(publicKey) })
      .sign(privateKey);
  },
  'an unknown kid': () => sign({ header: { kid: randomUUID() } }),
  'no kid': () => sign({ header: { kid: undefined } }),
  'typ JWT': () => sign({ header: { typ: 'JWT' } }),
  'the typ of the other kind of session': () => sign({ header: { typ: 'setup+jwt' } }),
  'the typ of a pending sign-in': () => sign({ header: { typ: 'mfa+jwt' } }),
  'an unknown critical header': () =>
    `${encode({ ...genuine.header, crit: ['x'], x: 1 })}.${user.accessToken.split('.').slice(1).join('.')}`,
  'another issuer': () => sign({ payload: { iss: 'https://evil.test' } }),
  'another audience': () => sign({ payload: { aud: randomUUID() } }),
  'a list of audiences': () => sign({ payload: { aud: [genuine.payload.aud, 'x'] } }),
  'no expiry': () => sign({ payload: { exp: undefined } }),
  'an expiry beyond all bounds': () => sign({ payload: { exp: 1e308 } }),
  'a life of more than ten minutes': () => sign({ payload: { exp: nowS() + 3600, iat: nowS() } }),
  'an expiry in the past': () => sign({ payload: { exp: nowS() - 31, iat: nowS() - 600 } }),
  'no subject': () => sign({ payload: { sub: undefined } }),
  'another subject': () => sign({ payload: { sub: randomUUID() } }),
  'another session': () => sign({ payload: { sid: randomUUID() } }),
  'a session that is no id': () => sign({ payload: { sid: "' OR 1=1 --" } }),
  'another tenant': () => sign({ payload: { tid: randomUUID() } }),
  'no session': () => sign({ payload: { sid: undefined } }),
  'a refresh token': () => user.refreshToken,
  'no token at all': () => 'x',
  'a very long token': () => 'a'.repeat(6000),
  'three dots': () => '...',
};

for (const [what, forge] of Object.entries(forgeries)) {
  test(`a token with ${what} is rejected`, async () => {
    expect(await failureOf(view(await forge()))).toEqual(refused);
  });
}

for (const value of ['Bearer', 'Bearer  ', 'Basic eDp5', 'Bearer a b', 'token', 'Bearer ü']) {
  test(`the header 'authorization: ${value}' is rejected and breaks nothing`, async () => {
    const header = encodeURIComponent(value) === value ? value : value.normalize();
    const call = testApp().client(ProfileService, { authorization: header }).viewUser({});
    expect(await failureOf(call)).toEqual(refused);
  });
}

test('a token of one tenant does not pass with the key of another', async () => {
  const { client, manam, dev } = testApp();
  const call = (key: string) =>
    client(ProfileService, { ...bearer(user.accessToken), apieco_key: key }).viewUser({});
  expect(await failureOf(call(manam.publishable))).toEqual(refused);
  expect(await failureOf(call(manam.secret))).toEqual(refused);
  expect((await call(dev.publishable)).user?.userId).toBe(user.userId);
});

test('a token expires after ten minutes and the leeway', async () => {
  const { advance } = testApp();
  const { accessToken } = await signUp(testApp());
  advance(620_000);
  await view(accessToken);
  advance(12_000);
  expect(await failureOf(view(accessToken))).toEqual(refused);
});

test('a disabled user is out at their next call', async () => {
  const { sql } = testApp();
  const { accessToken, email } = await signUp(testApp());
  await view(accessToken);
  await sql(
    "UPDATE users JOIN identifiers ON identifiers.user_id = users.id SET users.status = 'disabled' WHERE canonical = ?",
    [email],
  );
  expect(await failureOf(view(accessToken))).toEqual(refused);
});

test('rejects a revoked key and a suspended tenant within seconds', async () => {
  const { client, createKey, sql, catchUp } = testApp();
  const key = await createKey('publishable', []);
  const login = () =>
    failureOf(client(AuthService, { apieco_key: key }).login({ email: 'a@example.com', password: 'x' }));
  expect(await login()).toEqual(failure('Unauthenticated', 'CREDENTIALS_INVALID'));
  await sql('UPDATE api_keys SET revoked_at = NOW(3) WHERE digest = UNHEX(SHA2(?, 256))', [key]);
  await catchUp();
  expect(await login()).toEqual(failure('Unauthenticated', 'KEY_INVALID'));
});
