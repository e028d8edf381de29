import { exportPKCS8, exportSPKI, generateKeyPair, importPKCS8, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { formatHandle } from '../../src/domain/login-request.ts';
import { defaultLimits, password } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import {
  beginAtGoogle,
  changePolicy,
  type FederatedApp,
  freshGoogleUser,
  makePkce,
  redirectUri,
  signInWithGoogle,
  startFederatedApp,
  visit,
} from '../support/federation.ts';
import { bearer, signUp } from '../support/journey.ts';

// The G group of security.md: whatever someone sends in Google's name, or brings back in
// the name of another browser, opens nothing.

let app: FederatedApp;
beforeAll(async () => {
  app = await startFederatedApp();
});
afterAll(() => app.close());
beforeEach(() => app.google.beHonest());

const auth = () => app.test.client(AuthService);
const stateOf = (callback: string) => new URL(callback).searchParams.get('state') ?? '';
const withState = (callback: string, state: string) => {
  const url = new URL(callback);
  url.searchParams.set('state', state);
  return url.href;
};

test('a callback without a state of this service, with an altered one, or with another tenant’s opens nothing', async () => {
  const callback = await beginAtGoogle(app, freshGoogleUser());
  const state = stateOf(callback);
  const tenant = await app.test.app.store.tenants.findBySlug('manam');
  const bytes = Buffer.from(state, 'base64url');
  const elsewhere = Buffer.concat([
    Buffer.from((tenant?.id ?? '').replaceAll('-', ''), 'hex'),
    bytes.subarray(16),
  ]);
  const flipped = Buffer.from(bytes);
  flipped[60] = (flipped[60] ?? 0) ^ 1;
  const forged = [
    '',
    'x',
    state.slice(0, -1),
    `${state}=`,
    state.toLowerCase(),
    flipped.toString('base64url'),
    elsewhere.toString('base64url'),
    formatHandle(
      '00000000-0000-0000-0000-000000000000',
      '00000000-0000-0000-0000-000000000000',
      Buffer.alloc(32),
    ),
  ];
  for (const wrong of forged) {
    const { status, json } = await visit(withState(callback, wrong));
    expect([status, json['reason']], wrong).toEqual([401, 'LOGIN_STATE_INVALID']);
  }
  // None of that has used it up.
  expect((await visit(callback)).status).toBe(200);
});

test('a state is valid once, also for twenty at once, and for ten minutes', async () => {
  const callback = await beginAtGoogle(app, freshGoogleUser());
  const visits = await Promise.all(Array.from({ length: 20 }, () => visit(callback)));
  expect(visits.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(new Set(visits.filter(({ status }) => status !== 200).map(({ json }) => json['reason']))).toEqual(
    new Set(['LOGIN_STATE_INVALID']),
  );
  const late = await beginAtGoogle(app, freshGoogleUser());
  app.test.advance(600_001);
  expect((await visit(late)).json['reason']).toBe('LOGIN_STATE_INVALID');
  app.test.advance(-600_001);
});

test('a failed callback has used its state up', async () => {
  const callback = await beginAtGoogle(app, freshGoogleUser());
  const denied = new URL(callback);
  denied.searchParams.delete('code');
  denied.searchParams.set('error', 'access_denied');
  expect((await visit(denied.href)).json).toMatchObject({ status: 'unsuccess', reason: 'PROVIDER_DENIED' });
  expect((await visit(callback)).json['reason']).toBe('LOGIN_STATE_INVALID');
});

test('another’s code in one’s own callback is rejected: Google gave it for another challenge', async () => {
  const [mine, theirs] = [
    await beginAtGoogle(app, freshGoogleUser()),
    await beginAtGoogle(app, freshGoogleUser()),
  ];
  const injected = new URL(mine);
  injected.searchParams.set('code', new URL(theirs).searchParams.get('code') ?? '');
  expect((await visit(injected.href)).json).toMatchObject({ reason: 'PROVIDER_TOKEN_INVALID' });
});

test('a HEAD of a callback, as scanners send it, uses nothing up', async () => {
  const callback = await beginAtGoogle(app, freshGoogleUser());
  await fetch(callback, { method: 'HEAD' });
  expect((await visit(callback)).status).toBe(200);
});

const nowS = () => Math.floor(app.test.now().getTime() / 1000);
const tokens: [what: string, tamper: (claims: JWTPayload) => JWTPayload][] = [
  ['of another issuer', (claims) => ({ ...claims, iss: 'https://evil.example' })],
  [
    'of an issuer that begins like Google',
    (claims) => ({ ...claims, iss: 'https://accounts.google.com.evil.example' }),
  ],
  ['for another client', (claims) => ({ ...claims, aud: 'client-9', azp: 'client-9' })],
  ['for two clients', (claims) => ({ ...claims, aud: ['client-1', 'client-9'] })],
  ['that another client asked for', (claims) => ({ ...claims, azp: 'client-9' })],
  ['that has expired', (claims) => ({ ...claims, exp: nowS() - 60 })],
  ['that is old', (claims) => ({ ...claims, iat: nowS() - 7200 })],
  ['with another nonce', (claims) => ({ ...claims, nonce: 'x'.repeat(43) })],
  ['without a nonce', ({ nonce: _, ...claims }) => claims],
  ['without a subject', ({ sub: _, ...claims }) => claims],
  ['without an expiry', ({ exp: _, ...claims }) => claims],
];
for (const [what, tamper] of tokens) {
  test(`a token ${what} opens nothing`, async () => {
    app.google.tamper = tamper;
    const { status, json } = await signInWithGoogle(app, freshGoogleUser());
    expect([status, json['reason']]).toEqual([401, 'PROVIDER_TOKEN_INVALID']);
  });
}

const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const forgeries: [what: string, forge: NonNullable<FederatedApp['google']['forge']>][] = [
  ['that is not signed', async (claims, { kid }) => `${base64({ alg: 'none', kid })}.${base64(claims)}.`],
  [
    'that the public key was the secret of',
    async (claims, { kid, publicKey }) =>
      await new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', kid })
        .sign(new TextEncoder().encode(await exportSPKI(publicKey))),
  ],
  [
    'of another algorithm of the right key',
    async (claims, { kid, privateKey }) => {
      const key = await importPKCS8(await exportPKCS8(privateKey), 'RS512');
      return await new SignJWT(claims).setProtectedHeader({ alg: 'RS512', kid }).sign(key);
    },
  ],
  [
    'of another key under a name that Google publishes',
    async (claims, { kid }) => {
      const { privateKey } = await generateKeyPair('RS256');
      return await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid }).sign(privateKey);
    },
  ],
];
for (const [what, forge] of forgeries) {
  test(`a token ${what} opens nothing`, async () => {
    app.google.forge = forge;
    const { status, json } = await signInWithGoogle(app, freshGoogleUser());
    app.google.forge = undefined;
    expect([status, json['reason']]).toEqual([401, 'PROVIDER_TOKEN_INVALID']);
  });
}

test('a token of a key that Google does not publish opens nothing, and one of a new key does', async () => {
  await app.google.rotateKey(false);
  expect((await signInWithGoogle(app, freshGoogleUser())).json['reason']).toBe('PROVIDER_TOKEN_INVALID');
  await app.google.rotateKey(true);
  await new Promise((resolve) => setTimeout(resolve, 10_100));
  expect((await signInWithGoogle(app, freshGoogleUser())).status).toBe(200);
}, 60_000);

test('Google down or slow is UNAVAILABLE within five seconds, a known key continues, and passwords do not care', async () => {
  const local = await signUp(app.test);
  for (const fault of ['down', 'slow', 'garbage'] as const) {
    app.google.faults.token = fault;
    const started = performance.now();
    const { status, json } = await signInWithGoogle(app, freshGoogleUser());
    expect([status, json['reason']], fault).toEqual([503, 'UNAVAILABLE']);
    expect(performance.now() - started, fault).toBeLessThan(6000);
    expect((await auth().login({ email: local.email, password })).userId).toBe(local.userId);
  }
  delete app.google.faults.token;
  app.google.faults.certs = 'down';
  app.google.faults.profile = 'slow';
  app.test.advance(700_000);
  expect((await signInWithGoogle(app, freshGoogleUser())).status).toBe(200);
  app.test.advance(-700_000);
}, 60_000);

test('secrets of a failed exchange stand in no log', async () => {
  app.google.faults.token = 'down';
  const callback = await beginAtGoogle(app, freshGoogleUser());
  await visit(callback);
  const log = app.test.logLines.join('');
  for (const secret of [
    'secret of client-1',
    new URL(callback).searchParams.get('code') ?? '',
    stateOf(callback),
  ])
    expect(log).not.toContain(secret);
});

test('a disabled user, a suspended tenant and a provider that is off open nothing', async () => {
  const user = freshGoogleUser();
  const { json } = await signInWithGoogle(app, user);
  await app.test.sql("UPDATE users SET status = 'disabled' WHERE id = UNHEX(REPLACE(?, '-', ''))", [
    json['user_id'],
  ]);
  expect((await signInWithGoogle(app, user)).json).toMatchObject({ reason: 'CREDENTIALS_INVALID' });

  const begun = await beginAtGoogle(app, freshGoogleUser());
  await changePolicy(app.test, (policy) => ({ ...policy, google: { ...policy.google, enabled: false } }));
  await app.test.catchUp();
  expect((await visit(begun)).json).toMatchObject({ reason: 'PROVIDER_DISABLED' });
  expect((await visit(`${app.test.url}/googlelogin/${app.test.dev.publishable}`)).json).toMatchObject({
    reason: 'PROVIDER_DISABLED',
  });
  expect(await failureOf(auth().startGoogleLogin({ native: true }))).toEqual(
    failure('FailedPrecondition', 'PROVIDER_DISABLED'),
  );
  await changePolicy(app.test, (policy) => ({ ...policy, google: { ...policy.google, enabled: true } }));
  await app.test.catchUp();

  const waiting = await beginAtGoogle(app, freshGoogleUser());
  await app.test.sql("UPDATE tenants SET status = 'suspended' WHERE slug = 'dev'");
  await app.test.catchUp();
  expect((await visit(waiting)).json).toMatchObject({ reason: 'LOGIN_STATE_INVALID' });
  await app.test.sql("UPDATE tenants SET status = 'active' WHERE slug = 'dev'");
  await app.test.catchUp();
}, 60_000);

test('a secret key in an address is rejected, and the log says that it has to be rotated', async () => {
  const { status, json } = await visit(`${app.test.url}/googlelogin/${app.test.dev.secret}`);
  expect([status, json['reason']]).toEqual([403, 'SECRET_KEY_EXPOSED']);
  const log = app.test.logLines.join('');
  expect(log).toContain('a secret key stood in an address: rotate it');
  expect(log).not.toContain(app.test.dev.secret);
});

const evil = [
  'https://evil.com',
  'https://tenant.com',
  'https://tenant.com/signed-in/',
  'https://tenant.com/signed-in?x=1',
  'https://tenant.com/signed-in#x',
  'https://tenant.com/signed-in/../evil',
  'https://tenant.com.evil.com/signed-in',
  'https://tenant.com@evil.com/signed-in',
  'https://user:pass@tenant.com/signed-in',
  'https://evil.com/https://tenant.com/signed-in',
  'https://evil.com?https://tenant.com/signed-in',
  'https://evil.com#https://tenant.com/signed-in',
  'http://tenant.com/signed-in',
  '//tenant.com/signed-in',
  '/signed-in',
  'javascript:alert(1)',
  'data:text/html,x',
  'https:tenant.com/signed-in/x',
  'https://tenant.com:8443/signed-in',
  'https://tenant.com./signed-in',
  'https://tenant。com/signed-in/x',
  'https://xn--tenant-.com/signed-in',
  'https://tenant.com%2eevil.com/signed-in',
  'https://tenant.com%00.evil.com/signed-in',
  'https://tenant.com\\@evil.com/signed-in',
  'https://tenant.com/signed-in%0d%0aX: y',
  'https://tenant.com/signed-in\r\nX: y',
  'https://tenant.com/\tsigned-in',
  ' https://tenant.com/signed-in x',
  'https://tenant.com/%73igned-in',
  'https://tenant.com/Signed-In',
  'https://127.0.0.1/signed-in',
  'https://[::1]/signed-in',
  'https://tenant.com/signed-in;x',
  'https://tenant.com/./signed-in/.',
  'https://*.tenant.com/signed-in',
  'ftp://tenant.com/signed-in',
  'https://tenant.com/signed-in%2f..',
  'https://tenant.com/%2e%2e/signed-in/y',
  'https://evil.com\\tenant.com/signed-in',
  'https:///tenant.com/signed-in/z',
  'blob:https://tenant.com/signed-in',
];
test(`none of ${evil.length} other pages gets a browser back`, async () => {
  const { codeChallenge } = makePkce();
  const passed: string[] = [];
  for (const redirect of evil) {
    const { status, location } = await visit(
      `${app.test.url}/googlelogin/${app.test.dev.publishable}?redirect_uri=${encodeURIComponent(redirect)}&code_challenge=${codeChallenge}`,
    );
    if (status !== 400 || location !== '') passed.push(redirect);
    const refusal = await failureOf(auth().startGoogleLogin({ redirectUri: redirect, codeChallenge }));
    if (refusal.reason !== 'REQUEST_INVALID') passed.push(`${redirect} by RPC`);
  }
  expect(passed).toEqual([]);
});

test('no token stands in any address that a browser is sent to', async () => {
  const pkce = makePkce();
  const callback = await beginAtGoogle(app, freshGoogleUser(), {
    redirect_uri: redirectUri,
    code_challenge: pkce.codeChallenge,
  });
  const { location } = await visit(callback);
  expect([...new URL(location).searchParams.keys()]).toEqual(['code']);
  expect(location).not.toContain('eyJ');
});

test('a failure goes back to the page too, with its reason and nothing else', async () => {
  const { codeChallenge } = makePkce();
  const user = freshGoogleUser({ email: 'x@elsewhere.example' });
  const callback = await beginAtGoogle(app, user, {
    redirect_uri: redirectUri,
    code_challenge: codeChallenge,
  });
  expect(await visit(callback)).toMatchObject({
    status: 302,
    location: `${redirectUri}?error=REGISTRATION_REQUIRED`,
  });
});

test('who begins sign-ins without end is slowed down', async () => {
  const loginStartsPerNetwork = { name: 'login.start', max: 3, windowMs: 600_000 };
  const tight = await startFederatedApp({ config: { limits: { ...defaultLimits, loginStartsPerNetwork } } });
  const link = `${tight.test.url}/googlelogin/${tight.test.dev.publishable}`;
  for (let count = 0; count < 3; count += 1) expect((await visit(link)).status).toBe(302);
  expect((await visit(link)).json).toMatchObject({ reason: 'RATE_LIMITED' });
  const rpc = tight.test.client(AuthService, { apieco_key: tight.test.dev.publishable });
  // The RPC comes from another network here, and is counted the same.
  for (let count = 0; count < 3; count += 1) await rpc.startGoogleLogin({ native: true });
  expect((await failureOf(rpc.startGoogleLogin({ native: true }))).reason).toBe('RATE_LIMITED');
  await tight.close();
});

test('a link that was begun in one session is finished in no other', async () => {
  const [mine, other] = [await signUp(app.test), await signUp(app.test)];
  const { codeChallenge, codeVerifier } = makePkce();
  const { authorizationUrl } = await app.test
    .client(AuthService, bearer(mine.accessToken))
    .startGoogleLink({ redirectUri, codeChallenge });
  const { location } = await visit(await app.google.approve(authorizationUrl, freshGoogleUser()));
  const code = new URL(location).searchParams.get('code') ?? '';
  const again = await auth().login({ email: mine.email, password });
  for (const token of [other.accessToken, again.tokens?.accessToken ?? ''])
    expect(
      await failureOf(app.test.client(AuthService, bearer(token)).finishGoogleLink({ code, codeVerifier })),
    ).toEqual(failure('Unauthenticated', 'CODE_INVALID'));
});
