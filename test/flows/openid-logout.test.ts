import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { expect, test, vi } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { parseNetworks } from '../../src/domain/network.ts';
import { password, useTestApp } from '../support/app.ts';
import { freePort } from '../support/federation.ts';
import { bearer, type SignedIn } from '../support/journey.ts';
import {
  basic,
  issuerAt,
  makeApplication,
  pagesOf,
  post,
  signInTo,
  type TestApplication,
} from '../support/openid.ts';

// Which sign-outs end which grants, and how the application learns of it.

const port = await freePort();
const receivedTokens: string[] = [];
let isBroken = false;
const receiver = createServer((request: IncomingMessage, response) => {
  let text = '';
  request.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  request.on('end', () => {
    if (isBroken) return void response.writeHead(503).end();
    receivedTokens.push(new URLSearchParams(text).get('logout_token') ?? '');
    response.writeHead(200).end();
  });
});
receiver.listen(0, '127.0.0.1').unref();
await new Promise((resolve) => receiver.once('listening', resolve));
const receiverPort = (receiver.address() as AddressInfo).port;

const testApp = useTestApp({
  config: {
    port,
    issuer: `http://127.0.0.1:${port}`,
    outgoingNetworks: parseNetworks(['127.0.0.0/8']),
  },
});

const withBackchannel = () =>
  makeApplication(testApp(), { backchannelLogoutUri: `http://127.0.0.1:${receiverPort}/logout` });

const waiting = { timeout: 15_000, interval: 50 };

/** The logout tokens of an application so far. */
async function tokensFor({ clientId }: TestApplication): Promise<Record<string, unknown>[]> {
  const keys = createRemoteJWKSet(new URL(`${issuerAt(testApp())}/jwks`));
  const mine: Record<string, unknown>[] = [];
  for (const token of receivedTokens) {
    const { payload } = await jwtVerify(token, keys, { issuer: issuerAt(testApp()), typ: 'logout+jwt' });
    if (payload.aud === clientId) mine.push(payload);
  }
  return mine;
}

const isLive = async (application: TestApplication, token: string | undefined) =>
  (await post(testApp(), 'introspect', { token: token ?? '' }, { headers: basic(application) })).body[
    'active'
  ];

test('a sign-out is told to the application, with the session of its ID token', async () => {
  const application = await withBackchannel();
  const { tokens, user } = await signInTo(testApp(), application);
  await testApp().client(AuthService, bearer(user.accessToken)).logout({});
  const [told] = await vi.waitFor(async () => {
    const found = await tokensFor(application);
    expect(found).toHaveLength(1);
    return found;
  }, waiting);
  const sid = JSON.parse(Buffer.from((tokens['id_token'] ?? '').split('.')[1] ?? '', 'base64url').toString())[
    'sid'
  ];
  expect(told).toEqual({
    iss: issuerAt(testApp()),
    aud: application.clientId,
    iat: expect.any(Number),
    exp: Number(told?.['iat']) + 120,
    jti: expect.any(String),
    sub: user.userId,
    sid,
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
  });
  expect(decodeProtectedHeader(receivedTokens.at(-1) ?? '').typ).toBe('logout+jwt');
});

test('a receiver that is away gets a fresh token later, once', async () => {
  const application = await withBackchannel();
  const { user } = await signInTo(testApp(), application);
  isBroken = true;
  await testApp().client(AuthService, bearer(user.accessToken)).logout({});
  await vi.waitFor(async () => {
    const rows = await testApp().sql(
      "SELECT attempts FROM outbox WHERE channel = 'http' AND status = 'queued'",
    );
    expect(rows.map((row) => Number(row['attempts']))).toContain(1);
  }, waiting);
  isBroken = false;
  testApp().advance(60_000);
  const before = Math.floor(testApp().now().getTime() / 1000) - 5;
  await vi.waitFor(async () => expect(await tokensFor(application)).toHaveLength(1), waiting);
  const [told] = await tokensFor(application);
  expect(Number(told?.['iat'])).toBeGreaterThan(before);
});

type End = (user: SignedIn) => Promise<unknown>;
const client = ({ accessToken }: SignedIn) => testApp().client(AuthService, bearer(accessToken));

test.each<[string, End, { plain: boolean; offline: boolean }]>([
  ['a sign-out', (user) => client(user).logout({}), { plain: false, offline: true }],
  [
    'a sign-out from another session',
    async (user) => {
      const other = await testApp().client(AuthService).login({ email: user.email, password });
      const token = other.tokens?.accessToken ?? '';
      await testApp().client(AuthService, bearer(token)).revokeOtherSessions({});
    },
    { plain: false, offline: false },
  ],
  [
    'a sign-out of the others',
    (user) => client(user).revokeOtherSessions({}),
    { plain: true, offline: true },
  ],
  [
    'another password, chosen in another session',
    async (user) => {
      const other = await testApp().client(AuthService).login({ email: user.email, password });
      await testApp()
        .client(RecoveryService, bearer(other.tokens?.accessToken ?? ''))
        .changePassword({ currentPassword: password, password: 'another-orbit-lantern-48' });
    },
    { plain: false, offline: false },
  ],
  [
    'a user who is disabled',
    (user) =>
      testApp().sql("UPDATE users SET status = 'disabled' WHERE id = UNHEX(?)", [
        user.userId.replaceAll('-', ''),
      ]),
    { plain: false, offline: false },
  ],
  [
    'a user who deletes the account',
    (user) => testApp().client(ProfileService, bearer(user.accessToken)).deleteAccount({}),
    { plain: false, offline: false },
  ],
])('after %s the grants are as they should be', async (_, end, expected) => {
  const application = await withBackchannel();
  const other = await withBackchannel();
  const { tokens: plain, user } = await signInTo(testApp(), application);
  const { tokens: offline } = await signInTo(testApp(), other, { scope: 'openid offline_access' }, user);
  const bystander = await signInTo(testApp(), application);
  await end(user);
  const live = {
    plain: await isLive(application, plain['refresh_token']),
    offline: await isLive(other, offline['refresh_token']),
  };
  expect(live).toEqual(expected);
  expect(await isLive(application, plain['access_token'])).toBe(expected.plain);
  expect(await isLive(application, bystander.tokens['refresh_token'])).toBe(true);
});

test('an application that goes on offline is told of the end of the session once, and goes on', async () => {
  const application = await withBackchannel();
  const { tokens, user } = await signInTo(testApp(), application, { scope: 'openid offline_access' });
  await testApp().client(AuthService, bearer(user.accessToken)).logout({});
  await vi.waitFor(async () => expect(await tokensFor(application)).toHaveLength(1), waiting);
  const form = { grant_type: 'refresh_token', refresh_token: tokens['refresh_token'] ?? '' };
  const refreshed = await post(testApp(), 'token', form, { headers: basic(application) });
  expect(refreshed.status).toBe(200);
  // The end of the grant itself says nothing new of the session.
  const token = String(refreshed.body['refresh_token']);
  await post(testApp(), 'revoke', { token }, { headers: basic(application) });
  const bystander = await withBackchannel();
  const other = await signInTo(testApp(), bystander);
  await testApp().client(AuthService, bearer(other.user.accessToken)).logout({});
  await vi.waitFor(async () => expect(await tokensFor(bystander)).toHaveLength(1), waiting);
  expect(await tokensFor(application)).toHaveLength(1);
});

test('an account that is deleted is told of, and nothing of it is kept', async () => {
  const application = await withBackchannel();
  const { user } = await signInTo(testApp(), application);
  await testApp().client(ProfileService, bearer(user.accessToken)).deleteAccount({});
  await vi.waitFor(
    async () => expect((await tokensFor(application)).map(({ sub }) => sub)).toEqual([user.userId]),
    waiting,
  );
  const id = user.userId.replaceAll('-', '');
  for (const table of ['application_grants', 'application_consents'])
    expect(await testApp().sql(`SELECT 1 FROM ${table} WHERE user_id = UNHEX(?)`, [id]), table).toEqual([]);
});

test('a user disconnects an application, whose tokens end and whose consent is asked for again', async () => {
  const application = await makeApplication(testApp(), { firstParty: false });
  const { tokens, user } = await signInTo(testApp(), application, { scope: 'openid email' });
  const pages = pagesOf(testApp(), user);
  expect((await pages.listConnectedApplications({})).applications).toMatchObject([
    { application: { clientId: application.clientId, name: 'Shop' }, scopes: ['openid', 'email'] },
  ]);
  await pages.disconnectApplication({ clientId: application.clientId });
  expect(await isLive(application, tokens['refresh_token'])).toBe(false);
  expect((await pages.listConnectedApplications({})).applications).toEqual([]);
});
