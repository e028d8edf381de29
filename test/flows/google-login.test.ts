import { afterAll, beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { ProviderService } from '../../gen/manam/v1/provider_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { password } from '../support/app.ts';
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
import { bearer, enrolTotp, register, signUp } from '../support/journey.ts';

let app: FederatedApp;
beforeAll(async () => {
  app = await startFederatedApp();
});
afterAll(() => app.close());

const auth = (headers?: Record<string, string>) => app.test.client(AuthService, headers);

/** Goes to Google and back with a code, as a tenant's page does. */
async function codeFor(user = freshGoogleUser(), pkce = makePkce()) {
  const callback = await beginAtGoogle(app, user, {
    redirect_uri: redirectUri,
    code_challenge: pkce.codeChallenge,
  });
  const { status, location } = await visit(callback);
  expect(status).toBe(302);
  const back = new URL(location);
  expect(back.origin + back.pathname).toBe(redirectUri);
  return { code: back.searchParams.get('code') ?? '', ...pkce, user };
}

test('redirects to Google with state, nonce and challenge; the callback returns JSON', async () => {
  const { test: instance } = app;
  const link = await visit(`${instance.url}/manam/googlelogin/${instance.dev.publishable}`);
  expect(link.status).toBe(302);
  const query = new URL(link.location).searchParams;
  expect(Object.fromEntries(query)).toMatchObject({
    client_id: 'client-1',
    redirect_uri: `${instance.url}/googlelogin/callback`,
    response_type: 'code',
    code_challenge_method: 'S256',
    state: expect.stringMatching(/^[\w-]{86}$/),
    nonce: expect.stringMatching(/^[\w-]{43}$/),
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    scope: expect.stringMatching(/^openid email profile .*birthday/),
  });
  const user = freshGoogleUser();
  const { status, json } = await signInWithGoogle(app, user);
  expect(status).toBe(200);
  expect(json).toMatchObject({
    status: 'success',
    token_type: 'Bearer',
    expires_in: 600,
    username: user.email,
    email: user.email,
    fullname: 'Sara Ahmadi',
    roles: [],
    permissions: [],
  });
  const view = await app.test.client(ProfileService, bearer(String(json['access_token']))).viewUser({});
  expect(view.user).toMatchObject({ email: user.email, emailConfirmed: true, firstName: 'Sara' });
});

test('with a registered page the browser returns with a code that is valid once, for the holder of its verifier', async () => {
  const { code, codeVerifier, user } = await codeFor();
  const refused = failure('Unauthenticated', 'CODE_INVALID');
  for (const wrong of [makePkce().codeVerifier, '', 'short'])
    expect(await failureOf(auth().redeemLoginCode({ code, codeVerifier: wrong }))).toEqual(refused);
  const otherKey = { apieco_key: app.test.manam.publishable };
  expect(await failureOf(auth(otherKey).redeemLoginCode({ code, codeVerifier }))).toEqual(refused);
  const { tokens, account } = await auth().redeemLoginCode({ code, codeVerifier });
  expect(account?.email).toBe(user.email);
  expect(tokens?.tokenType).toBe('Bearer');
  expect(await failureOf(auth().redeemLoginCode({ code, codeVerifier }))).toEqual(refused);
});

test('a browser that loads the callback again, or comes with a bad one, lands on a page of the tenant', async () => {
  const html = { accept: 'text/html,application/xhtml+xml' };
  const answered = await beginAtGoogle(app, freshGoogleUser());
  await visit(answered, html);
  const returning = await beginAtGoogle(app, freshGoogleUser(), {
    redirect_uri: redirectUri,
    code_challenge: makePkce().codeChallenge,
  });
  await visit(returning, html);
  const denied = new URL(await beginAtGoogle(app, freshGoogleUser()));
  denied.searchParams.delete('code');
  denied.searchParams.set('error', 'access_denied');
  for (const url of [answered, returning, denied.href]) {
    const { status, location } = await visit(url, html);
    expect([status, /[?&]error=[A-Z_]+$/.test(location)]).toEqual([302, true]);
    expect(location).not.toMatch(/code=|state=/);
  }
  // A program gets its error in JSON.
  expect((await visit(answered)).json).toMatchObject({ reason: 'LOGIN_STATE_INVALID' });
});

test('of twenty who redeem one code at once exactly one signs in, and after a minute no one does', async () => {
  const { code, codeVerifier } = await codeFor();
  const calls = await Promise.allSettled(
    Array.from({ length: 20 }, () => auth().redeemLoginCode({ code, codeVerifier })),
  );
  expect(calls.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const late = await codeFor();
  app.test.advance(60_001);
  expect(await failureOf(auth().redeemLoginCode(late))).toEqual(failure('Unauthenticated', 'CODE_INVALID'));
  app.test.advance(-60_001);
});

test('three wrong verifiers end a code', async () => {
  const { code, codeVerifier } = await codeFor();
  for (let count = 0; count < 3; count += 1)
    await failureOf(auth().redeemLoginCode({ code, codeVerifier: makePkce().codeVerifier }));
  expect(await failureOf(auth().redeemLoginCode({ code, codeVerifier }))).toEqual(
    failure('Unauthenticated', 'CODE_INVALID'),
  );
});

test('the RPC begins the same sign-in, and says what is wrong with a request', async () => {
  const { codeChallenge } = makePkce();
  const { authorizationUrl } = await auth().startGoogleLogin({ redirectUri, codeChallenge });
  expect(new URL(authorizationUrl).searchParams.get('client_id')).toBe('client-1');
  expect(
    await failureOf(auth().startGoogleLogin({ redirectUri: 'https://evil.com', codeChallenge })),
  ).toEqual(failure('InvalidArgument', 'REQUEST_INVALID', { redirect_uri: 'URL_NOT_REGISTERED' }));
  for (const challenge of ['', 'short', `${codeChallenge}=`])
    expect(await failureOf(auth().startGoogleLogin({ redirectUri, codeChallenge: challenge }))).toEqual(
      failure('InvalidArgument', 'REQUEST_INVALID', { code_challenge: 'CODE_CHALLENGE_INVALID' }),
    );
});

test('the same Google account is the same user again, by its subject and not by its address', async () => {
  const user = freshGoogleUser();
  const first = await signInWithGoogle(app, user);
  const renamed = await signInWithGoogle(app, { ...user, email: freshGoogleUser().email });
  expect(renamed.json['user_id']).toBe(first.json['user_id']);
  expect(renamed.json['email']).toBe(user.email);
});

test('a second factor is still asked for, over both ways back', async () => {
  const user = freshGoogleUser();
  const { json } = await signInWithGoogle(app, user);
  const enrolled = await enrolTotp(app.test, {
    email: user.email,
    userId: String(json['user_id']),
    accessToken: String(json['access_token']),
    refreshToken: String(json['refresh_token']),
  });
  const again = await signInWithGoogle(app, user);
  expect(again.json).toEqual({
    access_token: '',
    two_factor_token: expect.any(String),
    two_factor_methods: ['totp'],
    masked_phone_number: '',
    location: '/auth/2fa/totp/validate',
    status: 'success',
  });
  app.test.advance(30_000);
  const pending = app.test.client(TwoFactorService, bearer(String(again.json['two_factor_token'])));
  expect((await pending.validateTotp({ code: enrolled.totp() })).tokens?.tokenType).toBe('Bearer');
  const { code, codeVerifier } = await codeFor(user);
  const redeemed = await auth().redeemLoginCode({ code, codeVerifier });
  expect(redeemed).toMatchObject({
    location: '/auth/2fa/totp/validate',
    twoFactor: { twoFactorMethods: [1] },
  });
  expect(redeemed.tokens?.accessToken).toBe('');
  const { nonce } = await auth().startGoogleLogin({ native: true });
  const idToken = await app.google.idTokenFor(user, 'client-1', nonce);
  const byToken = await auth().loginWithGoogleToken({ idToken });
  expect([byToken.tokens?.accessToken, byToken.twoFactor?.twoFactorMethods]).toEqual(['', [1]]);
});

test('a user from Google has no password, and a failed sign-in does not reveal that', async () => {
  const user = freshGoogleUser();
  await signInWithGoogle(app, user);
  expect(await failureOf(auth().login({ email: user.email, password }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
});

test('GetManamUserInfo shows a user of Manam who came in through Google in the second shape', async () => {
  const { test: instance, google } = app;
  const manam = await instance.app.store.tenants.findBySlug('manam');
  if (manam === undefined) throw new Error('there is a tenant manam');
  const policy = {
    ...manam.policy,
    google: { ...manam.policy.google, enabled: true, scopes: ['birthday'] as const },
  };
  await instance.app.store.tenants.update(manam.id, { policy });
  await instance.catchUp();
  const user = freshGoogleUser();
  const link = await visit(`${instance.url}/googlelogin/${instance.manam.publishable}`);
  const { json } = await visit(await google.approve(link.location, user));
  const headers = bearer(String(json['access_token']));
  const shown = await (await fetch(`${instance.url}/get_manam_user_info`, { headers })).json();
  expect(shown).toMatchObject({
    status: 'success',
    DisplayName: 'Sara Ahmadi',
    GivenName: 'Sara',
    FamilyName: 'Ahmadi',
    DisplayNameLastFirst: 'Ahmadi, Sara',
    BirthdayDay: '3',
    BirthdayMonth: '4',
    BirthdayYear: '1991',
    Email: user.email,
    Photos: 'https://lh3.example/photo.jpg',
    CoverPhotos: 'https://lh3.example/cover.jpg',
  });
}, 30_000);

test('an app signs in with the token of its device, made with our nonce, for an audience of the tenant', async () => {
  const { google } = app;
  await changePolicy(app.test, (policy) => ({
    ...policy,
    google: { ...policy.google, audiences: ['app-7'] },
  }));
  await app.test.catchUp();
  const user = freshGoogleUser();
  const { nonce, authorizationUrl } = await auth().startGoogleLogin({ native: true });
  expect(authorizationUrl).toBe('');
  const idToken = await google.idTokenFor(user, 'app-7', nonce);
  const { account } = await auth().loginWithGoogleToken({ idToken });
  expect(account?.email).toBe(user.email);
  const invalid = failure('Unauthenticated', 'PROVIDER_TOKEN_INVALID');
  // The nonce is valid once; another audience, another's nonce and none are not good at all.
  const again = await google.idTokenFor(user, 'app-7', nonce);
  expect(await failureOf(auth().loginWithGoogleToken({ idToken: again }))).toEqual(invalid);
  const other = await auth().startGoogleLogin({ native: true });
  for (const token of [
    await google.idTokenFor(user, 'app-8', other.nonce),
    await google.idTokenFor(user, 'app-7', 'made up'),
    'nonsense',
  ])
    expect(await failureOf(auth().loginWithGoogleToken({ idToken: token }))).toEqual(invalid);
  const manam = await auth({ apieco_key: app.test.manam.publishable }).startGoogleLogin({ native: true });
  const foreign = await google.idTokenFor(user, 'app-7', manam.nonce);
  expect(await failureOf(auth().loginWithGoogleToken({ idToken: foreign }))).toEqual(invalid);
  expect(await failureOf(auth().loginWithGoogleToken({}))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { id_token: 'FIELD_REQUIRED' }),
  );
}, 30_000);

test('a signed-in user connects a Google account, signs in with either, and takes the connection away', async () => {
  const { google } = app;
  const local = await signUp(app.test);
  const user = freshGoogleUser({ email: 'me@elsewhere.example' });
  const { codeVerifier, codeChallenge } = makePkce();
  const mine = auth(bearer(local.accessToken));
  const { authorizationUrl } = await mine.startGoogleLink({ redirectUri, codeChallenge });
  const { location } = await visit(await google.approve(authorizationUrl, user));
  const code = new URL(location).searchParams.get('code') ?? '';
  // Not by a sign-in, and not in another session.
  const refused = failure('Unauthenticated', 'CODE_INVALID');
  expect(await failureOf(auth().redeemLoginCode({ code, codeVerifier }))).toEqual(refused);
  const stranger = await signUp(app.test);
  expect(
    await failureOf(auth(bearer(stranger.accessToken)).finishGoogleLink({ code, codeVerifier })),
  ).toEqual(refused);
  await mine.finishGoogleLink({ code, codeVerifier });
  const [notice] = await app.test.messagesTo(local.email);
  expect(notice?.subject).toBe('Another way to sign in at Dev');
  const { json } = await signInWithGoogle(app, user);
  expect(json).toMatchObject({ user_id: local.userId, email: local.email });

  await mine.unlinkGoogle({});
  expect((await signInWithGoogle(app, user)).json).toMatchObject({ reason: 'REGISTRATION_REQUIRED' });
  expect(await failureOf(mine.unlinkGoogle({}))).toEqual(failure('NotFound', 'NOT_FOUND'));
});

test('who has nothing but Google cannot take it away, and one Google account belongs to one user', async () => {
  const user = freshGoogleUser();
  const { json } = await signInWithGoogle(app, user);
  // A code to a confirmed address would be another way in.
  await changePolicy(app.test, (policy) => ({
    ...policy,
    codeSignIn: { ...policy.codeSignIn, enabled: false },
  }));
  await app.test.catchUp();
  expect(await failureOf(auth(bearer(String(json['access_token']))).unlinkGoogle({}))).toEqual(
    failure('FailedPrecondition', 'LAST_SIGN_IN'),
  );
  await changePolicy(app.test, (policy) => ({
    ...policy,
    codeSignIn: { ...policy.codeSignIn, enabled: true },
  }));
  const other = await signUp(app.test);
  const { codeVerifier, codeChallenge } = makePkce();
  const mine = auth(bearer(other.accessToken));
  const { authorizationUrl } = await mine.startGoogleLink({ redirectUri, codeChallenge });
  const { location } = await visit(await app.google.approve(authorizationUrl, user));
  const code = new URL(location).searchParams.get('code') ?? '';
  expect(await failureOf(mine.finishGoogleLink({ code, codeVerifier }))).toEqual(
    failure('AlreadyExists', 'IDENTITY_TAKEN'),
  );
});

test('to connect needs a fresh session and a page to return to', async () => {
  const { accessToken } = await signUp(app.test);
  const mine = auth(bearer(accessToken));
  expect(await failureOf(mine.startGoogleLink({}))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', {
      redirect_uri: 'FIELD_REQUIRED',
      code_challenge: 'CODE_CHALLENGE_INVALID',
    }),
  );
  app.test.advance(301_000);
  for (const call of [mine.startGoogleLink, mine.unlinkGoogle])
    expect((await failureOf(call({}))).reason).toBe('REAUTHENTICATION_REQUIRED');
  app.test.advance(-301_000);
});

test('a tenant can register a separate client and store its secret', async () => {
  const { store } = app.test.app;
  const tenant = await store.tenants.findBySlug('dev');
  await changePolicy(app.test, (policy) => ({
    ...policy,
    google: { ...policy.google, clientId: 'client-2' },
  }));
  await app.test.catchUp();
  expect(await failureOf(auth().startGoogleLogin({}))).toEqual(
    failure('FailedPrecondition', 'PROVIDER_DISABLED'),
  );
  await store.tenants.setSecret(tenant?.id ?? '', 'google_client_secret', 'secret of client-2');
  const [row] = await app.test.sql('SELECT sealed FROM tenant_secrets');
  expect(String(row?.['sealed'])).not.toContain('secret of');
  expect((await signInWithGoogle(app, freshGoogleUser())).status).toBe(200);
  await changePolicy(app.test, (policy) => ({ ...policy, google: { ...policy.google, clientId: '' } }));
  await app.test.catchUp();
}, 30_000);

test('an app’s token links the confirmed account of its address and takes over an unproved one', async () => {
  const signInByToken = async (user: ReturnType<typeof freshGoogleUser>) => {
    const { nonce } = await auth().startGoogleLogin({ native: true });
    return await auth().loginWithGoogleToken({
      idToken: await app.google.idTokenFor(user, 'client-1', nonce),
    });
  };
  const confirmed = freshGoogleUser();
  await auth().confirmEmail({ cnf: await register(app.test, confirmed.email) });
  const { userId } = await auth().login({ email: confirmed.email, password });
  const { tokens } = await signInByToken(confirmed);
  const view = await app.test.client(ProfileService, bearer(tokens?.accessToken ?? '')).viewUser({});
  expect(view.user?.userId).toBe(userId);

  const claimed = freshGoogleUser();
  await register(app.test, claimed.email);
  expect((await signInByToken(claimed)).account?.email).toBe(claimed.email);
  expect(await failureOf(auth().login({ email: claimed.email, password }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
});

test('an identity of before connections is Google’s by its issuer', async () => {
  const { json } = await signInWithGoogle(app, freshGoogleUser());
  await app.test.sql(
    "UPDATE external_identities SET provider = '' WHERE user_id = UNHEX(REPLACE(?, '-', ''))",
    [json['user_id']],
  );
  const mine = app.test.client(ProviderService, bearer(String(json['access_token'])));
  expect((await mine.listLinkedProviders({})).linked.map(({ provider }) => provider)).toEqual(['google']);
  await mine.unlinkProvider({ provider: 'google' });
  expect((await mine.listLinkedProviders({})).linked).toEqual([]);
});
