import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { floorProfile } from '../../../src/domain/password.ts';
import { sha256 } from '../../../src/domain/token.ts';
import { makeAccounts, password, withServer } from '../accounts.ts';
import { authorizationOf, createForms, openStore, register, tokenOf } from '../applications.ts';
import { createHttpClient, type HttpClient } from '../calls.ts';
import { usageOf } from '../processes.ts';
import { atLeast, atMost, type Goal, type Row } from '../report.ts';
import { emailSuffix } from '../seed.ts';
import { type BenchServer, buildService, startServer } from '../server.ts';
import { compare, figuresOf, type Side, type Slice, throughput, warmUp } from '../slices.ts';
import { meter } from '../usage.ts';
import { bodies, chain, type DrivenCall, driving } from '../wrk.ts';
import type { Bench, Scenario } from './scenario.ts';

// The service beside better-auth on the same database, with the same hash. The peer of the OpenID calls is in the scenario `openid`.

const packages = {
  'better-auth': '1.7.25',
  '@better-auth/oauth-provider': '1.7.5',
  '@node-rs/argon2': '2.2.1',
  mysql2: '3.24.6',
};
const sliceMs = 2000;
/** Accounts on both sides. */
const users = 40;

type Peer = {
  readonly url: string;
  readonly clientId: string;
  readonly secret: string;
  readonly child: ChildProcess;
};

/** Installs better-auth at the first run, into a separate project that later runs use again; returns its folder. */
function installPeer(): string {
  const manifest = JSON.stringify({ type: 'module', private: true, dependencies: packages });
  const folder = join(tmpdir(), `manam-bench-better-auth-${sha256(manifest).toString('hex').slice(0, 8)}`);
  if (existsSync(join(folder, 'node_modules/better-auth'))) return folder;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), manifest);
  // The plugin asks for another version of a package that better-auth has.
  const flags = ['--legacy-peer-deps', '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', ['install', ...flags], { cwd: folder, stdio: 'ignore' });
  return folder;
}

async function startPeer(databaseUrl: string): Promise<Peer> {
  const folder = installPeer();
  const program = join(folder, 'peer.mjs');
  copyFileSync(new URL('../better-auth-peer.mjs', import.meta.url), program);
  const { memoryKiB, passes } = floorProfile;
  const child = fork(program, [databaseUrl, String(memoryKiB), String(passes)], { silent: true });
  const exited = once(child, 'exit').then(() => {
    throw new Error('better-auth does not start');
  });
  const [ready] = (await Promise.race([once(child, 'message'), exited])) as [Omit<Peer, 'child'>];
  return { ...ready, child };
}

const json = { 'content-type': 'application/json' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };
const anyOf = (beforeNumber: string, afterNumber: string) =>
  bodies(`'${beforeNumber}' .. math.random(0, ${users - 1}) .. '${afterNumber}'`);
const anyNew = (after: string) =>
  bodies(`'{"email":"new' .. math.random(0, 2 ^ 50) .. '@bench.example"${after}}'`);

/** Makes the peer's accounts; returns its calls. */
async function callsOf(peer: Peer, concurrency: number) {
  const http = createHttpClient(peer.url);
  const headers = { ...json, origin: peer.url };
  const post = (path: string, body: object) => http.succeed('POST', `/api/auth${path}`, headers, body);
  for (let number = 0; number < users; number += 1)
    await post('/sign-up/email', { email: `peer${number}@bench.example`, password, name: 'Leila' });
  const { headers: answered } = await post('/sign-in/email', { email: 'peer0@bench.example', password });
  const session = { authorization: `Bearer ${answered['set-auth-token']}` };
  const forms = createForms(peer.url);
  const basic = authorizationOf(peer);
  const grant = { grant_type: 'client_credentials', scope: 'jobs' };
  const { access_token: token } = await forms.post('/api/auth/oauth2/token', grant, basic);
  http.close();
  forms.close();

  const call = (path: string, rest: Omit<DrivenCall, 'url' | 'callers'>, callers = concurrency) =>
    driving({ url: `${peer.url}/api/auth${path}`, callers, ...rest });
  const posting = (path: string, script: DrivenCall['script'] & {}) =>
    call(path, { method: 'POST', headers, script });
  return {
    read: (callers: number) => call('/get-session', { headers: session }, callers),
    signIn: posting('/sign-in/email', anyOf('{"email":"peer', `@bench.example","password":"${password}"}`)),
    signUp: posting('/sign-up/email', anyNew(`,"password":"${password}","name":"Leila"`)),
    token: call('/token', { headers: session }),
    introspect: call('/oauth2/introspect', {
      method: 'POST',
      headers: { ...form, authorization: basic },
      body: `token=${token}`,
    }),
  };
}

/** Makes the service's accounts and an application; returns its calls. */
async function ownCalls(server: BenchServer, http: HttpClient, concurrency: number) {
  const { key, login } = await makeAccounts(server, http, users);
  const { access_token: token } = await login();
  const session = { ...key, authorization: `Bearer ${token}` };
  const { store, close } = openStore(server.databaseUrl);
  const tenant = await store.tenants.findBySlug('dev');
  const machine = await register(store, tenant?.id ?? '', 'dev', 'machine');
  await close();
  const forms = createForms(server.url);
  const { access_token: own } = await tokenOf(forms, machine);
  forms.close();

  const call = (path: string, rest: Omit<DrivenCall, 'url' | 'callers'>, callers = concurrency) =>
    driving({ url: `${server.url}${path}`, callers, ...rest });
  const posting = (path: string, script: DrivenCall['script'] & {}) =>
    call(path, { method: 'POST', headers: { ...key, ...json }, script });
  return {
    read: (callers: number) => call('/view_user', { headers: session }, callers),
    readConnect: call('/manam.v1.ProfileService/ViewUser', {
      method: 'POST',
      headers: { ...session, ...json },
      body: '{}',
    }),
    signIn: posting('/auth/login', anyOf('{"email":"u', `${emailSuffix}","password":"${password}"}`)),
    signUp: posting('/auth/register', anyNew(`,"password":"${password}"`)),
    refresh: posting(
      '/auth/refreshToken',
      chain({
        first: async () => {
          const logins = await Promise.all(Array.from({ length: concurrency + 1 }, login));
          return logins.map((tokens) => tokens.refresh_token);
        },
        around: ['{"refresh_token":"', '"}'],
        pattern: '"refresh_token":"([^"]+)"',
      }),
    ),
    introspect: call('/t/dev/oauth/introspect', {
      method: 'POST',
      headers: { ...form, authorization: authorizationOf(machine) },
      body: `token=${own}`,
    }),
  };
}

async function compareBoth(
  { options: { seconds, concurrency }, database }: Bench,
  server: BenchServer,
  http: HttpClient,
  peer: Peer,
) {
  const ours = await ownCalls(server, http, concurrency);
  const theirs = await callsOf(peer, concurrency);
  const rows: Row[] = [];
  const add = async (
    [name, against]: readonly [string, string],
    goal: Goal | undefined,
    a: Side,
    b: Side,
    of = throughput,
  ) => {
    const mine = meter(server, database, a);
    const other = meter({ usage: () => usageOf(peer.child.pid ?? 0) }, database, b);
    await warmUp(a, b);
    const compared = await compare({ seconds, sliceMs, a: mine.side, b: other.side, of });
    const its = other.cost();
    const more = { 'its SQL': its.statements, 'its CPU ms': its.serverCpuMs, 'its MB': its.rssMb };
    rows.push({ name, against, ...compared, ...(goal && { goal }), cost: mine.cost(), more });
    return compared;
  };
  const p99 = (slice: Slice) => figuresOf([slice]).p99;
  const session = 'get-session of better-auth';
  await add(['a session read, REST', session], atLeast(3), ours.read(concurrency), theirs.read(concurrency));
  await add(['a session read, Connect', session], atLeast(3), ours.readConnect, theirs.read(concurrency));
  await add(['p99 of reads, 64 callers', 'its p99'], atMost(0.5), ours.read(64), theirs.read(64), p99);
  const signIns = await add(['a sign-in', 'its sign-in'], atLeast(1.05), ours.signIn, theirs.signIn);
  const { p50, p99: tail } = signIns.a;
  rows.push({ name: 'p99 of sign-ins', against: 'their p50', ratio: tail / p50, goal: atMost(1.5) });
  await add(['a sign-up', 'its sign-up'], undefined, ours.signUp, theirs.signUp);
  await add(['RefreshToken', 'a token of its plugin jwt'], atLeast(2), ours.refresh, theirs.token);
  const introspection = 'that of its plugin oauth-provider';
  await add(['introspection', introspection], atLeast(3), ours.introspect, theirs.introspect);
  return rows;
}

export const peers: Scenario = async (bench) => {
  const { options, database } = bench;
  // A deliberate delay is no work.
  const env = { RESPONSE_FLOOR_MS: '0' };
  const databaseUrl = await database.urlOf('peers');
  const main = buildService();
  const started = await startServer({ databaseUrl, workers: options.workers, main, env });
  const peer = await startPeer(await database.urlOf('peers_better_auth'));
  try {
    return await withServer(started, (server, http) => compareBoth(bench, server, http, peer));
  } finally {
    peer.child.disconnect();
  }
};
