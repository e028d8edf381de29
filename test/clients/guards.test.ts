import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { createClient } from '@connectrpc/connect';
import { connectNodeAdapter, createGrpcTransport } from '@connectrpc/connect-node';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { afterAll, expect, test } from 'vitest';
import { Health } from '../../gen/health/v1/health_pb.js';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { createManam } from '../../src/clients/connect.ts';
import { grpcGuard } from '../../src/clients/grpc.ts';
import {
  connectGuard,
  createGuard,
  expressGuard,
  fastifyGuard,
  type Guard,
  GuardError,
  honoGuard,
  withGuard,
} from '../../src/clients/guards.ts';
import { createProofKey } from '../../src/clients/proof-key.ts';
import {
  type AccessTokenClaims,
  AccessTokenError,
  createAccessTokenVerifier,
} from '../../src/clients/verify.ts';
import { password, useTestApp } from '../support/app.ts';
import { signUp } from '../support/journey.ts';

const testApp = useTestApp();
const open: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of open) await close();
});

async function verifierOf(jwksUrl = `${testApp().url}/.well-known/jwks.json`) {
  const tenantId = (await testApp().app.store.tenants.findBySlug('dev'))?.id ?? '';
  return createAccessTokenVerifier({ issuer: 'http://localhost:0', tenantId, jwksUrl });
}

async function listen(server: NetServer): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

type SessionGuard = Guard<AccessTokenClaims>;

/** A server of each framework that answers with the user's id. */
const servers: Record<string, (guard: SessionGuard) => Promise<string>> = {
  async 'node:http'(guard) {
    const protect = expressGuard(guard);
    return await listen(
      createServer((request, response) =>
        protect(request, response, () => response.end(guard.claimsOf(request).userId)),
      ),
    );
  },
  async Express(guard) {
    const app = express();
    app.use('/api', expressGuard(guard), (request, response) => {
      response.send(guard.claimsOf(request).userId);
    });
    return `${await listen(createServer(app))}/api`;
  },
  async Fastify(guard) {
    const app = fastify();
    app.addHook('onRequest', fastifyGuard(guard));
    app.get('/', async (request) => guard.claimsOf(request).userId);
    open.push(() => app.close());
    return await app.listen({ port: 0, host: '127.0.0.1' });
  },
  async Hono(guard) {
    const app = new Hono();
    app.use('*', honoGuard(guard));
    app.get('/', (c) => c.text(guard.claimsOf(c.req.raw).userId));
    return await listenFetch((request) => app.fetch(request));
  },
  async 'a route handler'(guard) {
    return await listenFetch(withGuard(guard, (request) => new Response(guard.claimsOf(request).userId)));
  },
};

/** Serves a handler of a Request, as the servers of Next.js, Bun and Deno do. */
async function listenFetch(handle: (request: Request) => Response | Promise<Response>): Promise<string> {
  return await listen(
    createServer(async (request, response) => {
      const headers = new Headers(request.headers as Record<string, string>);
      const answer = await handle(new Request(`http://api.example${request.url}`, { headers }));
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
    }),
  );
}

async function get(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  const text = await response.text();
  const asks = response.headers.get('www-authenticate');
  const retryAfter = response.headers.get('retry-after');
  return { status: response.status, text, asks, ...(retryAfter !== null && { retryAfter }) };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const refused = (error: string) => JSON.stringify({ error });

for (const [name, start] of Object.entries(servers)) {
  test(`${name}: a good token passes, and what does not is told why`, async () => {
    const { accessToken, userId } = await signUp(testApp());
    const url = await start(createGuard(await verifierOf()));
    expect(await get(url, bearer(accessToken))).toEqual({ status: 200, text: userId, asks: null });
    expect(await get(url)).toEqual({
      status: 401,
      text: refused('this call needs an access token'),
      asks: 'Bearer',
    });
    expect(await get(url, bearer(`${accessToken}x`))).toEqual({
      status: 401,
      text: refused('the access token is not good, or no longer'),
      asks: 'Bearer error="invalid_token"',
    });
  });

  test(`${name}: a missing role is 403, and an outage of the keys 503`, async () => {
    const { accessToken } = await signUp(testApp());
    const admins = await start(createGuard(await verifierOf(), { roles: ['admin'] }));
    expect(await get(admins, bearer(accessToken))).toEqual({
      status: 403,
      text: refused('it takes one of the roles admin'),
      asks: 'Bearer error="insufficient_scope"',
    });
    const blind = await start(createGuard(await verifierOf('http://127.0.0.1:1/jwks')));
    expect(await get(blind, bearer(accessToken))).toEqual({
      status: 503,
      text: refused('the token cannot be verified now'),
      asks: null,
      retryAfter: '5',
    });
  });
}

test('a user with the role passes a guard that asks for it', async () => {
  const { userId, refreshToken } = await signUp(testApp());
  const manage = testApp().client(ManagementService, { 'x-api-key': testApp().dev.secret });
  await manage.updateUser({ userId, roles: ['admin', 'user'] });
  const { tokens } = await testApp().client(AuthService).refreshToken({ refreshToken });
  const guard = createGuard(await verifierOf(), { roles: ['owner', 'admin'] });
  const headers = bearer(tokens?.accessToken ?? '');
  expect((await guard.check({ headers, method: 'GET', url: '/' })).userId).toBe(userId);
});

test.each([
  ['a list of tokens', 'Bearer a, Bearer b'],
  ['another scheme', 'Basic dXNlcjpwYXNz'],
  ['a scheme alone', 'Bearer'],
  ['a token with a space', 'Bearer a b'],
])('%s in the header is no token', async (_, authorization) => {
  const guard = createGuard(await verifierOf());
  const refusal = await guard
    .check({ headers: { authorization }, method: 'GET', url: '/' })
    .catch((error) => error);
  expect(refusal).toBeInstanceOf(GuardError);
  expect([refusal.status, refusal.headers['www-authenticate']]).toEqual([401, 'Bearer']);
});

test('onRefusal gets the reason of a rejection, and the response does not', async () => {
  const refusals: GuardError[] = [];
  const guard = createGuard(await verifierOf(), { onRefusal: (refusal) => refusals.push(refusal) });
  const headers = { authorization: 'Bearer x.y.z' };
  await guard.check({ headers, method: 'GET', url: '/' }).catch(() => undefined);
  const [refusal] = refusals;
  expect(refusals).toHaveLength(1);
  expect(refusal?.body).toBe('{"error":"the access token is not good, or no longer"}');
  expect(refusal?.cause).toBeInstanceOf(AccessTokenError);
});

test('a handler that no guard stands before gets no claims', async () => {
  const guard = createGuard(await verifierOf());
  expect(() => guard.claimsOf({})).toThrow('no guard has let this request pass');
});

test('a bound token passes with its proof for the origin of the server, once', async () => {
  const key = createProofKey();
  const { email } = await signUp(testApp());
  const manam = createManam({ url: testApp().url, key: testApp().dev.publishable, proofKey: key });
  const { tokens } = await manam.auth.login({ email, password });
  const token = tokens?.accessToken ?? '';
  const origin = 'https://api.example.com';
  const guard = createGuard(await verifierOf(), { origin });
  const proof = await key.prove({ method: 'GET', url: `${origin}/me`, accessToken: token });
  const headers = { authorization: `DPoP ${token}`, dpop: proof };
  const statusOf = async (each: SessionGuard, given: Record<string, string>, url = '/me?page=2') =>
    await each.check({ headers: given, method: 'GET', url }).then(
      () => 200,
      (error: GuardError) => error.status,
    );
  for (const other of ['/other', '//api.example.com/me', 'http://[', '/%'])
    expect(await statusOf(guard, headers, other)).toBe(401);
  expect(await statusOf(guard, headers)).toBe(200);
  expect(await statusOf(guard, headers)).toBe(401);
  // As a bearer's it is of no use, nor where the server knows no origin.
  expect(await statusOf(guard, bearer(token))).toBe(401);
  expect(await statusOf(createGuard(await verifierOf()), headers)).toBe(401);
});

test('a token that is bound to no key is refused where it comes with a proof', async () => {
  const key = createProofKey();
  const { accessToken: token } = await signUp(testApp());
  const origin = 'https://api.example.com';
  const guard = createGuard(await verifierOf(), { origin });
  const proof = await key.prove({ method: 'GET', url: `${origin}/me`, accessToken: token });
  const check = (headers: Record<string, string>) => guard.check({ headers, method: 'GET', url: '/me' });
  await expect(check(bearer(token))).resolves.toMatchObject({ roles: [] });
  await expect(check({ authorization: `DPoP ${token}`, dpop: proof })).rejects.toMatchObject({
    status: 401,
    headers: { 'www-authenticate': 'DPoP error="invalid_token", algs="ES256 EdDSA"' },
  });
});

test('a proof that is refused is told from a token that is not good', async () => {
  const origin = 'https://api.example.com';
  const verify = () => Promise.reject(new AccessTokenError('used before', 'invalid_dpop_proof'));
  const guard = createGuard<AccessTokenClaims>(verify, { origin: `${origin}/` });
  const headers = { authorization: 'DPoP a.b.c', dpop: 'x' };
  await expect(guard.check({ headers, method: 'GET', url: '/me' })).rejects.toMatchObject({
    status: 401,
    headers: { 'www-authenticate': 'DPoP error="invalid_dpop_proof", algs="ES256 EdDSA"' },
  });
});

test('a verifier of another copy of the package is understood', async () => {
  const foreign = Object.assign(new Error('no JWS'), { name: 'AccessTokenError' });
  const guard = createGuard<AccessTokenClaims>(() => Promise.reject(foreign));
  const call = { headers: bearer('a.b.c'), method: 'GET', url: '/' };
  await expect(guard.check(call)).rejects.toMatchObject({ status: 401 });
});

test.each<[string, object, string]>([
  ['no roles', { roles: [] }, 'roles must be a list that names at least one, or be left out'],
  ['an empty role', { roles: [''] }, 'roles must be a list that names at least one, or be left out'],
  ['roles in a text', { roles: 'admin' }, 'roles must be a list that names at least one, or be left out'],
  ['no scopes', { scopes: [] }, 'scopes must be a list that names at least one, or be left out'],
  ['a misspelt option', { role: ['admin'] }, 'a guard has no option role'],
  [
    'an origin with a path',
    { origin: 'https://a.example/b' },
    'origin must be one such as https://api.example.com',
  ],
  ['no origin', { origin: 'a.example' }, 'origin must be one such as https://api.example.com'],
])('a guard that would not check what its options say is not made: %s', (_, options, message) => {
  const make = () => createGuard<AccessTokenClaims>(() => Promise.reject(new Error()), options);
  expect(make).toThrowError(new TypeError(message));
});

/** The way of a client to a health service behind each kind of RPC server. */
const rpcServers: Record<string, (guard: SessionGuard) => Promise<string>> = {
  async Connect(guard) {
    const handler = connectNodeAdapter({
      interceptors: [connectGuard(guard)],
      routes: (router) =>
        router.service(Health, {
          check: (_, context) => ({ status: guard.claimsOf(context.values).userId === '' ? 0 : 1 }),
        }),
    });
    return await listen(createHttp2Server(handler));
  },
  async 'grpc-js'(guard) {
    const server = new GrpcServer({ interceptors: [grpcGuard(guard)] });
    const definition = {
      check: {
        path: '/grpc.health.v1.Health/Check',
        requestStream: false,
        responseStream: false,
        requestSerialize: (value: Buffer) => value,
        requestDeserialize: (value: Buffer) => value,
        responseSerialize: (value: Buffer) => value,
        responseDeserialize: (value: Buffer) => value,
      },
    };
    server.addService(definition, {
      check: (call: { metadata: object }, done: (error: null, value: Buffer) => void) =>
        // HealthCheckResponse with the status SERVING.
        done(null, Buffer.from(guard.claimsOf(call.metadata).userId === '' ? [] : [0x08, 0x01])),
    });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    open.push(() => server.forceShutdown());
    return `http://127.0.0.1:${port}`;
  },
};

for (const [name, start] of Object.entries(rpcServers)) {
  test(`${name}: calls with a good token pass, others fail by their codes`, async () => {
    const { accessToken } = await signUp(testApp());
    const call = async (guard: SessionGuard, headers: Record<string, string>) => {
      const client = createClient(Health, createGrpcTransport({ baseUrl: await start(guard) }));
      return await client.check({}, { headers }).then(
        ({ status }) => status,
        (error: Error) => error.message,
      );
    };
    const verify = await verifierOf();
    expect(await call(createGuard(verify), bearer(accessToken))).toBe(1);
    expect(await call(createGuard(verify), {})).toBe('[unauthenticated] this call needs an access token');
    expect(await call(createGuard(verify), bearer('x.y.z'))).toBe(
      '[unauthenticated] the access token is not good, or no longer',
    );
    expect(await call(createGuard(verify, { roles: ['admin'] }), bearer(accessToken))).toBe(
      '[permission_denied] it takes one of the roles admin',
    );
    const blind = createGuard(await verifierOf('http://127.0.0.1:1/jwks'));
    expect(await call(blind, bearer(accessToken))).toBe('[unavailable] the token cannot be verified now');
  });
}
