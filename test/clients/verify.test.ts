import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import * as connect from '../../src/clients/connect.ts';
import * as grpc from '../../src/clients/grpc.ts';
import {
  AccessTokenError,
  assertRole,
  createAccessTokenVerifier,
  MissingRoleError,
  type Revocations,
} from '../../src/clients/verify.ts';
import { password, startTestApp, useTestApp } from '../support/app.ts';
import { thrownBy } from '../support/errors.ts';
import { bearer, enrolTotp, signUp } from '../support/journey.ts';

const testApp = useTestApp();
/** The issuer of an app that listens on whatever port is free. */
const issuer = 'http://localhost:0';
const tenantIdOf = async (slug = 'dev') => (await testApp().app.store.tenants.findBySlug(slug))?.id ?? '';

async function verifier(
  options: {
    tenantId?: string;
    issuer?: string;
    jwksUrl?: string;
    now?: () => Date;
    revocations?: Revocations;
  } = {},
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
    roles: [],
    authTime: expect.any(Date),
    issuedAt: expect.any(Date),
    expiresAt: new Date(claims.issuedAt.getTime() + 600_000),
  });
});

test('the roles of a user are in the token, bounded, and guards check them', async () => {
  const user = await signUp(testApp());
  const manage = testApp().client(ManagementService, { 'x-api-key': testApp().dev.secret });
  await manage.updateUser({ userId: user.userId, roles: ['admin', 'user'] });
  const auth = testApp().client(AuthService);
  const verify = await verifier();
  const claimsAfter = async (refreshToken: string) => {
    const { tokens } = await auth.refreshToken({ refreshToken });
    return { claims: await verify(tokens?.accessToken ?? ''), next: tokens?.refreshToken ?? '' };
  };
  const { claims, next } = await claimsAfter(user.refreshToken);
  expect(claims.roles).toEqual(['admin', 'user']);
  assertRole(claims, 'editor', 'admin');
  expect(() => assertRole(claims, 'editor')).toThrow(MissingRoleError);
  const many = Array.from({ length: 60 }, (_, index) => `role-${index}-${'x'.repeat(40)}`);
  await testApp().sql('UPDATE users SET roles = ? WHERE id = UNHEX(?)', [
    JSON.stringify(many),
    user.userId.replaceAll('-', ''),
  ]);
  // All or none: a guard that finds none lets no one in.
  expect((await claimsAfter(next)).claims.roles).toEqual([]);
  const { tokens } = await auth.login({ email: user.email, password });
  expect((await verify(tokens?.accessToken ?? '')).roles).toEqual([]);
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

test('the keys at hand are good for an hour while they cannot be read again', async () => {
  const { accessToken } = await signUp(testApp());
  const keys = await (await fetch(`${testApp().url}/.well-known/jwks.json`)).text();
  let isAway = false;
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    if (isAway) response.writeHead(503).end();
    else response.writeHead(200, { 'content-type': 'application/json' }).end(keys);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  const at = new Date();
  const verify = await verifier({ jwksUrl, now: () => at });
  vi.useFakeTimers({ toFake: ['Date'], now: at });
  const later = (ms: number) => vi.setSystemTime(Date.now() + ms);
  try {
    await verify(accessToken);
    await verify(accessToken);
    expect(asked).toBe(1);
    isAway = true;
    later(61_000);
    for (let count = 0; count < 3; count += 1) await verify(accessToken);
    // One of them has asked; the next one does after a pause.
    expect(asked).toBe(2);
    later(50 * 60_000);
    await verify(accessToken);
    later(11 * 60_000);
    expect((await thrownBy(verify(accessToken))) as Error).toMatchObject({
      message: expect.stringContaining(`the keys at ${jwksUrl} cannot be read: `),
    });
    isAway = false;
    await verify(accessToken);
    later(30_000);
    const before = asked;
    await verify(accessToken);
    expect(asked).toBe(before);
  } finally {
    vi.useRealTimers();
    server.close();
  }
});

test('a verifier rejects values that are not strings with AccessTokenError', async () => {
  // Callers in JavaScript may pass a header that is missing; guards answer 503 to any other error.
  const verify = await verifier();
  for (const none of [undefined, null, 7, ''])
    expect(await thrownBy(verify(none as never))).toBeInstanceOf(AccessTokenError);
});

describe('a verifier that follows the stream', () => {
  const clients = { grpc, connect } as const;
  const open: { close(): void }[] = [];
  afterEach(() => {
    for (const each of open.splice(0)) each.close();
  });

  async function follow(name: keyof typeof clients, options: Partial<grpc.RevocationOptions> = {}) {
    const manam = clients[name].createManam({ url: testApp().url, key: testApp().dev.secret });
    const revocations = clients[name].followRevocations({ manam, ...options });
    open.push(revocations, {
      close: () => ('close' in manam ? (manam as grpc.Closable).close() : undefined),
    });
    await revocations.ready;
    return await verifier({ revocations });
  }

  /** Waits until the verifier refuses, as it must soon. */
  async function untilRefused(verify: (token: string) => Promise<unknown>, token: string): Promise<Error> {
    for (;;) {
      const refused = await verify(token).then(
        () => undefined,
        (error: Error) => error,
      );
      if (refused !== undefined) return refused;
      await pause(10);
    }
  }

  test.each(['grpc', 'connect'] as const)('refuses the token of an ended session, over %s', async (name) => {
    const verify = await follow(name);
    const [user, other] = [await signUp(testApp()), await signUp(testApp())];
    await verify(user.accessToken);
    await testApp().client(AuthService, bearer(user.accessToken)).logout({});
    expect(await untilRefused(verify, user.accessToken)).toEqual(
      new AccessTokenError('the session has ended'),
    );
    await verify(other.accessToken);
  });

  test('refuses all sessions that a change ended, and keeps the one that made it', async () => {
    const verify = await follow('grpc');
    const user = await signUp(testApp());
    const { tokens } = await testApp().client(AuthService).login({ email: user.email, password });
    await pause(2500);
    await testApp().client(AuthService, bearer(user.accessToken)).revokeOtherSessions({});
    await untilRefused(verify, tokens?.accessToken ?? '');
    await verify(user.accessToken);
  });

  test('refuses the tokens of a user who was deleted', async () => {
    const verify = await follow('grpc');
    const { accessToken } = await signUp(testApp());
    await testApp().client(ProfileService, bearer(accessToken)).deleteAccount({});
    expect(await untilRefused(verify, accessToken)).toEqual(new AccessTokenError('the session has ended'));
  });

  test('accepts no token where the key is of another tenant', async () => {
    const manam = connect.createManam({ url: testApp().url, key: testApp().manam.secret });
    const revocations = connect.followRevocations({ manam });
    open.push(revocations);
    await revocations.ready;
    const verify = await verifier({ revocations });
    await pause(2500);
    const { accessToken } = await signUp(testApp());
    for (let count = 0; count < 2; count += 1)
      expect(await thrownBy(verify(accessToken))).toEqual(new AccessTokenError('the session has ended'));
  });

  test('asks about each token once it is closed', async () => {
    const verify = await follow('connect');
    const { accessToken } = await signUp(testApp());
    await verify(accessToken);
    for (const each of open) each.close();
    await testApp().client(AuthService, bearer(accessToken)).logout({});
    expect(await thrownBy(verify(accessToken))).toEqual(new AccessTokenError('the session has ended'));
  });

  test('asks about tokens that are older than the stream', async () => {
    const user = await signUp(testApp());
    await testApp().client(AuthService, bearer(user.accessToken)).logout({});
    const verify = await follow('grpc');
    expect(await thrownBy(verify(user.accessToken))).toEqual(new AccessTokenError('the session has ended'));
  });

  test('asks about each token while the stream is cut, and accepts none that it cannot ask about', async () => {
    const app = await startTestApp({ sibling: testApp() });
    const manam = grpc.createManam({ url: app.url, key: app.dev.secret });
    const auth = grpc.createManam({ url: testApp().url, key: testApp().dev.secret });
    const revocations = grpc.followRevocations({
      manam: { events: manam.events, auth: auth.auth },
      toleranceMs: 0,
    });
    open.push(revocations, manam, auth);
    await revocations.ready;
    await app.close();
    const verify = await verifier({ revocations });
    const user = await signUp(testApp());
    await verify(user.accessToken);
    await testApp().client(AuthService, bearer(user.accessToken)).logout({});
    expect(await thrownBy(verify(user.accessToken))).toEqual(new AccessTokenError('the session has ended'));
    const deaf = grpc.followRevocations({ manam, toleranceMs: 0 });
    open.push(deaf);
    const blind = await verifier({ revocations: deaf });
    const { accessToken } = await signUp(testApp());
    expect(await thrownBy(blind(accessToken))).not.toBeInstanceOf(AccessTokenError);
  });

  test('remembers a bounded number of ends, and asks about what it forgot', async () => {
    const verify = await follow('grpc', { maxEntries: 2 });
    const users: string[] = [];
    for (let index = 0; index < 4; index += 1) users.push((await signUp(testApp())).accessToken);
    for (const token of users) await testApp().client(AuthService, bearer(token)).logout({});
    for (const token of users) await untilRefused(verify, token);
  });
});

test('events are followed over an instance that goes away, and none is lost or twice', async () => {
  const app = await startTestApp({ sibling: testApp() });
  const manam = grpc.createManam({ url: app.url, key: app.dev.secret });
  const second = grpc.createManam({ url: testApp().url, key: testApp().dev.secret });
  let current = manam;
  const controller = new AbortController();
  const seen: string[] = [];
  let isOpen = false;
  const events = { watchEvents: (...call) => current.events.watchEvents(...call) } as grpc.Manam['events'];
  const end = (async () => {
    for await (const { event } of grpc.followEvents(
      { events },
      { signal: controller.signal, types: ['user.registered'] },
    )) {
      isOpen = true;
      if (event !== undefined) seen.push(event.userId);
    }
  })();
  const wanted: string[] = [];
  while (!isOpen) await pause(10);
  for (let index = 0; index < 6; index += 1) {
    wanted.push((await signUp(testApp())).userId);
    if (index === 2) {
      current = second;
      await app.close();
    }
  }
  // Users of other tests may be numbered into the log only now.
  const own = () => seen.filter((userId) => wanted.includes(userId));
  while (own().length < wanted.length) await pause(10);
  expect(own()).toEqual(wanted);
  controller.abort();
  await end;
  manam.close();
  second.close();
});
