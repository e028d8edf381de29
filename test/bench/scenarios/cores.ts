import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { json, makeAccounts, signInBodies, withServer } from '../accounts.ts';
import { timesOf } from '../processes.ts';
import { atLeast, type Goal } from '../report.ts';
import { emailSuffix } from '../seed.ts';
import { type BenchServer, buildService, startServer } from '../server.ts';
import { compare, round, type Side, warmUp } from '../slices.ts';
import { meter } from '../usage.ts';
import { driving } from '../wrk.ts';
import type { Scenario } from './scenario.ts';

// A sign-in beside the hash, with a core for the service alone: database and driver have another one.

const [ofService, ofOthers] = [0, 1];
const sliceMs = 3000;
const users = 40;
/** Below it the other core holds the service up, and the figure says nothing of it. */
const leastIdle = 0.2;

const pin = (pid: number, cores: string) => execFileSync('taskset', ['-acp', cores, String(pid)]);

/** The part of its time that a core has rested in the slices of a side. */
function resting(side: Side) {
  const sum = { idle: 0, all: 0 };
  return {
    side: async (ms: number) => {
      const before = timesOf(ofOthers);
      const slice = await side(ms);
      const after = timesOf(ofOthers);
      sum.idle += after.idle - before.idle;
      sum.all += after.all - before.all;
      return slice;
    },
    part: () => sum.idle / sum.all,
  };
}

export const cores: Scenario = async ({ options, database, limits }) => {
  const { seconds, concurrency } = options;
  pin(process.pid, String(ofOthers));
  pin(await database.pid(), String(ofOthers));
  pin(limits.pid, String(ofService));
  const started = await startServer({
    databaseUrl: await database.urlOf('cores'),
    main: buildService(),
    core: ofService,
    env: { RESPONSE_FLOOR_MS: '0' },
  });
  try {
    return await withServer(started, async (server, http) => {
      const { key } = await makeAccounts(server, http, users);
      const signIn = driving({
        url: `${server.url}/auth/login`,
        callers: concurrency,
        method: 'POST',
        headers: { ...key, ...json },
        script: signInBodies(users, 'u', emailSuffix),
      });
      const hash = { name: 'the hash', side: limits.side({ limit: 'hash', concurrency: 1 }) };
      const least = {
        name: 'the least hash that is allowed',
        side: limits.side({ limit: 'least-hash', concurrency: 1 }),
      };
      const alone = await limits.signIns(concurrency, {
        databaseUrl: server.databaseUrl,
        tenant: 'dev',
        users,
      });
      await warmUp(signIn, hash.side, least.side, alone, signIn);
      const rowOf = async (
        name: string,
        side: Side,
        by: Pick<BenchServer, 'usage'>,
        against: typeof hash,
        goal?: Goal,
      ) => {
        const idle = resting(side);
        const metered = meter(by, database, idle.side);
        const figures = await compare({ seconds, sliceMs, a: metered.side, b: against.side });
        const part = idle.part();
        return {
          name: `${name}, a core for itself${part < leastIdle ? ': void' : ''}`,
          against: `${against.name} on that core`,
          ...figures,
          ...(goal !== undefined && part >= leastIdle && { goal }),
          cost: metered.cost(),
          more: { 'the other core idle': round(part) },
        };
      };
      return [
        await rowOf('a sign-in', signIn, server, hash, atLeast(0.9)),
        await rowOf('a sign-in', signIn, server, least),
        await rowOf('hash and statements of a sign-in alone', alone, limits, hash),
      ];
    });
  } finally {
    for (const pid of [process.pid, await database.pid(), limits.pid])
      pin(pid, `0-${availableParallelism() > 1 ? availableParallelism() - 1 : 1}`);
  }
};
