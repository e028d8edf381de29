import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProviderService } from '../../gen/manam/v1/provider_service_pb.js';
import type { ForeignKind } from '../../src/domain/connection.ts';
import { password } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { changePolicy, type FederatedApp, makePkce, redirectUri, visit } from '../support/federation.ts';
import { bearer, enrolTotp, register, signUp } from '../support/journey.ts';
import { addPasskey } from '../support/passkeys.ts';
import {
  clientOf,
  comeBack,
  connect,
  freshUser,
  link,
  signInAt,
  startConnectedApp,
} from '../support/providers.ts';

let app: FederatedApp;
beforeAll(async () => {
  app = await startConnectedApp();
});
afterAll(() => app.close());
beforeEach(() => {
  for (const kind of kinds) app.emulators.of(kind).beHonest();
});

const kinds = ['oidc', 'google', 'apple', 'microsoft', 'github', 'facebook', 'linkedin'] as const;
/** Those whose word makes an account. */
const vouching = kinds.filter((kind) => kind !== 'facebook');
const providers = (headers?: Record<string, string>) => app.test.client(ProviderService, headers);
const auth = (headers?: Record<string, string>) => app.test.client(AuthService, headers);

/** The unverified account of a person at a provider. */
const unverified = () =>
  freshUser({ email: `x${Math.random().toString(36).slice(2)}@elsewhere.example`, email_verified: false });

describe.each(vouching)('%s', (kind) => {
  test('makes an account at the first sign-in, with name and address, and opens it at the next', async () => {
    const user = freshUser();
    const { status, json } = await signInAt(app, kind, user);
    expect([status, json['email'], json['fullname']]).toEqual([200, user.email, 'Sara Ahmadi']);
    const again = await signInAt(app, kind, user);
    expect(again.json['user_id']).toBe(json['user_id']);
  });

  test('a browser that returns to a page brings a code for the holder of its verifier', async () => {
    const { codeVerifier, codeChallenge } = makePkce();
    const user = freshUser();
    const started = await providers().startProviderLogin({ provider: kind, redirectUri, codeChallenge });
    const { location } = await comeBack(app, kind, started.authorizationUrl, user);
    const back = new URL(location);
    expect([back.origin + back.pathname, [...back.searchParams.keys()]]).toEqual([redirectUri, ['code']]);
    const code = back.searchParams.get('code') ?? '';
    const { account } = await auth().redeemLoginCode({ code, codeVerifier });
    expect(account?.email).toBe(user.email);
  });
});

describe.each(kinds)('%s', (kind) => {
  test('a user connects it, signs in with either, and takes the connection away', async () => {
    const mine = await signUp(app.test);
    const user = unverified();
    await link(app, kind, mine.accessToken, user);
    const own = providers(bearer(mine.accessToken));
    const { linked } = await own.listLinkedProviders({});
    expect(linked.map(({ provider, email }) => [provider, email])).toEqual([[kind, user.email]]);
    expect((await signInAt(app, kind, user)).json['user_id']).toBe(mine.userId);
    await own.unlinkProvider({ provider: kind });
    expect((await signInAt(app, kind, user)).json['user_id']).toBeUndefined();
  });

  test('who cancels there comes back with a reason, here and on the tenant’s page', async () => {
    const deny = (parameters: URLSearchParams) => {
      parameters.delete('code');
      parameters.set('error', 'access_denied');
    };
    const first = await visit(`${app.test.url}/login/${kind}/${app.test.dev.publishable}`);
    expect((await comeBack(app, kind, first.location, freshUser(), deny)).json).toMatchObject({
      reason: 'PROVIDER_DENIED',
    });
    const { codeChallenge } = makePkce();
    const started = await providers().startProviderLogin({ provider: kind, redirectUri, codeChallenge });
    const { status, location } = await comeBack(app, kind, started.authorizationUrl, freshUser(), deny);
    expect([status, location]).toEqual([
      kind === 'apple' ? 303 : 302,
      `${redirectUri}?error=PROVIDER_DENIED`,
    ]);
  });

  test.each(['down', 'garbage'] as const)(
    'where its token endpoint is %s the sign-in is UNAVAILABLE',
    async (fault) => {
      app.emulators.of(kind).faults.token = fault;
      const { status, json } = await signInAt(app, kind, freshUser());
      expect([status, json['reason']]).toEqual([503, 'UNAVAILABLE']);
    },
  );

  test('a code that it does not take is the browser’s', async () => {
    const { location } = await visit(`${app.test.url}/login/${kind}/${app.test.dev.publishable}`);
    const { json } = await comeBack(app, kind, location, freshUser(), (parameters) =>
      parameters.set('code', 'x'),
    );
    expect(json).toMatchObject({ reason: 'PROVIDER_TOKEN_INVALID' });
  });

  test('a client that it does not know is the operator’s, whose log says so without the secret', async () => {
    const name = `wrong-${kind}`;
    await connect(app, kind, { clientId: `wrong-${kind}` }, name);
    const tenant = await app.test.app.store.tenants.findBySlug('dev');
    const key = 'apple' === kind ? app.emulators.applePrivateKey : 'another secret';
    await app.test.app.store.connections.setSecret(tenant?.id ?? '', name, key);
    if (kind === 'apple') await connect(app, kind, { clientId: 'wrong-apple', teamId: 'OTHERTEAM1' }, name);
    const { status, json } = await signInAt(app, kind, freshUser(), name);
    expect([status, json['reason']]).toEqual([503, 'UNAVAILABLE']);
    const line = app.test.logLines.filter((each) => each.includes(`"provider":"${name}"`)).join('');
    expect(line).toMatch(/invalid_client|incorrect_client_credentials/);
    expect(app.test.logLines.join('')).not.toContain('another secret');
  });

  test('a second factor is still asked for', async () => {
    const mine = await signUp(app.test);
    const user = freshUser();
    await link(app, kind, mine.accessToken, user);
    await enrolTotp(app.test, mine);
    const { json } = await signInAt(app, kind, user);
    expect([json['access_token'], json['two_factor_methods']]).toEqual(['', ['totp']]);
  });

  test('one that is switched off begins nothing and ends nothing', async () => {
    const name = `off-${kind}`;
    await connect(app, kind, {}, name);
    const begun = await visit(`${app.test.url}/login/${name}/${app.test.dev.publishable}`);
    await connect(app, kind, { enabled: false }, name);
    expect((await comeBack(app, kind, begun.location, freshUser())).json).toMatchObject({
      reason: 'PROVIDER_DISABLED',
    });
    expect(await failureOf(providers().startProviderLogin({ provider: name }))).toEqual(
      failure('FailedPrecondition', 'PROVIDER_DISABLED'),
    );
  });
});

const openId = ['oidc', 'google', 'apple', 'microsoft'] as const satisfies readonly ForeignKind[];
test('keys that are rotated are found, and one that is not published opens nothing', async () => {
  for (const kind of openId) {
    await signInAt(app, kind, freshUser());
    await app.emulators.of(kind).rotateKey(false);
    expect((await signInAt(app, kind, freshUser())).json['reason'], kind).toBe('PROVIDER_TOKEN_INVALID');
    await app.emulators.of(kind).rotateKey(true);
  }
  // A provider is not asked again for its keys before that.
  await pause(10_100);
  for (const kind of openId) expect((await signInAt(app, kind, freshUser())).status, kind).toBe(200);
}, 60_000);

describe.each(openId)('an app with a token of %s', (kind) => {
  const audienceOf = () => (kind === 'google' ? 'client-1' : clientOf(kind));

  test('signs in, once for each nonce', async () => {
    const user = freshUser();
    const { nonce } = await providers().startProviderLogin({ provider: kind, native: true });
    const idToken = await app.emulators.of(kind).idTokenFor(user, audienceOf(), nonce);
    const { account } = await providers().loginWithProviderToken({ provider: kind, idToken });
    expect(account?.email).toBe(user.email);
    expect(await failureOf(providers().loginWithProviderToken({ provider: kind, idToken }))).toEqual(
      failure('Unauthenticated', 'PROVIDER_TOKEN_INVALID'),
    );
  });

  test('does not sign in with a nonce of another provider', async () => {
    const other = kind === 'oidc' ? 'google' : 'oidc';
    const { nonce } = await providers().startProviderLogin({ provider: other, native: true });
    const idToken = await app.emulators.of(kind).idTokenFor(freshUser(), audienceOf(), nonce);
    expect(await failureOf(providers().loginWithProviderToken({ provider: kind, idToken }))).toEqual(
      failure('Unauthenticated', 'PROVIDER_TOKEN_INVALID'),
    );
  });
});

test('an app’s token links a confirmed account, takes over an unproved one, and asks for the second factor', async () => {
  const domains = ['apps.example'];
  await connect(app, 'oidc', { domains }, 'apps');
  const byToken = async (email: string) => {
    const { nonce } = await providers().startProviderLogin({ provider: 'apps', native: true });
    const idToken = await app.emulators.of('oidc').idTokenFor(freshUser({ email }), clientOf('oidc'), nonce);
    return await providers().loginWithProviderToken({ provider: 'apps', idToken });
  };
  const [confirmed, unproved] = ['one', 'two'].map((name) => `${name}.${freshUser().sub}@apps.example`) as [
    string,
    string,
  ];
  await auth().confirmEmail({ cnf: await register(app.test, confirmed) });
  const { userId, tokens } = await auth().login({ email: confirmed, password });
  const mine = { email: confirmed, userId, accessToken: tokens?.accessToken ?? '', refreshToken: '' };
  await enrolTotp(app.test, mine);
  expect((await byToken(confirmed)).twoFactor?.twoFactorToken).not.toBe('');
  await register(app.test, unproved);
  expect((await byToken(unproved)).account?.email).toBe(unproved);
  expect(await failureOf(byToken('x@elsewhere.example'))).toEqual(
    failure('PermissionDenied', 'PROVIDER_ADDRESS_DENIED'),
  );
});

test('a provider that is trusted with the second factor opens no account that has one, until its owner connects it', async () => {
  await connect(app, 'oidc', { secondFactor: 'trust', domains: ['trust.example'] }, 'trusting');
  const email = `x.${freshUser().sub}@trust.example`;
  await auth().confirmEmail({ cnf: await register(app.test, email) });
  const { userId, tokens } = await auth().login({ email, password });
  const mine = { email, userId, accessToken: tokens?.accessToken ?? '', refreshToken: '' };
  await enrolTotp(app.test, mine);
  const user = freshUser({ email });
  for (let time = 0; time < 2; time += 1)
    expect((await signInAt(app, 'oidc', user, 'trusting')).json['reason']).toBe('LOCAL_LOGIN_REQUIRED');
  await link(app, 'oidc', mine.accessToken, user, 'trusting');
  expect((await signInAt(app, 'oidc', user, 'trusting')).json).toMatchObject({
    user_id: userId,
    access_token: expect.stringMatching(/^eyJ/),
  });
});

test('an app needs no client of this service at the provider', async () => {
  await connect(app, 'google', { clientId: 'ios-app' }, 'apps-only');
  const tenant = await app.test.app.store.tenants.findBySlug('dev');
  await app.test.app.store.connections.setSecret(tenant?.id ?? '', 'apps-only', '');
  const { nonce } = await providers().startProviderLogin({ provider: 'apps-only', native: true });
  const user = freshUser();
  const idToken = await app.emulators.of('google').idTokenFor(user, 'ios-app', nonce);
  const { account } = await providers().loginWithProviderToken({ provider: 'apps-only', idToken });
  expect(account?.email).toBe(user.email);
  const { providers: listed } = await providers().listProviders({});
  expect(listed.map(({ name }) => name)).not.toContain('apps-only');
  expect(await failureOf(providers().startProviderLogin({ provider: 'apps-only' }))).toEqual(
    failure('FailedPrecondition', 'PROVIDER_DISABLED'),
  );
});

test('an address of another claim is verified by the claim that the connection names, and by no other', async () => {
  const byUsername = { email: 'preferred_username' } as const;
  await connect(app, 'oidc', { claims: byUsername }, 'usernames');
  await connect(
    app,
    'oidc',
    { claims: { ...byUsername, emailVerified: 'username_verified' } },
    'verified-usernames',
  );
  const victim = await signUp(app.test);
  app.emulators.of('oidc').tamper = (claims) => ({ ...claims, preferred_username: victim.email });
  const claimed = await signInAt(app, 'oidc', freshUser(), 'usernames');
  expect(claimed.json['reason']).toBe('PROVIDER_ADDRESS_UNPROVED');
  const user = freshUser();
  app.emulators.of('oidc').tamper = (claims) => ({
    ...claims,
    email_verified: false,
    preferred_username: user.email,
    username_verified: true,
  });
  expect((await signInAt(app, 'oidc', user, 'verified-usernames')).json['email']).toBe(user.email);
});

test('an account at one issuer is one, by whatever connection it comes', async () => {
  const mine = await signUp(app.test);
  const [domain = ''] = mine.email.split('@').slice(1);
  await connect(app, 'oidc', { domains: [domain] }, 'first-door');
  await connect(app, 'oidc', { domains: [domain] }, 'second-door');
  expect((await signInAt(app, 'oidc', freshUser({ email: mine.email }), 'first-door')).status).toBe(200);
  // The address has gone to someone else there.
  const heir = freshUser({ email: mine.email });
  expect((await signInAt(app, 'oidc', heir, 'second-door')).json['reason']).toBe('LOCAL_LOGIN_REQUIRED');
});

test('the event of a session names the provider that it began at', async () => {
  const { json } = await signInAt(app, 'github', freshUser());
  const [row] = await app.test.sql(
    "SELECT details FROM events WHERE type = 'session.started' AND user_id = UNHEX(REPLACE(?, '-', ''))",
    [json['user_id']],
  );
  expect(JSON.parse(String(row?.['details']))).toEqual({
    method: 'provider',
    amr: 'fed',
    provider: 'github',
  });
});

test('what a sign-in does not tell stays as an earlier one told it', async () => {
  const user = freshUser();
  const { json } = await signInAt(app, 'apple', user);
  await signInAt(app, 'apple', user);
  const [row] = await app.test.sql(
    "SELECT profile FROM external_identities WHERE user_id = UNHEX(REPLACE(?, '-', ''))",
    [json['user_id']],
  );
  expect(JSON.parse(String(row?.['profile']))).toMatchObject({
    givenName: 'Sara',
    displayName: 'Sara Ahmadi',
  });
});

test.each(['github', 'facebook', 'linkedin'] as const)('no token of %s signs an app in', async (kind) => {
  const idToken = await app.emulators.of('oidc').idTokenFor(freshUser(), clientOf(kind), 'n');
  for (const token of [idToken, 'an-access-token'])
    expect(await failureOf(providers().loginWithProviderToken({ provider: kind, idToken: token }))).toEqual(
      failure('Unauthenticated', 'PROVIDER_TOKEN_INVALID'),
    );
});

test('the tenant’s providers are listed in the order of its policy, without those that are off', async () => {
  await connect(app, 'oidc', { displayName: 'Acme ID', logo: 'data:image/png;base64,AAAA' }, 'acme');
  await changePolicy(app.test, (policy) => ({ ...policy, providerOrder: ['github', 'acme', 'unknown'] }));
  const { providers: listed } = await providers({ apieco_key: app.test.dev.secret }).listProviders({});
  expect(listed.slice(0, 2)).toMatchObject([
    { name: 'github', kind: 'github', displayName: '', logo: '' },
    { name: 'acme', kind: 'oidc', displayName: 'Acme ID', logo: 'data:image/png;base64,AAAA' },
  ]);
  const names = listed.map(({ name }) => name);
  expect(names.slice(2)).toEqual([...names.slice(2)].sort());
  expect(names).toContain('google');
  expect(names.some((name) => name.startsWith('off-'))).toBe(false);
});

test('fields of the profile come from the claims that the connection names', async () => {
  await connect(
    app,
    'oidc',
    { claims: { firstName: 'first', telephone: 'phone_number', address: 'street', picture: 'image' } },
    'mapped',
  );
  app.emulators.of('oidc').tamper = (claims) => ({
    ...claims,
    first: 'Mi\u202ena<b>',
    image: 'javascript:alert(1)',
    phone_number: '+98 912',
    street: { not: 'a text' },
  });
  const { json } = await signInAt(app, 'oidc', freshUser(), 'mapped');
  const [row] = await app.test.sql(
    "SELECT first_name, last_name, telephone, address, picture FROM users WHERE id = UNHEX(REPLACE(?, '-', ''))",
    [json['user_id']],
  );
  expect(row).toMatchObject({
    first_name: 'Minab',
    last_name: 'Ahmadi',
    telephone: '+98 912',
    address: '',
    picture: '',
  });
});

test('an address and whether it is verified come from one document', async () => {
  const user = freshUser({ email_verified: false });
  // The userinfo endpoint says that it is not verified.
  app.emulators.of('oidc').tamper = ({ email: _, ...claims }) => ({ ...claims, email_verified: true });
  expect((await signInAt(app, 'oidc', user)).json['reason']).toBe('PROVIDER_ADDRESS_UNPROVED');
  app.emulators.of('oidc').tamper = ({ email_verified: _, ...claims }) => claims;
  expect((await signInAt(app, 'oidc', user)).json['reason']).toBe('PROVIDER_ADDRESS_UNPROVED');
  expect((await signInAt(app, 'oidc', freshUser())).status).toBe(200);
});

test('an address that the ID token lacks comes from the userinfo endpoint, of the same subject alone', async () => {
  const user = freshUser();
  app.emulators.of('oidc').tamper = ({ email: _, email_verified: __, ...claims }) => claims;
  expect((await signInAt(app, 'oidc', user)).json['email']).toBe(user.email);
  app.emulators.of('oidc').tamper = ({ email: _, email_verified: __, ...claims }) => ({
    ...claims,
    sub: 'another',
  });
  expect((await signInAt(app, 'oidc', freshUser())).json['reason']).toBe('PROVIDER_TOKEN_INVALID');
});

test('a passkey of a former site is no other way in', async () => {
  const { json } = await signInAt(app, 'github', freshUser());
  const accessToken = String(json['access_token']);
  const user = { email: '', userId: String(json['user_id']), accessToken, refreshToken: '' };
  const site = async (rpId: string, enabled = false) => {
    await changePolicy(app.test, (policy) => ({
      ...policy,
      passkeys: { ...policy.passkeys, rpId, origins: ['https://tenant.com'] },
      codeSignIn: { ...policy.codeSignIn, enabled },
    }));
    await app.test.catchUp();
  };
  await site('tenant.com');
  await addPasskey(app.test, user, { origin: 'https://tenant.com' });
  await site('login.tenant.com');
  const mine = providers(bearer(accessToken));
  expect(await failureOf(mine.unlinkProvider({ provider: 'github' }))).toEqual(
    failure('FailedPrecondition', 'LAST_SIGN_IN'),
  );
  await site('tenant.com');
  await mine.unlinkProvider({ provider: 'github' });
  await site('', true);
});

test('an account that has another way in can do without a provider, and one that has none cannot', async () => {
  const { json } = await signInAt(app, 'github', freshUser());
  const mine = providers(bearer(String(json['access_token'])));
  // A code to the confirmed address is another way.
  expect(await failureOf(mine.unlinkProvider({ provider: 'oidc' }))).toEqual(
    failure('NotFound', 'NOT_FOUND'),
  );
  const setCodes = async (enabled: boolean) => {
    await changePolicy(app.test, (policy) => ({ ...policy, codeSignIn: { ...policy.codeSignIn, enabled } }));
    await app.test.catchUp();
  };
  await setCodes(false);
  expect(await failureOf(mine.unlinkProvider({ provider: 'github' }))).toEqual(
    failure('FailedPrecondition', 'LAST_SIGN_IN'),
  );
  await setCodes(true);
  await mine.unlinkProvider({ provider: 'github' });
});
