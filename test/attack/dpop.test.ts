import { createHash, randomUUID } from 'node:crypto';
import {
  calculateJwkThumbprint,
  exportJWK,
  type GenerateKeyPairResult,
  generateKeyPair,
  SignJWT,
} from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { password, startTestApp, type TestApp, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { bearer, enrolTotp, signUp } from '../support/journey.ts';
import { protocols } from '../support/protocols.ts';

// RFC 9449: the checks of section 4.3, and what binding keeps from a thief.

const testApp = useTestApp();
let sibling: TestApp;
let key: GenerateKeyPairResult;
let other: GenerateKeyPairResult;

beforeAll(async () => {
  sibling = await startTestApp({ sibling: testApp() });
  key = await generateKeyPair('ES256', { extractable: true });
  other = await generateKeyPair('ES256', { extractable: true });
});
afterAll(() => sibling.close());

const refusal = failure('Unauthenticated', 'DPOP_PROOF_INVALID');
const tokenRefusal = failure('Unauthenticated', 'TOKEN_INVALID');
const origin = 'http://localhost:0';

type Claims = Record<string, unknown>;

/** A proof for an RPC, with what is changed about it. */
async function prove(
  procedure: string,
  changes: { claims?: Claims; header?: Claims; by?: GenerateKeyPairResult; token?: string } = {},
): Promise<string> {
  const { by = key, token } = changes;
  const claims = {
    jti: randomUUID(),
    htm: 'POST',
    htu: `${origin}${procedure}`,
    iat: Math.floor(testApp().now().getTime() / 1000),
    ...(token !== undefined && { ath: createHash('sha256').update(token).digest('base64url') }),
    ...changes.claims,
  };
  const header = {
    alg: 'ES256',
    typ: 'dpop+jwt',
    jwk: await exportJWK(by.publicKey),
    ...changes.header,
  };
  return await new SignJWT(claims).setProtectedHeader(header as never).sign(by.privateKey);
}

const login = '/manam.v1.AuthService/Login';
const refresh = '/manam.v1.AuthService/RefreshToken';
const sessions = '/manam.v1.AuthService/ListSessions';
const edit = '/manam.v1.ProfileService/EditUser';

const keyHeader = () => ({ apieco_key: testApp().dev.publishable });
const auth = (headers: Record<string, string> = {}, app = testApp()) =>
  app.client(AuthService, { ...keyHeader(), ...headers });

/** Signs in with a proof: both tokens are bound. */
async function signInBound(email: string) {
  const answer = await auth({ dpop: await prove(login) }).login({ email, password });
  return { token: answer.tokens?.accessToken ?? '', refreshToken: answer.tokens?.refreshToken ?? '', answer };
}

/** The headers of a call with a bound token. */
async function bound(procedure: string, token: string, changes: Parameters<typeof prove>[1] = {}) {
  return { authorization: `DPoP ${token}`, dpop: await prove(procedure, { token, ...changes }) };
}

test('a proof at the sign-in binds both tokens', async () => {
  const { email } = await signUp(testApp());
  const { token, refreshToken, answer } = await signInBound(email);
  expect(answer.tokens?.tokenType).toBe('DPoP');
  const { cnf } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  const jkt = await calculateJwkThumbprint(await exportJWK(key.publicKey));
  expect(cnf).toEqual({ jkt });
  expect((await auth(await bound(sessions, token)).listSessions({})).sessions.length).toBe(2);
  const secret = testApp().client(AuthService, { apieco_key: testApp().dev.secret });
  for (const each of [token, refreshToken])
    expect((await secret.introspectToken({ token: each })).cnf).toMatchObject({ jkt });
  const renewed = await auth({ dpop: await prove(refresh) }).refreshToken({ refreshToken });
  expect(renewed.tokens?.tokenType).toBe('DPoP');
});

test('without a proof nothing is bound', async () => {
  const user = await signUp(testApp());
  const { tokens } = await auth().login({ email: user.email, password });
  expect(tokens?.tokenType).toBe('Bearer');
  const asDpop = { authorization: `DPoP ${user.accessToken}`, dpop: await prove(sessions) };
  expect(await failureOf(auth(asDpop).listSessions({}))).toEqual(tokenRefusal);
  // A proof that binds nothing is not looked at.
  expect(await auth({ ...bearer(user.accessToken), dpop: 'x' }).listSessions({})).toBeDefined();
});

test('a bound token is refused as a bearer’s, and without its proof', async () => {
  const { token } = await signInBound((await signUp(testApp())).email);
  expect(await failureOf(auth(bearer(token)).listSessions({}))).toEqual(tokenRefusal);
  const both = { authorization: `Bearer ${token}`, dpop: await prove(sessions, { token }) };
  expect(await failureOf(auth(both).listSessions({}))).toEqual(tokenRefusal);
  expect(await failureOf(auth({ authorization: `DPoP ${token}` }).listSessions({}))).toEqual(refusal);
});

describe('the checks of a proof', () => {
  let token = '';
  beforeAll(async () => {
    token = (await signInBound((await signUp(testApp())).email)).token;
  });
  const now = () => Math.floor(testApp().now().getTime() / 1000);

  /** What is wrong with a proof of a call at that path by that method. */
  const wrong: Record<string, (at: string, htm: string) => Promise<string>> = {
    'no JWT': async () => 'nonsense',
    'two proofs in one header': async (at, htm) =>
      `${await prove(at, { token, claims: { htm } })}, ${await prove(at, { token, claims: { htm } })}`,
    'a signature in another spelling': async (at, htm) => `${await prove(at, { token, claims: { htm } })}=`,
    'no jti': (at, htm) => prove(at, { token, claims: { htm, jti: undefined } }),
    'an empty jti': (at, htm) => prove(at, { token, claims: { htm, jti: '' } }),
    'a jti without end': (at, htm) => prove(at, { token, claims: { htm, jti: 'x'.repeat(300) } }),
    'no htm': (at) => prove(at, { token, claims: { htm: undefined } }),
    'no htu': (at, htm) => prove(at, { token, claims: { htm, htu: undefined } }),
    'no iat': (at, htm) => prove(at, { token, claims: { htm, iat: undefined } }),
    'no ath': (at, htm) => prove(at, { claims: { htm } }),
    'another typ': (at, htm) => prove(at, { token, claims: { htm }, header: { typ: 'JWT' } }),
    'no typ': (at, htm) => prove(at, { token, claims: { htm }, header: { typ: undefined } }),
    'alg none': async (at, htm) => {
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const head = { alg: 'none', typ: 'dpop+jwt', jwk: await exportJWK(key.publicKey) };
      const claims = { jti: randomUUID(), htm, htu: `${origin}${at}`, iat: now() };
      return `${part(head)}.${part(claims)}.`;
    },
    'a symmetric alg': async (at, htm) => {
      const secret = Buffer.alloc(32, 1);
      const jwk = { kty: 'oct', k: secret.toString('base64url') };
      return await new SignJWT({ jti: randomUUID(), htm, htu: `${origin}${at}`, iat: now() })
        .setProtectedHeader({ alg: 'HS256', typ: 'dpop+jwt', jwk } as never)
        .sign(secret);
    },
    'no jwk': (at, htm) => prove(at, { token, claims: { htm }, header: { jwk: undefined } }),
    'a jwk with its private part': async (at, htm) =>
      prove(at, { token, claims: { htm }, header: { jwk: await exportJWK(key.privateKey) } }),
    'a signature of another key': async (at, htm) =>
      prove(at, { token, claims: { htm }, by: other, header: { jwk: await exportJWK(key.publicKey) } }),
    'the key of someone else': (at, htm) => prove(at, { token, claims: { htm }, by: other }),
    'another method': (at) => prove(at, { token, claims: { htm: 'PUT' } }),
    'another path': (_, htm) => prove(edit, { token, claims: { htm } }),
    'another origin': (at, htm) => prove(at, { token, claims: { htm, htu: `https://evil.example${at}` } }),
    'no URL': (at, htm) => prove(at, { token, claims: { htm, htu: at } }),
    'too old': (at, htm) => prove(at, { token, claims: { htm, iat: now() - 40 } }),
    'from the future': (at, htm) => prove(at, { token, claims: { htm, iat: now() + 40 } }),
    'the ath of another token': (at, htm) => prove(at, { token: `${token}x`, claims: { htm } }),
    'far too long': (at, htm) => prove(at, { token, claims: { htm, more: 'x'.repeat(5000) } }),
  };
  for (const [what, make] of Object.entries(wrong)) {
    test(`refuse ${what}, over every protocol`, async () => {
      const { url } = testApp();
      for (const { name, connect } of protocols) {
        const headers = { authorization: `DPoP ${token}`, dpop: await make(sessions, 'POST') };
        const call = connect(AuthService, url, { ...keyHeader(), ...headers }).listSessions({});
        expect([name, await failureOf(call)]).toEqual([name, refusal]);
      }
      const headers = { authorization: `DPoP ${token}`, dpop: await make('/auth/sessions', 'GET') };
      const answer = await fetch(`${url}/auth/sessions`, { headers: { ...keyHeader(), ...headers } });
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({ reason: 'DPOP_PROOF_INVALID' });
    });
  }

  test('take a htu with a query, and a nonce that nobody gave', async () => {
    const claims = { htu: `${origin}${sessions}?x=1#y`, nonce: 'x' };
    for (const { connect } of protocols) {
      const headers = { ...keyHeader(), ...(await bound(sessions, token, { claims })) };
      const { sessions: listed } = await connect(AuthService, testApp().url, headers).listSessions({});
      expect(listed.length).toBeGreaterThan(0);
    }
  });
});

test('a proof of a read is good once at each instance, one of a write once at all', async () => {
  const { token } = await signInBound((await signUp(testApp())).email);
  const read = await bound(sessions, token);
  await auth(read).listSessions({});
  expect(await failureOf(auth(read).listSessions({}))).toEqual(refusal);
  expect(await auth(read, sibling).listSessions({})).toBeDefined();

  const write = { ...keyHeader(), ...(await bound(edit, token)) };
  await testApp().client(ProfileService, write).editUser({ firstName: 'Sara' });
  for (const app of [testApp(), sibling])
    expect(await failureOf(app.client(ProfileService, write).editUser({ firstName: 'Sara' }))).toEqual(
      refusal,
    );
});

test('a proof mints once, whichever instance it comes to', async () => {
  const { email } = await signUp(testApp());
  const dpop = await prove(login);
  const answers = await Promise.allSettled(
    [testApp(), sibling, testApp(), sibling].map((app) => auth({ dpop }, app).login({ email, password })),
  );
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('a bound refresh token is refused without the proof of its key, and the session goes on', async () => {
  const { refreshToken } = await signInBound((await signUp(testApp())).email);
  expect(await failureOf(auth().refreshToken({ refreshToken }))).toEqual(refusal);
  const stranger = await prove(refresh, { by: other });
  expect(await failureOf(auth({ dpop: stranger }).refreshToken({ refreshToken }))).toEqual(refusal);
  const { tokens } = await auth({ dpop: await prove(refresh) }).refreshToken({ refreshToken });
  // The token before it has the grace of its own key alone.
  expect(await failureOf(auth().refreshToken({ refreshToken }))).toEqual(refusal);
  const again = await auth({ dpop: await prove(refresh) }).refreshToken({ refreshToken });
  expect(again.tokens?.refreshToken).toBe(tokens?.refreshToken);
});

test('a refresh with a proof binds the refresh token alone, for good', async () => {
  const { refreshToken } = await signUp(testApp());
  const { tokens } = await auth({ dpop: await prove(refresh) }).refreshToken({ refreshToken });
  expect(tokens?.tokenType).toBe('Bearer');
  expect(await auth(bearer(tokens?.accessToken ?? '')).listSessions({})).toBeDefined();
  const next = tokens?.refreshToken ?? '';
  expect(await failureOf(auth().refreshToken({ refreshToken: next }))).toEqual(refusal);
  // The token from before the binding is no way around it.
  expect(await failureOf(auth().refreshToken({ refreshToken }))).toEqual(refusal);
  const renewed = await auth({ dpop: await prove(refresh) }).refreshToken({ refreshToken: next });
  expect(renewed.tokens?.tokenType).toBe('Bearer');
});

test('a thief who binds a copied refresh token does not escape the detection of reuse', async () => {
  const { refreshToken } = await signUp(testApp());
  const stolen = await auth({ dpop: await prove(refresh, { by: other }) }).refreshToken({ refreshToken });
  testApp().advance(11_000);
  expect(await failureOf(auth({ dpop: await prove(refresh) }).refreshToken({ refreshToken }))).toEqual(
    tokenRefusal,
  );
  const next = auth({ dpop: await prove(refresh, { by: other }) });
  expect(await failureOf(next.refreshToken({ refreshToken: stolen.tokens?.refreshToken ?? '' }))).toEqual(
    tokenRefusal,
  );
});

test('of parallel first proofs of different keys one binds the session', async () => {
  const { refreshToken } = await signUp(testApp());
  const proofs = await Promise.all([key, other].map((by) => prove(refresh, { by })));
  const answers = await Promise.allSettled(
    proofs.map((dpop) => auth({ dpop }).refreshToken({ refreshToken })),
  );
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('a sign-in that began with a key ends with it', async () => {
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  testApp().advance(60_000);
  const { answer } = await signInBound(user.email);
  const token = answer.twoFactor?.twoFactorToken ?? '';
  const validate = '/manam.v1.TwoFactorService/ValidateTotp';
  const second = async (dpop?: string) =>
    testApp()
      .client(TwoFactorService, { ...bearer(token), ...(dpop !== undefined && { dpop }) })
      .validateTotp({ code: user.totp() });
  expect(await failureOf(second())).toEqual(refusal);
  expect(await failureOf(second(await prove(validate, { by: other })))).toEqual(refusal);
  expect((await second(await prove(validate))).tokens?.tokenType).toBe('DPoP');
});

test('over REST the proof names the path of the route, and the refusal the scheme and the time', async () => {
  const { email } = await signUp(testApp());
  const { token } = await signInBound(email);
  const { url } = testApp();
  const send = async (claims: Claims) =>
    fetch(`${url}/auth/sessions`, {
      headers: {
        authorization: `DPoP ${token}`,
        dpop: await prove('', { token, claims: { htm: 'GET', ...claims } }),
      },
    });
  expect((await send({ htu: `${url}/auth/sessions` })).status).toBe(200);
  const refused = await send({ htu: `${url}${sessions}` });
  expect(refused.status).toBe(401);
  expect(refused.headers.get('www-authenticate')).toBe(
    'DPoP realm="manam", algs="ES256 Ed25519 EdDSA", error="invalid_dpop_proof"',
  );
  expect(await refused.json()).toMatchObject({ reason: 'DPOP_PROOF_INVALID' });
});

test('behind a proxy the proof names the public origin, or one of the others that are configured', async () => {
  const app = await startTestApp({
    config: { issuer: 'https://id.example.com', publicOrigins: ['http://id.internal:8443'] },
  });
  const { email } = await signUp(app);
  const login = async (htu: string) =>
    await fetch(`${app.url}/auth/login`, {
      method: 'POST',
      headers: {
        apieco_key: app.dev.publishable,
        'content-type': 'application/json',
        dpop: await prove('', { claims: { htu, iat: Math.floor(app.now().getTime() / 1000) } }),
        'x-forwarded-host': 'evil.example',
      },
      body: JSON.stringify({ email, password }),
    });
  const statuses = [];
  for (const origin of ['https://id.example.com', 'http://id.internal:8443', app.url, 'https://evil.example'])
    statuses.push((await login(`${origin}/auth/login`)).status);
  expect(statuses).toEqual([200, 200, 401, 401]);
  await app.close();
});
