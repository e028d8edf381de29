import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { networkOf, parseNetworks } from '../../src/domain/network.ts';
import { clientAddress } from '../../src/server/client-address.ts';
import { startEmbeddedServer } from '../../src/store/embedded/server.ts';
import { startTestApp, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { freshMobile } from '../support/journey.ts';
import { protocols } from '../support/protocols.ts';

const testApp = useTestApp();
const get = (path: string, init: RequestInit = {}) => fetch(testApp().url + path, init);

test('the process is healthy and the service ready', async () => {
  expect(await (await get('/healthz')).json()).toEqual({ status: 'ok' });
  expect(await (await get('/readyz')).json()).toEqual({ status: 'ready' });
  expect((await get('/readyz', { method: 'POST' })).status).toBe(405);
});

test('a service whose clock is far from the database is not ready', async () => {
  const { advance } = testApp();
  advance(60_000);
  expect((await get('/readyz')).status).toBe(503);
  advance(-60_000);
  expect((await get('/readyz')).status).toBe(200);
});

test('the public keys are published, without their private part, and may be cached', async () => {
  const response = await get('/.well-known/jwks.json');
  expect(response.headers.get('cache-control')).toBe('public, max-age=60');
  expect(await response.json()).toEqual({
    keys: [
      {
        kty: 'OKP',
        crv: 'Ed25519',
        x: expect.any(String),
        kid: expect.any(String),
        alg: 'EdDSA',
        use: 'sig',
      },
    ],
  });
});

test('every answer forbids caching and sniffing, names its request and sets no cookie', async () => {
  for (const path of ['/healthz', '/nowhere', '/manam.v1.AuthService/Login']) {
    const { headers } = await get(path);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.get('set-cookie')).toBeNull();
    expect(headers.get('server')).toBeNull();
    expect(headers.get('x-powered-by')).toBeNull();
  }
});

const preflight = (origin: string) =>
  get('/manam.v1.AuthService/Login', {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'apieco_key,content-type',
    },
  });

test('a preflight of a registered origin passes, and no other', async () => {
  const allowed = await preflight('http://localhost:3000');
  expect(allowed.status).toBe(204);
  expect(allowed.headers.get('access-control-allow-origin')).toBe('http://localhost:3000');
  expect(allowed.headers.get('access-control-allow-headers')).toContain('apieco_key');
  expect(allowed.headers.get('access-control-allow-credentials')).toBeNull();
  expect(allowed.headers.get('vary')).toBe('Origin');
  for (const origin of ['https://evil.test', 'null', 'http://localhost.evil.test']) {
    expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull();
  }
});

test('a call from an origin that is not the tenant’s is rejected', async () => {
  const call = (origin: string) =>
    get('/manam.v1.AuthService/Login', {
      method: 'POST',
      headers: { origin, apieco_key: testApp().dev.publishable, 'content-type': 'application/json' },
      body: '{}',
    });
  const refused = await call('https://evil.test');
  expect(refused.status).toBe(403);
  expect(await refused.json()).toMatchObject({ details: [{ debug: { reason: 'ORIGIN_DENIED' } }, {}] });
  expect((await call('http://localhost:3000')).status).toBe(400);
});

test('serves the mailbox to this machine’s name alone, as JSON and as a page', async () => {
  const json = await get('/dev/messages?to=nobody@example.com');
  expect(await json.json()).toEqual([]);
  const page = await get('/dev/messages', { headers: { accept: 'text/html' } });
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(page.headers.get('content-security-policy')).toBe(
    "default-src 'none'; style-src 'self'; img-src data:; frame-src 'self'; frame-ancestors 'none'",
  );
  expect(await page.text()).toContain('<h1>Mailbox</h1>');
  expect((await get('/dev/messages', { method: 'POST' })).status).toBe(405);
});

test('the mailbox finds a message by any spelling of its recipient', async () => {
  const { client } = testApp();
  const mobile = freshMobile();
  await client(AuthService).register({
    type: IdentifierType.MOBILE,
    mobile,
    password: 'quiet-orbit-lantern-47',
  });
  const international = `98${mobile.slice(1)}`;
  for (const to of [mobile, `+${international}`, `%2B${international}`, international]) {
    const found = (await (await get(`/dev/messages?to=${to}`)).json()) as { to: string }[];
    expect(found, to).toMatchObject([
      { channel: 'sms', to: `+${international}`, code: expect.stringMatching(/^.{8}$/) },
    ]);
  }
});

test('in production there is no mailbox', async () => {
  const production = await startTestApp({ config: { production: true } });
  expect((await fetch(`${production.url}/dev/messages`)).status).toBe(404);
  await production.close();
});

test('without the database every protocol returns UNAVAILABLE with a retry delay', async () => {
  const { mkdtempSync, rmSync } = await import('node:fs');
  const folder = mkdtempSync('/tmp/manam-outage-');
  const server = await startEmbeddedServer({
    folder,
    volatile: true,
    program: process.env['DATABASE_SERVER'],
  });
  await server.createDatabase('outage');
  const app = await startTestApp({ database: server.urlOf('outage') });
  await server.stop();
  for (const { name, connect } of protocols) {
    const call = connect(AuthService, app.url, { apieco_key: app.dev.publishable }).login({
      email: 'a@example.com',
      password: 'x',
    });
    expect(await failureOf(call), name).toEqual({
      ...failure('Unavailable', 'UNAVAILABLE'),
      retryable: true,
    });
  }
  expect((await fetch(`${app.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${app.url}/readyz`)).status).toBe(503);
  expect((await fetch(`${app.url}/.well-known/jwks.json`)).status).toBe(200);
  await app.close();
  rmSync(folder, { recursive: true });
});

const proxies = parseNetworks(['10.0.0.0/8', '::1', '192.0.2.7']);
for (const [peer, forwarded, address] of [
  ['203.0.113.5', undefined, '203.0.113.5'],
  ['203.0.113.5', '198.51.100.1', '203.0.113.5'],
  ['10.1.2.3', '198.51.100.1', '198.51.100.1'],
  ['::ffff:10.1.2.3', '198.51.100.1', '198.51.100.1'],
  ['10.1.2.3', 'spoofed, 198.51.100.1', '198.51.100.1'],
  ['10.1.2.3', '1.1.1.1, 198.51.100.1, 192.0.2.7', '198.51.100.1'],
  ['10.1.2.3', 'garbage', '10.1.2.3'],
  ['10.1.2.3', undefined, '10.1.2.3'],
  [undefined, '198.51.100.1', ''],
] as const) {
  test(`a call from ${peer} forwarded for ${forwarded} comes from '${address}'`, () => {
    expect(clientAddress(peer, forwarded, proxies)).toBe(address);
  });
}

test('limits count an IPv4 address, an IPv6 /64, and what is unknown as one', () => {
  expect(networkOf('203.0.113.5')).toBe('203.0.113.5');
  expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe(networkOf('2001:db8:1:2:ffff::1'));
  expect(networkOf('2001:db8:1:2::1')).not.toBe(networkOf('2001:db8:1:3::1'));
  expect(networkOf('')).toBe('unknown');
});
