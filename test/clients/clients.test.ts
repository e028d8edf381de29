import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createServer2, type Http2Server } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { generate } from 'selfsigned';
import { expect, test } from 'vitest';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.js';
import { AdminService } from '../../src/clients/admin.ts';
import * as connect from '../../src/clients/connect.ts';
import * as grpc from '../../src/clients/grpc.ts';
import type { ClientOptions } from '../../src/clients/interceptors.ts';
import * as web from '../../src/clients/web.ts';
import { makeAdminKey } from '../support/admin.ts';
import { freshEmail, password, startTestApp, useTestApp } from '../support/app.ts';
import { thrownBy } from '../support/errors.ts';
import { freePort } from '../support/federation.ts';
import { enrolTotp, signUp } from '../support/journey.ts';

const testApp = useTestApp();

/** Listens on a free port, and returns its address. */
async function addressOf(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

type Opened = { readonly manam: web.Manam; close(): void };

/** The clients of other teams, each built as its users would. */
const clients: { name: string; open(options: ClientOptions): Opened }[] = [
  {
    name: '@grpc/grpc-js',
    open: (options) => {
      const manam = grpc.createManam(options);
      return { manam, close: () => manam.close() };
    },
  },
  { name: 'Connect on Node', open: (options) => ({ manam: connect.createManam(options), close() {} }) },
  {
    name: 'gRPC on Node, without grpc-js',
    open: (options) => ({ manam: connect.createManam({ ...options, protocol: 'grpc' }), close() {} }),
  },
  { name: 'Connect-Web', open: (options) => ({ manam: web.createManam(options), close() {} }) },
];

/** A server for which a stream that its client ends is no error. */
function forgiving(server: Http2Server): Http2Server {
  return server.on('stream', (stream) => stream.on('error', () => {}));
}

/** gRPC goes over HTTP/2 alone. */
const speaksHttp2 = (name: string) => name.includes('grpc') || name.includes('gRPC');

for (const { name, open } of clients) {
  test(`a user registers, confirms, signs in and is seen through ${name}`, async () => {
    const { url, dev, messagesTo } = testApp();
    const { manam, close } = open({ url, key: dev.publishable });
    const email = freshEmail();
    await manam.auth.register({ email, password });
    await manam.auth.confirmEmail({ cnf: (await messagesTo(email))[0]?.code ?? '' });
    const { tokens } = await manam.auth.login({ email, password });
    const headers = grpc.bearer(tokens?.accessToken ?? '');
    const { user } = await manam.profile.viewUser({}, { headers });
    expect(user?.email).toBe(email);
    close();
  });

  test(`a failure is read the same way, in the language that was asked for, through ${name}`, async () => {
    const { url, dev } = testApp();
    const { manam, close } = open({ url, key: dev.publishable, locale: 'fa' });
    const failure = grpc.readFailure(await thrownBy(manam.auth.register({ email: 'nobody', password: 'x' })));
    expect(failure).toEqual({
      reason: 'REQUEST_INVALID',
      message: 'برخی از فیلدها معتبر نیستند.',
      fields: {
        email: {
          reason: 'EMAIL_INVALID',
          message: expect.stringMatching(/\p{Script=Arabic}/u),
          rule: expect.stringMatching(/^[\x20-\x7e]+$/),
        },
        password: {
          reason: 'PASSWORD_TOO_SHORT',
          message: expect.stringMatching(/\p{Script=Arabic}/u),
          rule: expect.stringMatching(/^[\x20-\x7e]+$/),
        },
      },
      retryAfterMs: undefined,
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    close();
  });

  test(`a call that takes too long ends at its deadline through ${name}`, async () => {
    const silent = speaksHttp2(name) ? forgiving(createServer2()) : createServer(() => {});
    const { manam, close } = open({ url: await addressOf(silent), timeoutMs: 200 });
    expect(await thrownBy(manam.auth.login({}))).toMatchObject({ code: Code.DeadlineExceeded });
    close();
    if ('closeAllConnections' in silent) silent.closeAllConnections();
    silent.close();
  });
}

const outage = new ConnectError('out of reach', Code.Unavailable, undefined, [
  { desc: ErrorInfoSchema, value: { reason: 'UNAVAILABLE', domain: 'manam' } },
]);

/** A service that fails the first calls of each method, with the failures that are given or so often as out of reach. */
async function startFlaky(failures: number | readonly ConnectError[]) {
  const errors = typeof failures === 'number' ? Array.from({ length: failures }, () => outage) : failures;
  const calls: { method: string; idempotencyKey: string | null }[] = [];
  const answer =
    (method: string) =>
    (_: unknown, { requestHeader }: { requestHeader: Headers }) => {
      calls.push({ method, idempotencyKey: requestHeader.get('idempotency-key') });
      const error = errors[calls.filter((call) => call.method === method).length - 1];
      if (error !== undefined) throw error;
      return {};
    };
  const handler = connectNodeAdapter({
    routes: (router) => {
      router.service(connect.AuthService, { login: answer('login'), register: answer('register') });
      router.service(connect.ProfileService, { viewUser: answer('viewUser') });
    },
  });
  const server1 = createServer(handler as (a: IncomingMessage, b: ServerResponse) => void);
  const server2 = forgiving(createServer2(handler));
  return {
    calls,
    http1: await addressOf(server1),
    http2: await addressOf(server2),
    close: () => {
      server1.closeAllConnections();
      server1.close();
      server2.close();
    },
  };
}

for (const { name, open } of clients) {
  test(`a read, and a write under one idempotency key, are tried again in an outage through ${name}`, async () => {
    const flaky = await startFlaky(2);
    const { manam, close } = open({ url: speaksHttp2(name) ? flaky.http2 : flaky.http1, key: 'k' });
    await manam.profile.viewUser({});
    await manam.auth.register({});
    const keys = flaky.calls.filter(({ method }) => method === 'register').map((call) => call.idempotencyKey);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(flaky.calls.filter(({ method }) => method === 'viewUser')).toHaveLength(3);
    close();
    flaky.close();
  });

  test(`what must not happen twice is not tried again through ${name}`, async () => {
    const flaky = await startFlaky(1);
    const { manam, close } = open({ url: speaksHttp2(name) ? flaky.http2 : flaky.http1, key: 'k' });
    expect(await thrownBy(manam.auth.login({}))).toMatchObject({ code: Code.Unavailable });
    expect(flaky.calls).toHaveLength(1);
    close();
    flaky.close();
  });

  test(`an outage that lasts ends after four tries through ${name}`, async () => {
    const flaky = await startFlaky(100);
    const { manam, close } = open({ url: speaksHttp2(name) ? flaky.http2 : flaky.http1, key: 'k' });
    expect(await thrownBy(manam.profile.viewUser({}))).toMatchObject({ code: Code.Unavailable });
    expect(flaky.calls).toHaveLength(4);
    close();
    flaky.close();
  });
}

for (const { name, open } of clients) {
  const urlOf = (flaky: { http1: string; http2: string }) => (speaksHttp2(name) ? flaky.http2 : flaky.http1);

  test(`a call that was given up before it began reaches no one through ${name}`, async () => {
    const flaky = await startFlaky(0);
    const { manam, close } = open({ url: urlOf(flaky), key: 'k' });
    const call = manam.auth.register({}, { signal: AbortSignal.abort() });
    expect(await thrownBy(call)).toMatchObject({ code: Code.Canceled });
    const late = new AbortController();
    const tokens = {
      get: async () => {
        late.abort();
        return 't';
      },
      renew: async () => undefined,
    };
    const other = open({ url: urlOf(flaky), key: 'k', tokens });
    if (name !== 'Connect-Web') await thrownBy(other.manam.profile.viewUser({}, { signal: late.signal }));
    expect(flaky.calls).toEqual([]);
    for (const each of [close, other.close]) each();
    flaky.close();
  });

  test(`a call without a deadline waits for its response through ${name}`, async () => {
    const flaky = await startFlaky(0);
    const { manam, close } = open({ url: urlOf(flaky), key: 'k' });
    await manam.profile.viewUser({}, { timeoutMs: 0 });
    expect(flaky.calls).toHaveLength(1);
    close();
    flaky.close();
  });
}

for (const { name, open } of clients.filter((each) => each.name !== '@grpc/grpc-js')) {
  test(`a read is tried again where the connection is lost through ${name}`, async () => {
    let tries = 0;
    const server = createTcpServer((socket) => {
      tries += 1;
      socket.once('data', () => socket.destroy());
    });
    const { manam, close } = open({ url: await addressOf(server), key: 'k', timeoutMs: 5000 });
    await thrownBy(manam.profile.viewUser({}));
    expect(tries).toBeGreaterThanOrEqual(3);
    close();
    server.close();
  });
}

test.each([
  { protocol: 'connect', httpVersion: '1.1' },
  { protocol: 'connect', httpVersion: '2' },
  { protocol: 'grpc' },
] as const)('a connection that is closed at once is an outage, over %o', async (options) => {
  let tries = 0;
  const server = createTcpServer((socket) => {
    tries += 1;
    socket.on('error', () => {});
    socket.destroy();
  });
  const url = await addressOf(server);
  const manam = connect.createManam({ url, key: 'k', timeoutMs: 5000, ...options });
  expect(await thrownBy(manam.profile.viewUser({}))).toMatchObject({ code: Code.Unavailable });
  expect(tries).toBeGreaterThanOrEqual(4);
  server.close();
});

test('a proxy that says how long to wait is not asked again before', async () => {
  let asked = 0;
  const proxy = createServer((_, response) => {
    asked += 1;
    response.writeHead(429, { 'retry-after': '30' }).end();
  });
  const manam = connect.createManam({ url: await addressOf(proxy), key: 'k' });
  const failed = await thrownBy(manam.profile.viewUser({}));
  expect(connect.readFailure(failed).retryAfterMs).toBe(30_000);
  expect(asked).toBe(1);
  proxy.close();
  const at = new Date(Date.now() + 60_000).toUTCString();
  const dated = new ConnectError('later', Code.Unavailable, { 'retry-after': at });
  expect(connect.readFailure(dated).retryAfterMs).toBeGreaterThan(50_000);
});

test('a call keeps its deadline and its signal while the session is renewed', async () => {
  const tokens = { get: () => new Promise<string>(() => {}), renew: async () => undefined };
  const manam = connect.createManam({ url: testApp().url, key: testApp().dev.publishable, tokens });
  expect(await thrownBy(manam.profile.viewUser({}, { timeoutMs: 50 }))).toMatchObject({
    code: Code.DeadlineExceeded,
  });
  const aborted = manam.profile.viewUser({}, { signal: AbortSignal.timeout(50), timeoutMs: 60_000 });
  expect(await thrownBy(aborted)).toBeInstanceOf(ConnectError);
});

test('a client is made for an address of the service alone, with a slash at its end or without', async () => {
  const notOne = new TypeError('url must be that of the service, such as https://id.example.com');
  for (const library of [grpc, connect])
    expect(() => library.createManam({ url: 'localhost:8080' })).toThrowError(notOne);
  expect(() => grpc.createManam({ url: 'https://id.example.com/manam' })).toThrowError(TypeError);
  const port = await freePort();
  const app = await startTestApp({ config: { port, issuer: `http://127.0.0.1:${port}` } });
  const { email } = await signUp(app);
  for (const library of [grpc, connect]) {
    const options = { key: app.dev.publishable, proofKey: library.createProofKey() };
    const manam = library.createManam({ url: `${app.issuer}/`, ...options });
    const { tokens } = await manam.auth.login({ email, password });
    expect(tokens?.tokenType).toBe('DPoP');
    if ('close' in manam) (manam.close as () => void)();
  }
  await app.close();
});

test('a token that is rejected at the second try is still renewed', async () => {
  const refusal = new ConnectError('no', Code.Unauthenticated, undefined, [
    { desc: ErrorInfoSchema, value: { reason: 'TOKEN_INVALID', domain: 'manam' } },
  ]);
  const flaky = await startFlaky([outage, refusal]);
  let renewals = 0;
  const tokens = {
    get: async () => 'old',
    renew: async () => {
      renewals += 1;
      return 'new';
    },
  };
  for (const library of [grpc, connect]) {
    flaky.calls.length = 0;
    const url = library === grpc ? flaky.http2 : flaky.http1;
    const manam = library.createManam({ url, key: 'k', tokens });
    await manam.profile.viewUser({});
    expect(flaky.calls).toHaveLength(3);
    if ('close' in manam) (manam.close as () => void)();
  }
  expect(renewals).toBe(2);
  flaky.close();
});

test('gRPC tries again by itself where the connection is lost', async () => {
  let lost = 0;
  const handler = connectNodeAdapter({
    routes: (router) => router.service(connect.ProfileService, { viewUser: () => ({}) }),
  });
  const server = createServer2((request, response) => {
    if (lost === 2) return handler(request, response);
    lost += 1;
    request.stream.session?.destroy();
  });
  const manam = grpc.createManam({ url: await addressOf(server), key: 'k' });
  await manam.profile.viewUser({});
  expect(lost).toBe(2);
  lost = 1;
  expect(await thrownBy(manam.auth.login({}))).toMatchObject({ code: Code.Unavailable });
  manam.close();
  server.close();
});

test('retries an unreachable service and reports an outage', async () => {
  for (const { open, name } of clients) {
    const { manam, close } = open({ url: 'http://127.0.0.1:9', key: 'k', timeoutMs: 3000 });
    const error = await thrownBy(manam.profile.viewUser({}));
    expect(grpc.readFailure(error).reason, name).toBeUndefined();
    close();
  }
});

test('over TLS a back-end trusts the certificates that it is given, and no others', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'manam-tls-'));
  const pem = await generate([{ name: 'commonName', value: 'localhost' }], {
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  });
  writeFileSync(join(folder, 'cert.pem'), pem.cert);
  writeFileSync(join(folder, 'key.pem'), pem.private);
  const tls = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
  const secure = await startTestApp({ config: { tls } });
  const url = secure.url.replace('127.0.0.1', 'localhost');
  const wrong = { email: 'nobody@example.com', password: 'wrong-orbit-lantern-47' };
  for (const library of [grpc, connect]) {
    const trusting = library.createManam({ url, key: secure.dev.publishable, ca: pem.cert });
    expect(library.readFailure(await thrownBy(trusting.auth.login(wrong)))).toMatchObject({
      reason: 'CREDENTIALS_INVALID',
    });
    const careful = library.createManam({ url, key: secure.dev.publishable, timeoutMs: 3000 });
    expect(library.readFailure(await thrownBy(careful.auth.login(wrong))).reason).toBeUndefined();
    for (const each of [trusting, careful]) if ('close' in each) (each.close as () => void)();
  }
  await secure.close();
  rmSync(folder, { recursive: true });
});

test('a transport reaches any service of this service, the operators’ too', async () => {
  const admin = await startTestApp({ config: { admin: { host: '127.0.0.1', port: 0 } } });
  const key = await makeAdminKey(admin);
  for (const library of [grpc, connect]) {
    const transport = library.createTransport({ url: admin.adminUrl, key });
    const { tenants } = await library.createClient(AdminService, transport).listTenants({});
    expect(tenants.map(({ slug }) => slug)).toEqual(['dev', 'manam']);
    if ('close' in transport) (transport.close as () => void)();
  }
  await admin.close();
});

test('a browser’s client keeps the session of a sign-in with a second factor, and forgets it at the logout', async () => {
  const test = testApp();
  const user = await enrolTotp(test, await signUp(test));
  const manam = web.createManam({ url: test.url, key: test.dev.publishable });
  const { twoFactor } = await manam.auth.login({ email: user.email, password });
  expect(await manam.session.get()).toBeUndefined();
  test.advance(30_000);
  const headers = web.bearer(twoFactor?.twoFactorToken ?? '');
  await manam.twoFactor.validateTotp({ code: user.totp() }, { headers });
  expect((await manam.profile.viewUser({})).user?.email).toBe(user.email);
  await manam.auth.logout({});
  expect(await manam.session.get()).toBeUndefined();
  expect(web.readFailure(await thrownBy(manam.auth.listSessions({}))).reason).toBe('TOKEN_MISSING');
});
