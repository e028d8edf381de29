import { exportPKCS8, exportSPKI, generateKeyPair, importPKCS8, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { formatHandle } from '../../src/domain/federation.ts';
import { defaultLimits, freshEmail, password } from '../support/app.ts';
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
import { bearer, freshMobile, register, signUp } from '../support/journey.ts';

// The G group of security.md: whatever somebody sends in Google's name, or brings back in
// the name of another browser, opens nothing.

let app: FederatedApp;
beforeAll(async () => {
  app = await startFederatedApp();
});
afterAll(() => app.close());
beforeEach(() => {
  app.google.tamper = (claims) => claims;
  for (const endpoint of ['token', 'certs', 'people'] as const) delete app.google.faults[endpoint];
});

const auth = () => app.test.client(AuthService);
const stateOf = (callback: string) => new URL(callback).searchParams.get('state') ?? '';
const withState = (callback: string, state: string) => {
  const url = new URL(callback);
  url.searchParams.set('state', state);
  return url.href;
};

test('a callback without a state of ours, with an altered one, or with another tenant’s opens nothing', async () => {
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

test('a state is good once, also for twenty at once, and for ten minutes', async () => {
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

test('another’s code in one’s own callback is refused: Google gave it for another challenge', async () => {
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

test('Google down or slow is UNAVAILABLE within five seconds, a known key goes on, and passwords do not care', async () => {
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
  app.google.faults.people = 'slow';
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

test('an address that Google does not host opens no account and makes none', async () => {
  const local = await signUp(app.test);
  for (const user of [
    freshGoogleUser({ email: local.email }),
    freshGoogleUser({ email: freshEmail() }),
    freshGoogleUser({ email: freshGoogleUser().email, email_verified: false }),
    freshGoogleUser({ email: 'x@corp.example', hd: 'other.example' }),
    freshGoogleUser({ email: '' }),
  ])
    expect((await signInWithGoogle(app, user)).json).toMatchObject({ reason: 'LOCAL_LOGIN_REQUIRED' });
});

test('a hosted domain’s address is one that Google answers for', async () => {
  const user = freshGoogleUser({ email: `${freshEmail().split('@')[0]}@corp.example`, hd: 'corp.example' });
  expect((await signInWithGoogle(app, user)).json['email']).toBe(user.email);
});

test('a confirmed account of the address is connected, and its owner is told', async () => {
  const user = freshGoogleUser();
  const cnf = await register(app.test, user.email);
  await auth().confirmEmail({ cnf });
  const { userId } = await auth().login({ email: user.email, password });
  expect((await signInWithGoogle(app, user)).json['user_id']).toBe(userId);
  const [notice] = await app.test.messagesTo(user.email);
  expect(notice?.subject).toBe('Another way to sign in at Dev');
  await auth().login({ email: user.email, password });
});

test('who is given an address later does not get the account that another Google account opens', async () => {
  const leaver = freshGoogleUser();
  const { json } = await signInWithGoogle(app, leaver);
  const successor = freshGoogleUser({ email: leaver.email });
  expect((await signInWithGoogle(app, successor)).json).toMatchObject({ reason: 'LOCAL_LOGIN_REQUIRED' });
  expect((await signInWithGoogle(app, leaver)).json['user_id']).toBe(json['user_id']);
});

test('of two Google accounts that come with one address at once one is connected', async () => {
  const { email } = freshGoogleUser();
  await auth().confirmEmail({ cnf: await register(app.test, email) });
  const callbacks = [
    await beginAtGoogle(app, freshGoogleUser({ email })),
    await beginAtGoogle(app, freshGoogleUser({ email })),
  ];
  const results = await Promise.all(callbacks.map((callback) => visit(callback)));
  expect(results.map(({ json }) => json['reason'] ?? 'in').sort()).toEqual(['LOCAL_LOGIN_REQUIRED', 'in']);
});

test('a disabled account of the address is neither connected nor taken over', async () => {
  for (const isConfirmed of [true, false]) {
    const user = freshGoogleUser();
    const cnf = await register(app.test, user.email);
    if (isConfirmed) await auth().confirmEmail({ cnf });
    const ofUser = '(SELECT user_id FROM identifiers WHERE canonical = ?)';
    await app.test.sql(`UPDATE users SET status = 'disabled' WHERE id = ${ofUser}`, [user.email]);
    expect((await signInWithGoogle(app, user)).json).toMatchObject({ reason: 'CREDENTIALS_INVALID' });
    expect(
      await app.test.sql(`SELECT subject FROM external_identities WHERE user_id = ${ofUser}`, [user.email]),
    ).toEqual([]);
    await app.test.sql(`UPDATE users SET status = 'active' WHERE id = ${ofUser}`, [user.email]);
    if (isConfirmed) await auth().login({ email: user.email, password });
    else await auth().confirmEmail({ cnf });
  }
});

test('pre-hijack 6, second address: a number that the maker left on the account is gone, and the takeover is on record', async () => {
  const user = freshGoogleUser();
  await register(app.test, user.email);
  const mobile = `+98${freshMobile().slice(1)}`;
  await app.test.sql(
    "INSERT INTO identifiers SELECT tenant_id, 'mobile', ?, user_id, ?, NULL FROM identifiers WHERE canonical = ?",
    [mobile, mobile, user.email],
  );
  const { json } = await signInWithGoogle(app, user);
  expect(await app.test.sql('SELECT kind FROM identifiers WHERE canonical = ?', [mobile])).toEqual([]);
  expect(
    await app.test.sql(
      "SELECT outcome FROM audit_events WHERE action = 'take-over-account' AND user_id = UNHEX(REPLACE(?, '-', ''))",
      [json['user_id']],
    ),
  ).toHaveLength(1);
});

test('what a thief of a session connected goes with a new password by recovery', async () => {
  const owner = await signUp(app.test);
  const thief = freshGoogleUser({ email: 'thief@elsewhere.example' });
  await app.test.sql(
    "INSERT INTO external_identities SELECT tenant_id, 'https://accounts.google.com', ?, user_id, '{}', NOW(3) FROM identifiers WHERE canonical = ?",
    [thief.sub, owner.email],
  );
  expect((await signInWithGoogle(app, thief)).json['user_id']).toBe(owner.userId);
  const recovery = app.test.client(RecoveryService, { apieco_key: app.test.dev.publishable });
  await recovery.recover({ email: owner.email });
  const [message] = await app.test.messagesTo(owner.email);
  const replacement = 'another long passphrase 7';
  await recovery.endRecovery({
    token: message?.code ?? '',
    password: replacement,
    confirmPassword: replacement,
  });
  expect((await signInWithGoogle(app, thief)).json).toMatchObject({ reason: 'LOCAL_LOGIN_REQUIRED' });
});

// Five ways to be there before the owner of an address (arXiv 2205.10174).
test('pre-hijack 1, classic: the password of an account made before its owner came is gone', async () => {
  const user = freshGoogleUser();
  await register(app.test, user.email);
  const { json } = await signInWithGoogle(app, user);
  expect(json).toMatchObject({ email: user.email, fullname: 'Sara Ahmadi' });
  expect(await failureOf(auth().login({ email: user.email, password }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
});

test('pre-hijack 2, pending link: a confirmation sent before is dead', async () => {
  const user = freshGoogleUser();
  const cnf = await register(app.test, user.email);
  await signInWithGoogle(app, user);
  expect(await failureOf(auth().confirmEmail({ cnf }))).toEqual(
    failure('Unauthenticated', 'CONFIRMATION_INVALID'),
  );
});

test('pre-hijack 3, unexpired session: no session of the maker outlives the owner’s arrival', async () => {
  const user = freshGoogleUser();
  await register(app.test, user.email);
  const [row] = await app.test.sql('SELECT HEX(user_id) AS id FROM identifiers WHERE canonical = ?', [
    user.email,
  ]);
  await app.test.sql(
    "INSERT INTO sessions SELECT tenant_id, UNHEX(REPLACE(UUID(), '-', '')), UNHEX(?), 'signed-in', '[\"pwd\"]', NOW(3), '', '', 0, REPEAT('x', 32), NOW(3), NOW(3), NOW(3) + INTERVAL 1 DAY, NOW(3) + INTERVAL 1 DAY, NULL FROM identifiers WHERE canonical = ?",
    [row?.['id'], user.email],
  );
  await signInWithGoogle(app, user);
  const live = await app.test.sql(
    'SELECT amr FROM sessions WHERE user_id = UNHEX(?) AND revoked_at IS NULL AND amr = \'["pwd"]\'',
    [row?.['id']],
  );
  expect(live).toEqual([]);
});

test('pre-hijack 4, trojan identity: what the maker had connected is gone', async () => {
  const user = freshGoogleUser();
  await register(app.test, user.email);
  const [row] = await app.test.sql(
    'SELECT HEX(user_id) AS id, HEX(tenant_id) AS t FROM identifiers WHERE canonical = ?',
    [user.email],
  );
  await app.test.sql(
    "INSERT INTO external_identities VALUES (UNHEX(?), 'https://accounts.google.com', 'trojan', UNHEX(?), '{}', NOW(3))",
    [row?.['t'], row?.['id']],
  );
  await signInWithGoogle(app, user);
  const trojan = freshGoogleUser({ sub: 'trojan', email: 'attacker@elsewhere.example' });
  expect((await signInWithGoogle(app, trojan)).json).toMatchObject({ reason: 'LOCAL_LOGIN_REQUIRED' });
});

test('pre-hijack 5, foreign address: an account that somebody else has proved in another way is not opened by its unproved address', async () => {
  const user = freshGoogleUser();
  const mobile = freshMobile();
  await auth().register({ type: IdentifierType.MOBILE, mobile, password });
  const [sms] = await app.test.messagesTo(`+98${mobile.slice(1)}`);
  await auth().confirmSms({ cnf: sms?.code ?? '' });
  const { userId } = await auth().login({ type: IdentifierType.MOBILE, mobile, password });
  await app.test.sql(
    "INSERT INTO identifiers SELECT tenant_id, 'email', ?, user_id, ?, NULL FROM identifiers WHERE user_id = UNHEX(REPLACE(?, '-', ''))",
    [user.email, user.email, userId],
  );
  expect((await signInWithGoogle(app, user)).json).toMatchObject({ reason: 'LOCAL_LOGIN_REQUIRED' });
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
  await new Promise((resolve) => setTimeout(resolve, 5100));
  expect((await visit(begun)).json).toMatchObject({ reason: 'PROVIDER_DISABLED' });
  expect((await visit(`${app.test.url}/googlelogin/${app.test.dev.publishable}`)).json).toMatchObject({
    reason: 'PROVIDER_DISABLED',
  });
  expect(await failureOf(auth().startGoogleLogin({ native: true }))).toEqual(
    failure('FailedPrecondition', 'PROVIDER_DISABLED'),
  );
  await changePolicy(app.test, (policy) => ({ ...policy, google: { ...policy.google, enabled: true } }));
  await new Promise((resolve) => setTimeout(resolve, 5100));

  const waiting = await beginAtGoogle(app, freshGoogleUser());
  await app.test.sql("UPDATE tenants SET status = 'suspended' WHERE slug = 'dev'");
  await new Promise((resolve) => setTimeout(resolve, 5100));
  expect((await visit(waiting)).json).toMatchObject({ reason: 'LOGIN_STATE_INVALID' });
  await app.test.sql("UPDATE tenants SET status = 'active' WHERE slug = 'dev'");
  await new Promise((resolve) => setTimeout(resolve, 5100));
}, 60_000);

test('a secret key in an address is refused, and the log says that it has to be rotated', async () => {
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
    location: `${redirectUri}?error=LOCAL_LOGIN_REQUIRED`,
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
