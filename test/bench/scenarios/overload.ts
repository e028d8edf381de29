import { median } from 'simple-statistics';
import { type Accounts, makeAccounts, password, withServer } from '../accounts.ts';
import type { Answer, HttpClient } from '../calls.ts';
import { atLeast, atMost } from '../report.ts';
import { seededEmail } from '../seed.ts';
import { startServer } from '../server.ts';
import {
  beside,
  closedLoop,
  compare,
  figuresOf,
  openLoop,
  ratioOf,
  type Side,
  type Slice,
  throughput,
  warmUp,
} from '../slices.ts';
import type { Scenario } from './scenario.ts';

const sliceMs = 2000;
/** The load as a multiple of the capacity. */
const overload = 10;

/** Checks under ten times as many sign-ins as the capacity. */
export const overloaded: Scenario = async ({ options, database }) => {
  const { seconds, concurrency, users, workers } = options;
  const started = await startServer({ databaseUrl: await database.urlOf('overload'), workers });
  return await withServer(started, async (server, http) => {
    const accounts = await makeAccounts(server, http, users);
    const others = await makeAccounts(server, http, users, 'manam');
    const calm = closedLoop(concurrency, () => accounts.login);
    const { access_token: token } = await accounts.login();
    const session = { authorization: `Bearer ${token}` };
    const view = closedLoop(2, () => () => http.succeed('GET', '/view_user', session));
    await warmUp(view, await accounts.refreshing(2), calm);
    const capacity = throughput(await calm(sliceMs));
    const storm = createStorm(http, accounts, users);
    const stormBeside = <T>(work: () => Promise<T>) =>
      beside(async (isOver) => void (await storm.run(overload * capacity, isOver)), work);

    const goodput: Side = async (ms) => {
      const start = performance.now();
      const served = await storm.run(overload * capacity, () => performance.now() - start > ms);
      return { calls: served.length, ms: performance.now() - start, latencies: served };
    };
    const goodputs = await compare({ seconds, sliceMs, a: goodput, b: calm });
    const besideStorm = (b: Side, of: (slice: Slice) => number) =>
      compare({ seconds, sliceMs, a: (ms) => stormBeside(() => b(ms)), b, of });
    const quiet = { against: 'its p99 when it is quiet', goal: atMost(5) };
    return [
      {
        name: `Login at ${overload} × the capacity: goodput`,
        against: 'the capacity',
        goal: atLeast(0.8),
        ...goodputs,
      },
      {
        name: 'a refused Login: time',
        against: 'the time of a served one',
        goal: atMost(0.25),
        ...ratioOf(storm.pairs),
      },
      { name: 'ViewUser beside the storm: p99', ...quiet, ...(await besideStorm(view, p99)) },
      {
        name: 'RefreshToken beside the storm: p99',
        ...quiet,
        ...(await besideStorm(await accounts.refreshing(2), p99)),
      },
      {
        name: "another tenant's logins beside the storm",
        against: 'half of what they are alone',
        goal: atLeast(0.8),
        ...halved(
          await besideStorm(
            closedLoop(concurrency, () => others.login),
            throughput,
          ),
        ),
      },
    ];
  });
};

const p99 = (slice: Slice) => figuresOf([slice]).p99;

/** Against half of B: the ratio is twice as large. */
function halved<T extends { ratio: number; spread: readonly [number, number] }>(comparison: T): T {
  const [low, high] = comparison.spread;
  return { ...comparison, ratio: comparison.ratio * 2, spread: [low * 2, high * 2] };
}

/** Sign-ins that come however many are refused; every refusal has to be a proper one. */
function createStorm(http: HttpClient, { key }: Accounts, users: number) {
  let served: number[] = [];
  let refused: number[] = [];
  const login = async () => {
    const email = seededEmail(Math.floor(Math.random() * users));
    const start = performance.now();
    const answer = await http.send('POST', '/auth/login', key, { email, password });
    (isServed(answer) ? served : refused).push(performance.now() - start);
  };
  /** The median time of a refused call and of a served one, for each run. */
  const pairs: [number, number][] = [];
  return {
    pairs,
    /** Returns the times of the calls that were served. */
    run: async (perSecond: number, isOver: () => boolean): Promise<number[]> => {
      served = [];
      refused = [];
      await openLoop(perSecond, isOver, login);
      if (served.length > 0 && refused.length > 0) pairs.push([median(refused), median(served)]);
      return served;
    },
  };
}

function isServed({ status, headers, body }: Answer): boolean {
  if (status === 200) return true;
  const { reason } = JSON.parse(body) as { reason?: string };
  if (status === 429 && reason === 'RATE_LIMITED' && headers['retry-after'] !== undefined) return false;
  throw new Error(`a call was neither served nor refused: ${status} ${body}`);
}
