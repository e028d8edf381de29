import { afterAll, beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { password } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import {
  changePolicy,
  type FederatedApp,
  makePkce,
  redirectUri,
  startFederatedApp,
  visit,
} from '../support/federation.ts';
import { bearer, register, type SignedIn, signUp, signUpByMobile } from '../support/journey.ts';

let app: FederatedApp;
beforeAll(async () => {
  app = await startFederatedApp();
});
afterAll(() => app.close());

const tenant = () => app.test.client(AuthService);
const manamKey = () => ({ apieco_key: app.test.manam.publishable });
const manam = (user: Pick<SignedIn, 'accessToken'>) =>
  app.test.client(AuthService, { ...manamKey(), ...bearer(user.accessToken) });

/** Begins at the tenant; returns what the hosted page is opened with. */
async function begin(pkce = makePkce()) {
  const { authorizationUrl } = await tenant().startManamLogin({
    redirectUri,
    codeChallenge: pkce.codeChallenge,
  });
  const url = new URL(authorizationUrl);
  expect(url.pathname).toBe('/account/manam/manam-login');
  return { request: url.searchParams.get('request') ?? '', ...pkce };
}

const codeIn = (url: string) => new URL(url).searchParams.get('code') ?? '';

async function signIn(user: SignedIn) {
  const { request, codeVerifier } = await begin();
  const { redirectUrl } = await manam(user).approveManamLogin({ request });
  return await tenant().redeemLoginCode({ code: codeIn(redirectUrl), codeVerifier });
}

test('a user of Manam signs in at a tenant that asks, consents once, and is a user of the tenant’s own', async () => {
  const user = await signUp(app.test, manamKey());
  const first = await begin();
  expect(await manam(user).getManamLogin({ request: first.request })).toMatchObject({
    tenantName: 'Dev',
    consented: false,
    name: 'Sara',
    email: user.email,
  });
  const { redirectUrl } = await manam(user).approveManamLogin({ request: first.request });
  expect(redirectUrl.startsWith(`${redirectUri}?code=`)).toBe(true);
  const { tokens, account } = await tenant().redeemLoginCode({
    code: codeIn(redirectUrl),
    codeVerifier: first.codeVerifier,
  });
  expect(account).toMatchObject({ email: user.email, firstName: 'Sara' });
  const view = await app.test.client(ProfileService, bearer(tokens?.accessToken ?? '')).viewUser({});
  expect(view.user?.userId).not.toBe(user.userId);
  // The tenant's token is of the tenant, and nothing of Manam's.
  expect(
    (
      await failureOf(
        manam({ accessToken: tokens?.accessToken ?? '' }).getManamLogin({ request: first.request }),
      )
    ).reason,
  ).toBe('TOKEN_INVALID');

  const second = await begin();
  expect((await manam(user).getManamLogin({ request: second.request })).consented).toBe(true);
  const again = await signIn(user);
  const { user: same } = await app.test
    .client(ProfileService, bearer(again.tokens?.accessToken ?? ''))
    .viewUser({});
  expect(same?.userId).toBe(view.user?.userId);
});

test('a consent opens GetManamUserInfo to that tenant and to no other', async () => {
  const [consenting, silent] = [await signUp(app.test, manamKey()), await signUp(app.test, manamKey())];
  await signIn(consenting);
  const info = (email: string) =>
    app.test.client(ProfileService, { apieco_key: app.test.dev.secret }).getManamUserInfo({ email });
  const shown = (await info(consenting.email)).info.value;
  expect(shown).toMatchObject({ email: consenting.email, firstName: 'Sara', roles: [], birthday: '' });
  // The tenant's identifier for the user is useless at other tenants.
  expect(shown).toMatchObject({ userId: expect.stringMatching(/^[\w-]{43}$/) });
  expect(shown).not.toHaveProperty('createTime');
  expect(await failureOf(info(silent.email))).toEqual(failure('NotFound', 'NOT_FOUND'));
});

test('two tenants know a user by two subjects', async () => {
  const user = await signUp(app.test, manamKey());
  await signIn(user);
  const [row] = await app.test.sql(
    'SELECT e.subject, e.issuer FROM external_identities e JOIN identifiers i ON i.user_id = e.user_id WHERE i.canonical = ? AND e.issuer LIKE ?',
    [user.email, 'http%'],
  );
  expect(String(row?.['issuer'])).toBe(app.test.url);
  expect(String(row?.['subject'])).toMatch(/^[\w-]{43}$/);
  expect(String(row?.['subject'])).not.toContain(user.userId);
});

test('a user by mobile is known by their number', async () => {
  const user = await signUpByMobile(app.test, manamKey());
  const { account } = await signIn(user);
  expect(account).toMatchObject({ email: '', mobile: user.mobile });
});

test('an account of that address at the tenant is not opened by it', async () => {
  const user = await signUp(app.test, manamKey());
  const cnf = await register(app.test, user.email);
  await tenant().confirmEmail({ cnf });
  const { request } = await begin();
  const { redirectUrl } = await manam(user).approveManamLogin({ request });
  expect(redirectUrl).toBe(`${redirectUri}?error=LOCAL_LOGIN_REQUIRED`);
  await tenant().login({ email: user.email, password });
});

test('a refusal returns to the tenant without a code or any claim', async () => {
  const user = await signUp(app.test, manamKey());
  const { request } = await begin();
  const { redirectUrl } = await manam(user).approveManamLogin({ request, deny: true });
  expect(redirectUrl).toBe(`${redirectUri}?error=PROVIDER_DENIED`);
  const info = app.test
    .client(ProfileService, { apieco_key: app.test.dev.secret })
    .getManamUserInfo({ email: user.email });
  expect(await failureOf(info)).toEqual(failure('NotFound', 'NOT_FOUND'));
});

test('a request is valid once, for ten minutes, and for users of Manam', async () => {
  const user = await signUp(app.test, manamKey());
  const stale = failure('Unauthenticated', 'LOGIN_STATE_INVALID');
  const { request } = await begin();
  await manam(user).approveManamLogin({ request });
  for (const used of [request, '', `${request}x`, (await begin()).request.slice(0, -1)])
    expect(await failureOf(manam(user).approveManamLogin({ request: used }))).toEqual(stale);
  const late = await begin();
  app.test.advance(600_001);
  const { accessToken } = await app.test
    .client(AuthService, manamKey())
    .login({ email: user.email, password })
    .then(({ tokens }) => ({ accessToken: tokens?.accessToken ?? '' }));
  expect(await failureOf(manam({ accessToken }).approveManamLogin({ request: late.request }))).toEqual(stale);
  app.test.advance(-600_001);
  const local = await signUp(app.test);
  for (const call of ['getManamLogin', 'approveManamLogin'] as const)
    expect(
      await failureOf(
        app.test.client(AuthService, bearer(local.accessToken))[call]({ request: (await begin()).request }),
      ),
    ).toEqual(failure('NotFound', 'NOT_FOUND'));
});

test('a tenant that does not let users of Manam in does not ask', async () => {
  const { request } = await begin();
  await changePolicy(app.test, (policy) => ({ ...policy, manam: { enabled: false } }));
  await app.test.catchUp();
  const { codeChallenge } = makePkce();
  expect(await failureOf(tenant().startManamLogin({ redirectUri, codeChallenge }))).toEqual(
    failure('FailedPrecondition', 'PROVIDER_DISABLED'),
  );
  const user = await signUp(app.test, manamKey());
  expect(await failureOf(manam(user).approveManamLogin({ request }))).toEqual(
    failure('Unauthenticated', 'LOGIN_STATE_INVALID'),
  );
  await changePolicy(app.test, (policy) => ({ ...policy, manam: { enabled: true } }));
  await app.test.catchUp();
}, 30_000);

test('redirects a browser to the hosted sign-in and returns JSON with a session', async () => {
  const { codeChallenge } = makePkce();
  const { url, dev } = app.test;
  const query = `redirect_uri=${encodeURIComponent(redirectUri)}&code_challenge=${codeChallenge}`;
  const begun = await visit(`${url}/manam/manamlogin?client=${dev.publishable}&${query}`);
  expect(begun.status).toBe(302);
  expect(begun.location).toMatch(/\/account\/manam\/manam-login\?request=[\w-]{86}$/);
  expect((await visit(`${url}/manamlogin?client=${dev.secret}&${query}`)).json['reason']).toBe(
    'SECRET_KEY_EXPOSED',
  );
  expect(app.test.logLines.join('')).toContain('a secret key stood in an address: rotate it');
  expect((await visit(`${url}/manamlogin?client=nonsense&${query}`)).json['reason']).toBe('KEY_INVALID');
  expect((await visit(`${url}/manamlogin?client=${dev.publishable}`)).status).toBe(400);
  expect((await visit(`${url}/manamlogin`)).json['reason']).toBe('KEY_MISSING');
  const user = await signUp(app.test, manamKey());
  expect((await visit(`${url}/manamlogin`, bearer(user.accessToken))).json).toMatchObject({
    email: user.email,
    status: 'success',
  });

  const page = await fetch(begun.location, { headers: { 'accept-language': 'fa' } });
  expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
  expect(page.headers.get('content-security-policy')).not.toContain('unsafe');
  const html = await page.text();
  expect(html).toContain('<html lang="fa" dir="rtl">');
  expect(html).not.toMatch(/<script(?![^>]* src=)|style="|\son\w+="/);
});

test('a user of Manam takes over an unproved claim to their address', async () => {
  const user = await signUp(app.test, manamKey());
  await register(app.test, user.email);
  const { account } = await signIn(user);
  expect(account?.email).toBe(user.email);
  expect(await failureOf(tenant().login({ email: user.email, password }))).toEqual(
    failure('Unauthenticated', 'CREDENTIALS_INVALID'),
  );
});
