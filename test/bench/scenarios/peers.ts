import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { floorProfile } from '../../../src/domain/password.ts';
import { freshEmail, makeAccounts, password, withServer } from '../accounts.ts';
import { createHttpClient, type HttpClient } from '../calls.ts';
import { usageOf } from '../processes.ts';
import { atLeast, atMost, type Goal, type Row } from '../report.ts';
import { type BenchServer, startServer } from '../server.ts';
import { closedLoop, compare, figuresOf, type Side, type Slice, throughput, warmUp } from '../slices.ts';
import { meter } from '../usage.ts';
import { repeating } from '../wrk.ts';
import type { Bench, Scenario } from './scenario.ts';

// The service beside better-auth on the same database, with the same hash. The peer of the OpenID calls is in the scenario `openid`.

const peerVersion = '1.7.25';
const sliceMs = 2000;
/** Accounts on both sides. */
const users = 40;

type Peer = { readonly url: string; readonly child: ChildProcess };

/** Starts better-auth. It is installed at the first run, into a separate project that later runs use again. */
async function startPeer(databaseUrl: string): Promise<Peer> {
  const folder = join(tmpdir(), `manam-bench-better-auth-${peerVersion}`);
  if (!existsSync(join(folder, 'node_modules/better-auth'))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }');
    const packages = [`better-auth@${peerVersion}`, 'mysql2@3.24.6', '@node-rs/argon2@2.2.1'];
    execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages], {
      cwd: folder,
      stdio: 'ignore',
    });
  }
  const program = join(folder, 'peer.mjs');
  copyFileSync(new URL('../better-auth-peer.mjs', import.meta.url), program);
  const { memoryKiB, passes } = floorProfile;
  const child = fork(program, [databaseUrl, String(memoryKiB), String(passes)], { silent: true });
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return { url, child };
}

const emailOf = (number: number) => `peer${number}@bench.example`;
const anyEmail = () => emailOf(Math.floor(Math.random() * users));

/** Makes the peer's accounts; returns its calls. */
async function callsOf({ url }: Peer) {
  const http = createHttpClient(url);
  const origin = { origin: url };
  const signUp = (email: string) =>
    http.succeed('POST', '/api/auth/sign-up/email', origin, { email, password, name: 'Leila' });
  for (let number = 0; number < users; number += 1) await signUp(emailOf(number));
  const signIn = () =>
    http.succeed('POST', '/api/auth/sign-in/email', origin, { email: anyEmail(), password });
  const token = String((await signIn()).headers['set-auth-token']);
  return { http, signUp, signIn, session: { authorization: `Bearer ${token}` } };
}

async function compareBoth(
  { options: { seconds, concurrency }, database }: Bench,
  server: BenchServer,
  http: HttpClient,
  peer: Peer,
) {
  const ours = await makeAccounts(server, http, users);
  const theirs = await callsOf(peer);
  const { access_token: token } = await ours.login();
  const session = { authorization: `Bearer ${token}` };
  const loop = (call: () => Promise<unknown>) => closedLoop(concurrency, () => call);
  const rows: Row[] = [];
  const add = async (
    name: string,
    against: string,
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
  };
  const reads = (callers: number) => ({
    rest: repeating({ url: `${server.url}/view_user`, callers, headers: session }),
    connect: repeating({
      url: `${server.url}/manam.v1.ProfileService/ViewUser`,
      callers,
      method: 'POST',
      headers: { ...session, 'content-type': 'application/json' },
      body: '{}',
    }),
    peer: repeating({ url: `${peer.url}/api/auth/get-session`, callers, headers: theirs.session }),
  });
  const p99 = (slice: Slice) => figuresOf([slice]).p99;
  const few = reads(concurrency);
  const many = reads(64);
  await add('a session read, REST', 'get-session of better-auth', atLeast(3), few.rest, few.peer);
  await add('a session read, Connect', 'get-session of better-auth', atLeast(3), few.connect, few.peer);
  await add('p99 of reads, 64 callers', 'its p99', atMost(0.5), many.rest, many.peer, p99);
  await add('a sign-in', 'its sign-in', atLeast(1.05), loop(ours.login), loop(theirs.signIn));
  await add(
    'a sign-up',
    'its sign-up',
    undefined,
    loop(ours.register),
    loop(() => theirs.signUp(freshEmail())),
  );
  const itsTokens = loop(() => theirs.http.succeed('GET', '/api/auth/token', theirs.session));
  await add(
    'RefreshToken',
    'a token of its plugin jwt',
    atLeast(2),
    await ours.refreshing(concurrency),
    itsTokens,
  );
  theirs.http.close();
  return rows;
}

export const peers: Scenario = async (bench) => {
  const { options, database } = bench;
  // A deliberate delay is no work.
  const env = { RESPONSE_FLOOR_MS: '0' };
  const databaseUrl = await database.urlOf('peers');
  const started = await startServer({ databaseUrl, workers: options.workers, env });
  const peer = await startPeer(await database.urlOf('peers_better_auth'));
  try {
    return await withServer(started, (server, http) => compareBoth(bench, server, http, peer));
  } finally {
    peer.child.disconnect();
  }
};
