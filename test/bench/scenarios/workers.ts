import { median } from 'simple-statistics';
import { makeAccounts, withServer } from '../accounts.ts';
import { createHttpClient, type HttpClient } from '../calls.ts';
import { type Limits, startLimits } from '../limits.ts';
import { sumOf } from '../processes.ts';
import { atLeast, type Row } from '../report.ts';
import { type BenchServer, startServer } from '../server.ts';
import { closedLoop, ratioOf, round, type Side, throughput, warmUp } from '../slices.ts';
import type { Scenario } from './scenario.ts';

type Measured = Pick<BenchServer, 'usage'>;

/** Long enough for the kernel's count of CPU time, which is in hundredths of a second. */
const sliceMs = 2000;

/** Calls per second of the server's CPU with several processes and with one. */
export const manyWorkers: Scenario = async ({ options, database, limits }) => {
  const { seconds, concurrency, users } = options;
  const workers = Math.max(2, options.workers);
  const several = await startServer({ databaseUrl: await database.urlOf('several'), workers });
  return await withServer(several, async (ofSeveral, severalHttp) => {
    const one = await startServer({ databaseUrl: await database.urlOf('one') });
    return await withServer(one, async (ofOne, oneHttp) => {
      const accounts = [
        await makeAccounts(ofSeveral, severalHttp, users),
        await makeAccounts(ofOne, oneHttp, users),
      ] as const;
      const logins = accounts.map(({ login }) => closedLoop(concurrency, () => login)) as [Side, Side];
      const tokens = await Promise.all(accounts.map(({ login }) => login()));
      // Reads take a tenth of the time: fewer callers would leave most workers idle most of the time.
      const readers = 4 * concurrency;
      const reads = [severalHttp, oneHttp].map((http, index) => {
        const session = { authorization: `Bearer ${tokens[index]?.access_token}` };
        return closedLoop(readers, () => () => http.succeed('GET', '/view_user', session));
      }) as [Side, Side];
      const servers = [ofSeveral, ofOne] as const;
      await warmUp(...reads, ...logins);
      return [
        await row('Login', servers, logins, workers, seconds),
        await row('ViewUser', servers, reads, workers, seconds),
        await bareRow(limits, await startLimits(await database.urlOf('limits_beside')), readers, seconds),
      ];
    });
  });
};

/** The same for what cannot be had better: a bare handler of one SELECT, in two processes and in one. */
async function bareRow(one: Limits, beside: Limits, callers: number, seconds: number): Promise<Row> {
  const clients = [one, beside].map(({ url }) => createHttpClient(url)) as [HttpClient, HttpClient];
  const sideOf = (of: (caller: number) => HttpClient) =>
    closedLoop(
      callers,
      (caller) => () => of(caller).succeed('POST', '/manam.v1.ProfileService/GetManamUserInfo', {}, {}),
    );
  const both = { usage: () => sumOf([one.usage(), beside.usage()]) };
  const sides = [sideOf((caller) => clients[caller % 2 === 0 ? 0 : 1]), sideOf(() => clients[0])] as const;
  try {
    await warmUp(...sides);
    const { goal: _, ...bare } = await row('a bare handler of one SELECT', [both, one], sides, 2, seconds);
    return bare;
  } finally {
    for (const client of clients) client.close();
    beside.stop();
  }
}

async function row(
  name: string,
  [several, one]: readonly [Measured, Measured],
  [ofSeveral, ofOne]: readonly [Side, Side],
  workers: number,
  seconds: number,
): Promise<Row> {
  const perCpuSecond: [number, number][] = [];
  const speeds: [number, number][] = [];
  await ofSeveral(sliceMs);
  await ofOne(sliceMs);
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until || perCpuSecond.length < 3) {
    const a = await measured(several, ofSeveral);
    const b = await measured(one, ofOne);
    perCpuSecond.push([a.perCpuSecond, b.perCpuSecond]);
    speeds.push([a.perSecond, b.perSecond]);
  }
  return {
    name: `${name}: calls per CPU second, ${workers} workers`,
    against: 'the same with one process',
    goal: atLeast(0.9),
    ...ratioOf(perCpuSecond),
    more: {
      'throughput ratio': ratioOf(speeds).ratio,
      'calls per CPU second': round(median(perCpuSecond.map(([each]) => each))),
    },
  };
}

async function measured(server: Measured, side: Side) {
  const before = server.usage().cpuS;
  const slice = await side(sliceMs);
  return { perCpuSecond: slice.calls / (server.usage().cpuS - before), perSecond: throughput(slice) };
}
