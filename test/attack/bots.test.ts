import { createHash } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import * as connect from '../../src/clients/connect.ts';
import {
  defaultLimits,
  freshEmail,
  password,
  startTestApp,
  type TestApp,
  useTestApp,
} from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { changePolicy } from '../support/federation.ts';

// Proof of work (ALTCHA): asked for by network and tenant, bound to the call, good once.

const testApp = useTestApp({ config: { workCost: 1000 } });
beforeAll(() => changePolicy(testApp(), (policy) => ({ ...policy, proofOfWork: 'always' })));

const refused = failure('FailedPrecondition', 'PROOF_OF_WORK_REQUIRED');

type Challenge = { algorithm: string; challenge: string; salt: string; signature: string; maxnumber: number };

async function post(path: string, body: object, headers: Record<string, string> = {}, app = testApp()) {
  return await fetch(app.url + path, {
    method: 'POST',
    headers: { apieco_key: app.dev.publishable, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

/** The challenge of a refused call. */
async function challengeOf(response: Response): Promise<Challenge> {
  expect([response.status, ((await response.json()) as { reason: string }).reason]).toEqual([
    400,
    'PROOF_OF_WORK_REQUIRED',
  ]);
  return JSON.parse(
    Buffer.from(response.headers.get('proof-of-work-challenge') ?? '', 'base64url').toString(),
  );
}

/** Solves a challenge by trying. */
function solve({ maxnumber, ...challenge }: Challenge, changes: object = {}): { 'proof-of-work': string } {
  for (let number = 0; number <= maxnumber; number += 1) {
    const hash = createHash('sha256').update(`${challenge.salt}${number}`).digest('hex');
    if (hash !== challenge.challenge) continue;
    const solved = JSON.stringify({ ...challenge, number, ...changes });
    return { 'proof-of-work': Buffer.from(solved).toString('base64url') };
  }
  throw new Error('no solution');
}

test('a registration needs a solution, which is good once', async () => {
  const body = () => ({ email: freshEmail(), password });
  const solution = solve(await challengeOf(await post('/auth/register', body())));
  expect((await post('/auth/register', body(), solution)).status).toBe(200);
  expect((await post('/auth/register', body(), solution)).status).toBe(400);
});

test('of parallel calls with one solution one passes', async () => {
  const solution = solve(await challengeOf(await post('/auth/register', {})));
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => post('/auth/register', { email: freshEmail(), password }, solution)),
  );
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
});

test('a solution is bound to its RPC, its tenant and five minutes, and cannot be changed', async () => {
  const { app, manam, advance, url } = testApp();
  const body = { email: freshEmail() };
  const fresh = async () => challengeOf(await post('/auth/code/start', body));
  expect((await post('/auth/recover', body, solve(await fresh()))).status).toBe(400);
  for (const changes of [{ number: -1 }, { salt: 'x' }, { signature: '00' }, { algorithm: 'NONE' }])
    expect((await post('/auth/code/start', body, solve(await fresh(), changes))).status).toBe(400);
  for (const text of ['x', 'e30', 'x'.repeat(5000)])
    expect((await post('/auth/code/start', body, { 'proof-of-work': text })).status).toBe(400);
  const longer = await fresh();
  const forged = { ...longer, salt: longer.salt.replace(/expires=\d+/, 'expires=9999999999') };
  const number = {
    number: JSON.parse(Buffer.from(solve(longer)['proof-of-work'], 'base64url').toString()).number,
  };
  const headers = {
    'proof-of-work': Buffer.from(JSON.stringify({ ...forged, ...number })).toString('base64url'),
  };
  expect((await post('/auth/code/start', body, headers)).status).toBe(400);

  const other = await app.store.tenants.findBySlug('manam');
  if (other !== undefined)
    await app.store.tenants.update(other.id, { policy: { ...other.policy, proofOfWork: 'always' } });
  const solution = solve(await fresh());
  const elsewhere = await fetch(`${url}/auth/code/start`, {
    method: 'POST',
    headers: { apieco_key: manam.publishable, 'content-type': 'application/json', ...solution },
    body: JSON.stringify(body),
  });
  expect(elsewhere.status).toBe(400);

  const late = solve(await fresh());
  advance(301_000);
  expect((await post('/auth/code/start', body, late)).status).toBe(400);
  expect((await post('/auth/code/start', body, solve(await fresh()))).status).toBe(200);
});

test('every protocol asks, and a client of ours does the work by itself', async () => {
  const { url, dev, client } = testApp();
  expect(await failureOf(client(RecoveryService).recover({ email: freshEmail() }))).toEqual(refused);
  const manam = connect.createManam({ url, key: dev.publishable });
  expect((await manam.auth.startCodeSignIn({ email: freshEmail() })).handle).toHaveLength(64);
});

test('a back end of the tenant is not asked', async () => {
  const secret = { apieco_key: testApp().dev.secret };
  await testApp().client(AuthService, secret).register({ email: freshEmail(), password });
});

test('the adaptive mode asks a network over its soft limit, and no other', async () => {
  const limits = { ...defaultLimits, freePerNetwork: { name: 'free.network', max: 3, windowMs: 600_000 } };
  const app: TestApp = await startTestApp({ config: { workCost: 1000, limits } });
  await changePolicy(app, (policy) => ({ ...policy, proofOfWork: 'adaptive' }));
  const start = (headers = {}) => post('/auth/code/start', { email: freshEmail() }, headers, app);
  const first = [await start(), await start(), await start()];
  expect(first.map(({ status }) => status)).toEqual([200, 200, 200]);
  const solution = solve(await challengeOf(await start()));
  expect((await start(solution)).status).toBe(200);
  // Calls without a socket come from another network.
  expect((await app.client(AuthService).startCodeSignIn({ email: freshEmail() })).handle).toHaveLength(64);
  await app.close();
});

test('the adaptive mode asks every network while the tenant is over its limit', async () => {
  const limits = { ...defaultLimits, freePerTenant: { name: 'free.tenant', max: 2, windowMs: 600_000 } };
  const app = await startTestApp({ config: { workCost: 1000, limits } });
  await changePolicy(app, (policy) => ({ ...policy, proofOfWork: 'adaptive' }));
  for (let count = 0; count < 2; count += 1)
    await app.client(AuthService).startCodeSignIn({ email: freshEmail() });
  expect((await post('/auth/code/start', { email: freshEmail() }, {}, app)).status).toBe(400);
  await app.close();
});
