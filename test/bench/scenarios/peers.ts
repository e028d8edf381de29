import { floorProfile } from '../../../src/domain/password.ts';
import { form, json, makeAccounts, signInBodies, signUpBodies, withServer } from '../accounts.ts';
import { authorizationOf, createForms, openStore, register, tokenOf } from '../applications.ts';
import { callsOf, makePeerCaller, type Peer, startPeer } from '../better-auth.ts';
import { createHttpClient, type HttpClient } from '../calls.ts';
import { usageOf } from '../processes.ts';
import { atLeast, atMost, type Goal, type Row } from '../report.ts';
import { emailSuffix } from '../seed.ts';
import { type BenchServer, buildService, startServer } from '../server.ts';
import { closedLoop, compare, figuresOf, type Side, type Slice, throughput, warmUp } from '../slices.ts';
import { meter } from '../usage.ts';
import { chain, type DrivenCall, driving } from '../wrk.ts';
import { makeCaller, origin } from './passkeys.ts';
import type { Bench, Scenario } from './scenario.ts';

// The service beside better-auth on the same database, with the same hash. The peer of the OpenID calls is in the scenario `openid`.

const sliceMs = 2000;
/** Accounts on both sides. */
const users = 40;

/** Signs users of both sides in by passkey. */
async function passkeySides(server: BenchServer, http: HttpClient, peer: Peer, concurrency: number) {
  const key = { apieco_key: server.keys.dev };
  const theirs = createHttpClient(peer.url);
  const numbers = Array.from({ length: concurrency }, (_, caller) => caller);
  const side = async (make: (caller: number) => Promise<() => Promise<unknown>>): Promise<Side> => {
    const callers = await Promise.all(numbers.map(make));
    return closedLoop(concurrency, (caller) => async () => callers[caller]?.());
  };
  return {
    ours: await side((caller) => makeCaller(http, key, caller)),
    theirs: await side((caller) => makePeerCaller(theirs, peer.url, origin, caller)),
    close: () => theirs.close(),
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
    signIn: posting('/auth/login', signInBodies(users, 'u', emailSuffix)),
    signUp: posting('/auth/register', signUpBodies()),
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

/** What is compared, where it is not the throughput, and the processes whose work is measured. */
type Measured = {
  readonly of?: (slice: Slice) => number;
  readonly by?: Pick<BenchServer, 'usage'>;
  readonly its?: Peer;
};

async function compareBoth(
  { options: { seconds, concurrency }, database, limits }: Bench,
  server: BenchServer,
  http: HttpClient,
  peer: Peer,
) {
  const ours = await ownCalls(server, http, concurrency);
  const theirs = await callsOf(peer, users, concurrency);
  const rows: Row[] = [];
  const add = async (
    [name, against]: readonly [string, string],
    goal: Goal | undefined,
    a: Side,
    b: Side,
    { of = throughput, by = server, its = peer }: Measured = {},
  ) => {
    const mine = meter(by, database, a);
    const other = meter({ usage: () => usageOf(its.child.pid ?? 0) }, database, b);
    await warmUp(a, b);
    const compared = await compare({ seconds, sliceMs, a: mine.side, b: other.side, of });
    const { statements, serverCpuMs, rssMb } = other.cost();
    const more = { 'its SQL': statements, 'its CPU ms': serverCpuMs, 'its MB': rssMb };
    rows.push({ name, against, ...compared, ...(goal && { goal }), cost: mine.cost(), more });
    return compared;
  };
  const p99 = (slice: Slice) => figuresOf([slice]).p99;
  const session = 'get-session of better-auth';
  await add(['a session read, REST', session], atLeast(3), ours.read(concurrency), theirs.read(concurrency));
  await add(['a session read, Connect', session], atLeast(3), ours.readConnect, theirs.read(concurrency));
  await add(['p99 of reads, 64 callers', 'its p99'], atMost(0.5), ours.read(64), theirs.read(64), {
    of: p99,
  });
  const signIns = await add(['a sign-in', 'its sign-in'], atLeast(1.05), ours.signIn, theirs.signIn);
  const { p50, p99: tail } = signIns.a;
  rows.push({ name: 'p99 of sign-ins', against: 'their p50', ratio: tail / p50, goal: atMost(1.5) });
  // The upper bound: the ratio if the service did nothing else.
  const parts = 'hash and statements of a sign-in alone';
  const alone = await limits.signIns(concurrency, { databaseUrl: server.databaseUrl, tenant: 'dev', users });
  // Nothing has called it yet, and V8 takes half a minute to compile it.
  await warmUp(alone, alone, alone, alone);
  await add([parts, 'its sign-in'], undefined, alone, theirs.signIn, { by: limits });
  const lighter = await startPeer(await database.urlOf('peers_least_hash'), floorProfile);
  const { signIn: lighterSignIn } = await callsOf(lighter, users, concurrency);
  await add(
    ['a sign-in', 'its sign-in, with the least hash that is allowed'],
    undefined,
    ours.signIn,
    lighterSignIn,
    { its: lighter },
  );
  lighter.child.disconnect();
  await add(['a sign-up', 'its sign-up'], undefined, ours.signUp, theirs.signUp);
  await add(['RefreshToken', 'a token of its plugin jwt'], atLeast(2), ours.refresh, theirs.token);
  const introspection = 'that of its plugin oauth-provider';
  await add(['introspection', introspection], atLeast(3), ours.introspect, theirs.introspect);
  const byPasskey = await passkeySides(server, http, peer, concurrency);
  const names = ['a sign-in by passkey (driven from Node)', 'that of its plugin passkey'] as const;
  await add(names, undefined, byPasskey.ours, byPasskey.theirs);
  byPasskey.close();
  return rows;
}

export const peers: Scenario = async (bench) => {
  const { options, database } = bench;
  // A deliberate delay is no work.
  const env = { RESPONSE_FLOOR_MS: '0', MANAM_ISSUER: origin };
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
