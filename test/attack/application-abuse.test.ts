import { generateKeyPairSync } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { createApplicationTokens } from '../../src/adapters/application-tokens.ts';
import { createAssertionVerifier } from '../../src/adapters/client-assertions.ts';
import { createRsaSigner } from '../../src/adapters/rsa-signer.ts';
import { defaultApplication } from '../../src/domain/application.ts';
import type { AuthorizationParameters } from '../../src/domain/authorization-request.ts';
import type { Client } from '../../src/domain/client.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { type AuthorizeDeps, createAuthorize } from '../../src/flows/provider/authorize.ts';
import { createExchange } from '../../src/flows/provider/exchange.ts';
import { type TellDeps, tellEnded } from '../../src/flows/provider/tell-ended.ts';
import { defaultLimits, password, startTestApp, useTestApp } from '../support/app.ts';
import { bearer, signUp } from '../support/journey.ts';
import {
  authorize,
  basic,
  callback,
  exchange,
  handleOf,
  makeApplication,
  pagesOf,
  post,
  requestOf,
  signInTo,
} from '../support/openid.ts';

// What strangers and applications could make of the provider, beside breaking a token.

const testApp = useTestApp();

test('codes and tokens that strangers make an application present shut nobody out', async () => {
  const max = 5;
  const limited = await startTestApp({
    config: {
      limits: { ...defaultLimits, attemptsPerNetwork: { ...defaultLimits.attemptsPerNetwork, max } },
    },
  });
  const application = await makeApplication(limited);
  for (let tries = 0; tries < 3 * max; tries += 1) {
    const { body } = await exchange(limited, application, `garbage-${tries}`);
    expect(body['error']).toBe('invalid_grant');
    const asked = { token: `garbage-${tries}` };
    await post(limited, 'introspect', asked, { headers: basic(application) });
  }
  const { status } = await post(
    limited,
    'token',
    { grant_type: 'client_credentials' },
    { headers: basic(application) },
  );
  expect(status).toBe(200);
  const wrong = { ...application, secret: `${application.secret}x` };
  const answers = [];
  for (let tries = 0; tries <= max + 1; tries += 1)
    answers.push((await exchange(limited, wrong, 'garbage')).status);
  expect(answers.at(-1)).toBe(429);
  await limited.close();
});

test('no grant outlives an end of all sessions that came in between', async () => {
  const application = await makeApplication(testApp());
  for (let round = 0; round < 5; round += 1) {
    const user = await signUp(testApp());
    const { tokens } = await testApp().client(AuthService).login({ email: user.email, password });
    const request = await handleOf(testApp(), requestOf(application, { scope: 'openid offline_access' }));
    const pages = pagesOf(testApp(), user);
    const approvals = Array.from({ length: 6 }, () =>
      pages.continueAuthorization({ request, consent: true }).then(
        ({ location }) => new URL(location).searchParams.get('code') ?? '',
        () => '',
      ),
    );
    const end = testApp()
      .client(AuthService, bearer(tokens?.accessToken ?? ''))
      .revokeOtherSessions({});
    const codes = (await Promise.all(approvals)).filter((code) => code !== '');
    await end;
    for (const code of codes)
      expect((await exchange(testApp(), application, code)).body['error']).toBe('invalid_grant');
  }
}, 60_000);

test('an application without credentials gets no token of a machine', async () => {
  const { clientId } = await makeApplication(testApp(), { authentication: 'none' });
  const { status, body } = await post(testApp(), 'token', {
    grant_type: 'client_credentials',
    client_id: clientId,
  });
  expect([status, body['error']]).toEqual([400, 'unauthorized_client']);
});

test('a consent to scopes is none to another API', async () => {
  const resources = ['https://mail.example', 'https://pay.example'];
  const application = await makeApplication(testApp(), { firstParty: false, resources });
  const user = await signUp(testApp());
  const asking = (resource: string) =>
    handleOf(testApp(), requestOf(application, { resource, prompt: 'none' }));
  const answer = async (resource: string) => {
    const { location } = await pagesOf(testApp(), user).continueAuthorization({
      request: await asking(resource),
      consent: false,
    });
    return new URL(location).searchParams.get('error');
  };
  await authorize(testApp(), user, requestOf(application, { resource: 'https://mail.example' }));
  expect(await answer('https://mail.example')).toBeNull();
  expect(await answer('https://pay.example')).toBe('consent_required');
});

test('a first-party program gets no code from a session without an act of the user', async () => {
  const native = await makeApplication(testApp(), {
    kind: 'native',
    redirectUris: ['http://127.0.0.1/callback', 'https://app.example/native'],
  });
  const user = await signUp(testApp());
  const ask = async (redirectUri: string) => {
    const parameters = requestOf({ ...native, redirectUri }, { prompt: 'none' });
    const request = await handleOf(testApp(), parameters);
    const { location } = await pagesOf(testApp(), user).continueAuthorization({ request, consent: false });
    return new URL(location).searchParams.get('error');
  };
  testApp().advance(1000);
  expect(await ask('http://127.0.0.1:4711/callback')).toBe('consent_required');
  expect(await ask('https://app.example/native')).toBeNull();
});

test('an earlier refresh token revokes the grant, and is not live', async () => {
  const application = await makeApplication(testApp());
  const { tokens } = await signInTo(testApp(), application, { scope: 'openid offline_access' });
  const first = tokens['refresh_token'] ?? '';
  const headers = basic(application);
  const renewed = await post(
    testApp(),
    'token',
    { grant_type: 'refresh_token', refresh_token: first },
    { headers },
  );
  expect((await post(testApp(), 'introspect', { token: first }, { headers })).body).toEqual({
    active: false,
  });
  expect((await post(testApp(), 'revoke', { token: first }, { headers })).status).toBe(200);
  const token = String(renewed.body['refresh_token']);
  expect((await post(testApp(), 'introspect', { token }, { headers })).body).toEqual({ active: false });
});

describe('UserInfo', () => {
  const place = () => `${testApp().url}/t/dev/oauth/userinfo`;

  test('takes no token from an address, and ignores what it does not know there', async () => {
    const { tokens } = await signInTo(testApp(), await makeApplication(testApp()));
    const token = tokens['access_token'] ?? '';
    expect((await fetch(`${place()}?access_token=${token}`)).status).toBe(400);
    expect((await fetch(`${place()}?schema=openid`, { headers: bearer(token) })).status).toBe(200);
  });

  test('says how a token falls short', async () => {
    const application = await makeApplication(testApp());
    const { tokens } = await signInTo(testApp(), application, { scope: 'profile' });
    const token = tokens['access_token'] ?? '';
    const twice = await fetch(place(), {
      method: 'POST',
      headers: bearer(token),
      body: new URLSearchParams({ access_token: token }),
    });
    expect([twice.status, twice.headers.get('www-authenticate')]).toEqual([
      400,
      'Bearer realm="manam", error="invalid_request"',
    ]);
    const short = await fetch(place(), { headers: bearer(token) });
    expect([short.status, short.headers.get('www-authenticate')]).toEqual([
      403,
      'Bearer realm="manam", error="insufficient_scope", scope="openid"',
    ]);
  });
});

test('a client that registered itself is not redirected to unasked', async () => {
  const clientId = 'https://client.example/app.json';
  const settings = { ...defaultApplication('native'), name: 'Any', redirectUris: [callback] };
  const now = new Date();
  const client: Client = {
    tenantId: 'a tenant',
    clientId,
    settings,
    secrets: [],
    createdAt: now,
    updatedAt: now,
  };
  const deps = { findClient: async () => client, clock: () => now } as unknown as AuthorizeDeps;
  const { begin } = createAuthorize(deps);
  const tenant = { id: 'a tenant', slug: 'acme' } as never;
  const asking = (changes: Record<string, string>): AuthorizationParameters =>
    Object.fromEntries(requestOf({ clientId, secret: '', redirectUri: callback }, changes));
  for (const changes of [{ response_type: 'x' }, { prompt: 'none' }])
    await expect(
      begin(tenant, asking(changes), { address: '192.0.2.1', isFrame: false }),
    ).rejects.toMatchObject({ reason: 'AUTHORIZATION_INVALID' });
});

test('an assertion for nobody is none', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] };
  const client = {
    clientId: 'app',
    settings: { ...defaultApplication('web'), authentication: 'private_key_jwt', jwks },
  } as unknown as Client;
  const verify = createAssertionVerifier(
    async () => Response.error(),
    () => new Date(),
  );
  const sign = (aud: string[]) =>
    new SignJWT({ jti: 'once', aud })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setIssuer('app')
      .setSubject('app')
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(privateKey);
  expect(await verify(client, await sign([]), 'https://issuer')).toBeUndefined();
  expect(await verify(client, await sign(['https://issuer']), 'https://issuer')).toBeDefined();
});

test('where too many signatures wait nothing is used up for one more', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rsa = createRsaSigner();
  expect(() => rsa.admit()).not.toThrow();
  const waiting = Array.from({ length: 1000 }, (_, index) => rsa.sign(privateKey, `text ${index}`));
  expect(() => rsa.admit()).toThrow(expect.objectContaining({ reason: 'UNAVAILABLE' }));
  // Who was admitted before still finds a place.
  await rsa.sign(privateKey, 'text');
  await Promise.all(waiting);
  expect(() => rsa.admit()).not.toThrow();

  const used: string[] = [];
  const exchange = createExchange({
    store: { grants: new Proxy({}, { get: (_, name) => used.push(String(name)) }) },
    clients: {
      authenticate: async () => ({ clientId: 'app', settings: defaultApplication('web') }),
    },
    issue: {
      admit: () => {
        throw new DomainError('UNAVAILABLE');
      },
    },
  } as never);
  for (const command of [
    { grantType: 'authorization_code', code: 'x', redirectUri: callback },
    { grantType: 'refresh_token', refreshToken: 'x' },
  ])
    await expect(exchange({} as never, command as never)).rejects.toMatchObject({ reason: 'UNAVAILABLE' });
  expect(used).toEqual([]);
});

test('the hint of an ID token is read after its key is published no more', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const key = { key: publicKey, algorithm: 'ES256' as const };
  const applications = {
    signer: () => {
      throw new Error('nothing is signed');
    },
    verifier: () => undefined,
    everyVerifier: () => key,
    jwks: () => ({ keys: [] }),
  };
  const tokens = createApplicationTokens(
    { applications },
    { sign: async () => '', admit: () => {} },
    () => new Date(),
  );
  const sign = (typ: string) =>
    new SignJWT({ sub: 'someone', aud: 'app', sid: 'a session', client_id: 'app', jti: 'one' })
      .setProtectedHeader({ alg: 'ES256', kid: 'old', typ })
      .setIssuer('https://issuer')
      .setIssuedAt(0)
      .setExpirationTime(600)
      .sign(privateKey);
  expect(await tokens.readHint(await sign('JWT'), 'https://issuer')).toEqual({
    subject: 'someone',
    clientId: 'app',
    sessionId: 'a session',
  });
  expect(await tokens.verifyAccess(await sign('at+jwt'), 'https://issuer')).toBeUndefined();
});

test('nobody is told of a grant whose tenant is gone, and others are', async () => {
  const sent: string[] = [];
  const backchannelLogoutUri = 'https://app.example/logout';
  const ended = ['gone', 'there'].map((clientId) => ({ clientId, sessionId: 'one' }));
  const repositories = {
    grants: { takeEnded: async () => ended },
    applications: {
      find: async (_: string, clientId: string) => ({
        clientId,
        settings: { ...defaultApplication('web'), backchannelLogoutUri, sector: clientId },
      }),
    },
    outbox: {
      add: async ({ message }: { message: { logout: { clientId: string } } }) => {
        sent.push(message.logout.clientId);
      },
    },
  };
  const deps: TellDeps = {
    clock: () => new Date(),
    random: { uuid: () => 'an id' } as never,
    subjectOf: async ({ settings }) => (settings.sector === 'gone' ? undefined : 'a subject'),
  };
  await tellEnded(repositories as never, deps, 'manam', 'someone');
  expect(sent).toEqual(['there']);
});
