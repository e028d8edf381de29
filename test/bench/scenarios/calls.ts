import { availableParallelism } from 'node:os';
import { createAccessTokenVerifier } from '../../../src/clients/verify.ts';
import { makeAccounts, withServer } from '../accounts.ts';
import { createGrpcClient, createHttpClient } from '../calls.ts';
import type { Limits } from '../limits.ts';
import { atLeast, atMost, type Row } from '../report.ts';
import { startServer } from '../server.ts';
import {
  type CompareOptions,
  closedLoop,
  compare,
  medianLatency,
  type Side,
  throughput,
  warmUp,
} from '../slices.ts';
import { meter } from '../usage.ts';
import type { Scenario } from './scenario.ts';

const viewUser = 'manam.v1.ProfileService/ViewUser';
/** The slices of what takes a millisecond, and of what takes a hash. */
const short = 500;
const long = 1500;
/** With a hash in each of them it takes longer until there were some thousand. */
const loginWarmUpMs = 60_000;

/** Each call beside what it cannot surpass. */
export const calls: Scenario = async ({ options, database, limits }) => {
  const { seconds, concurrency, users, workers } = options;
  const started = await startServer({
    databaseUrl: await database.urlOf('calls'),
    workers,
    // A deliberate delay is no work.
    env: { RESPONSE_FLOOR_MS: '0' },
  });
  return await withServer(started, async (server, http) => {
    const accounts = await makeAccounts(server, http, users);
    const bareHttp = createHttpClient(limits.url);
    const [grpc, bareGrpc] = [createGrpcClient(server.url), createGrpcClient(limits.url)];
    const { access_token: token } = await accounts.login();
    const session = { authorization: `Bearer ${token}` };
    const loop = (call: () => Promise<unknown>, callers = concurrency): Side =>
      closedLoop(callers, () => call);

    const row = async (
      names: Pick<Row, 'name' | 'against'> & Pick<Partial<Row>, 'goal'>,
      parts: Omit<CompareOptions, 'seconds'>,
    ): Promise<Row> => {
      const metered = meter(server, database, parts.a);
      const comparison = await compare({ ...parts, seconds, a: metered.side });
      return { ...names, ...comparison, cost: metered.cost() };
    };

    const overConnect = () => http.succeed('POST', `/${viewUser}`, session, {});
    const overGrpc = () => grpc.call(viewUser, session);
    const bare = (procedure: string) => bareHttp.succeed('POST', `/${procedure}`, session, {});
    const readAlone = () => bare('manam.v1.ProfileService/EditUser');
    const { body } = await overConnect();
    const { aud: tenantId = '', sid: sessionId = '' } = claimsOf(token);
    await limits.answer({ viewUser: body, databaseUrl: server.databaseUrl, tenantId, sessionId });
    await warmUp(
      ...[overConnect, overGrpc, readAlone, () => bare(viewUser)].map((call) => loop(call)),
      await accounts.refreshing(concurrency),
    );
    await loop(accounts.login)(loginWarmUpMs);
    const select = limits.side({ limit: 'select', concurrency });
    const update = limits.side({ limit: 'update', concurrency });
    const hash = limits.side({ limit: 'hash', concurrency: await bestConcurrency(limits) });
    const oneHash = limits.side({ limit: 'hash', concurrency: 1 });
    const leastHash = limits.side({ limit: 'least-hash', concurrency: availableParallelism() });
    try {
      return [
        await row(
          { name: 'Login', against: 'the hash, at its best concurrency', goal: atLeast(0.95, 0.9) },
          { a: loop(accounts.login), b: hash, sliceMs: long },
        ),
        await row(
          { name: 'Login, p50 at low load', against: 'p50 of one hash', goal: atMost(1.15, 1.3) },
          { a: loop(accounts.login, 1), b: oneHash, sliceMs: long, of: medianLatency },
        ),
        {
          name: 'the hash, of 20 MiB',
          against: 'the least that is allowed, of 19 MiB',
          ...(await compare({
            seconds,
            sliceMs: long,
            a: limits.side({ limit: 'hash', concurrency: availableParallelism() }),
            b: leastHash,
          })),
        },
        await row(
          { name: 'Register', against: 'the hash, at its best concurrency' },
          { a: loop(accounts.register), b: hash, sliceMs: long },
        ),
        await row(
          { name: 'RefreshToken', against: 'UPDATE and COMMIT', goal: atLeast(0.8, 0.7) },
          {
            a: await accounts.refreshing(concurrency),
            b: update,
            sliceMs: short,
          },
        ),
        await row(
          { name: 'ViewUser, Connect', against: 'a bare handler, Connect', goal: atLeast(0.5, 0.35) },
          {
            a: loop(overConnect),
            b: loop(() => bare(viewUser)),
            sliceMs: short,
          },
        ),
        await row(
          {
            name: 'ViewUser, Connect',
            against: 'a bare handler of its read alone, Connect',
            goal: atLeast(0.9),
          },
          {
            a: loop(overConnect),
            b: loop(readAlone),
            sliceMs: short,
          },
        ),
        {
          name: 'the read of ViewUser alone, Connect',
          against: 'a bare handler, Connect',
          ...(await compare({
            seconds,
            sliceMs: short,
            a: loop(readAlone),
            b: loop(() => bare(viewUser)),
          })),
        },
        await row(
          { name: 'RefreshToken', against: 'a bare handler of SELECT, UPDATE and COMMIT, Connect' },
          {
            a: await accounts.refreshing(concurrency),
            b: loop(() => bare('manam.v1.AuthService/RefreshToken')),
            sliceMs: short,
          },
        ),
        await row(
          { name: 'ViewUser, gRPC', against: 'a bare handler, gRPC', goal: atLeast(0.5, 0.35) },
          {
            a: loop(overGrpc),
            b: loop(() => bareGrpc.call(viewUser, session)),
            sliceMs: short,
          },
        ),
        await row(
          { name: 'ViewUser, gRPC', against: 'a bare handler of its read alone, gRPC', goal: atLeast(0.9) },
          {
            a: loop(overGrpc),
            b: loop(() => bareGrpc.call('manam.v1.ProfileService/EditUser', session)),
            sliceMs: short,
          },
        ),
        await row(
          { name: 'ViewUser, REST', against: 'ViewUser, Connect-JSON', goal: atLeast(0.9, 0.85) },
          { a: loop(() => http.succeed('GET', '/view_user', session)), b: loop(overConnect), sliceMs: short },
        ),
        await row(
          { name: 'ViewUser, Connect', against: 'SELECT by primary key' },
          { a: loop(overConnect), b: select, sliceMs: short },
        ),
        await offline(server.url, token, limits, seconds),
      ];
    } finally {
      bareHttp.close();
      grpc.close();
      bareGrpc.close();
    }
  });
};

/** At which concurrency, from 1 to twice the cores, hashes come fastest. */
async function bestConcurrency(limits: Limits): Promise<number> {
  let best = { concurrency: 1, perSecond: 0 };
  for (let concurrency = 1; concurrency <= 2 * availableParallelism(); concurrency += 1) {
    const perSecond = throughput(await limits.side({ limit: 'hash', concurrency })(long));
    if (perSecond > best.perSecond) best = { concurrency, perSecond };
  }
  return best.concurrency;
}

function claimsOf(token: string): Record<string, string> {
  const [, payload = ''] = token.split('.');
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, string>;
}

async function offline(issuer: string, token: string, limits: Limits, seconds: number): Promise<Row> {
  const { aud, iss } = claimsOf(token);
  const verify = createAccessTokenVerifier({
    issuer: iss ?? '',
    tenantId: aud ?? '',
    jwksUrl: `${issuer}/.well-known/jwks.json`,
  });
  const keys = (await (await fetch(`${issuer}/.well-known/jwks.json`)).json()) as never;
  const comparison = await compare({
    seconds,
    sliceMs: short,
    a: closedLoop(1, () => () => verify(token)),
    b: limits.side({ limit: 'verify', concurrency: 1, token, keys }),
  });
  return { name: '@manam/client/verify, offline', against: 'jwtVerify of jose', ...comparison };
}
