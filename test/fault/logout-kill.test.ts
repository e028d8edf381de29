import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { parseNetworks } from '../../src/domain/network.ts';
import { password, startTestApp, type TestApp } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { tell } from '../support/figures.ts';
import { type SignedIn, signUp } from '../support/journey.ts';
import { makeApplication, signInTo } from '../support/openid.ts';
import { clientsOf, developmentMasterKeys, startServerProcess } from '../support/server-process.ts';

const kills = 5;
const sessionsPerKill = 30;
const issuer = 'http://localhost:4711';

/** An application that takes logout tokens, and forgets nothing of them. */
async function startReceiver() {
  const tokens: string[] = [];
  const hooks = { onReceived: () => {} };
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk;
    });
    request.on('end', () => {
      tokens.push(new URLSearchParams(text).get('logout_token') ?? '');
      // The answer is about to go out: the moment between it and the service's note.
      hooks.onReceived();
      response.writeHead(200).end();
    });
  });
  server.listen(0, '127.0.0.1').unref();
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/logout`;
  return { url, tokens, hooks, close: () => server.close() };
}

/** Sessions that have signed in to an application, by the `sid` that it knows. */
async function makeSessions(app: TestApp, url: string, count: number): Promise<Map<string, SignedIn>> {
  const application = await makeApplication(app, { backchannelLogoutUri: url });
  const sessions = new Map<string, SignedIn>();
  let user = await signUp(app);
  for (let number = 1; number <= count; number += 1) {
    const { tokens } = await signInTo(app, application, {}, user);
    sessions.set(String(decodeJwt(tokens['id_token'] ?? '')['sid']), user);
    // A user has at most fifty.
    const answer = number % sessionsPerKill === 0 ? undefined : await login(app, user.email);
    user = answer === undefined ? await signUp(app) : { ...user, ...answer };
  }
  return sessions;
}

async function login(app: TestApp, email: string) {
  const { tokens } = await app.client(AuthService).login({ email, password });
  return { accessToken: tokens?.accessToken ?? '', refreshToken: tokens?.refreshToken ?? '' };
}

test('a kill at any time loses no logout token, and each try has a token of its own', async () => {
  const database = await createTestDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'manam-logout-'));
  const env = { MANAM_ISSUER: issuer, OUTGOING_PRIVATE_NETWORKS: '127.0.0.0/8' };
  const receiver = await startReceiver();
  // It makes the tenants and the master key.
  const first = await startServerProcess(database.url, folder, env);
  first.child.kill('SIGKILL');
  const options = {
    database: database.url,
    masterKeys: developmentMasterKeys(folder),
    config: { issuer, outgoingNetworks: parseNetworks(['127.0.0.0/8']) },
  };
  const maker = await startTestApp(options);
  const sessions = await makeSessions(maker, receiver.url, kills * sessionsPerKill);
  await maker.close();

  const waiting = [...sessions];
  const promised = new Set<string>();
  for (let round = 0; round < kills; round += 1) {
    const server = await startServerProcess(database.url, folder, env);
    const exited = new Promise((resolve) => server.child.once('exit', resolve));
    let isAlive = true;
    const kill = () => {
      isAlive = false;
      server.child.kill('SIGKILL');
    };
    // By turns: just after a token was taken, and at any moment between the end of a session and its token.
    if (round % 2 === 0) receiver.hooks.onReceived = () => setImmediate(kill);
    else setTimeout(kill, Math.random() * 500);
    for (const [sid, { accessToken }] of waiting.splice(0, sessionsPerKill)) {
      if (!isAlive) break;
      await clientsOf(server, accessToken)
        .auth.logout({})
        .then(
          () => promised.add(sid),
          () => {},
        );
    }
    await exited;
    receiver.hooks.onReceived = () => {};
  }

  const app = await startTestApp(options);
  const sidsOf = () => new Set(receiver.tokens.map((token) => String(decodeJwt(token)['sid'])));
  const missing = () => [...promised].filter((sid) => !sidsOf().has(sid));
  // What a killed instance had in hand comes after the minute of its lease.
  for (let count = 0; count < 400 && missing().length > 0; count += 1) {
    if (count % 40 === 0) app.advance(61_000);
    await pause(50);
  }
  expect(missing()).toEqual([]);
  expect(promised.size).toBeGreaterThan(kills);
  const keys = createLocalJWKSet(
    (await (await fetch(`${app.url}/t/dev/jwks`)).json()) as unknown as JSONWebKeySet,
  );
  const ids = new Set<string>();
  for (const token of receiver.tokens) {
    const { payload } = await jwtVerify(token, keys, { issuer: `${issuer}/t/dev`, typ: 'logout+jwt' });
    expect(sessions.has(String(payload['sid']))).toBe(true);
    ids.add(String(payload.jti));
  }
  expect(ids.size).toBe(receiver.tokens.length);
  const repeated = receiver.tokens.length - sidsOf().size;
  tell('kills around logout tokens', { kills, promised: promised.size, repeated });
  receiver.close();
  await app.close();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
}, 180_000);
