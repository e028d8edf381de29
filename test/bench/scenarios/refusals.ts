import { makeAccounts, password, withServer } from '../accounts.ts';
import { atMost } from '../report.ts';
import { startServer } from '../server.ts';
import { beside, type Call, closedLoop, compare, figuresOf, type Slice, warmUp } from '../slices.ts';
import type { Scenario } from './scenario.ts';

const sliceMs = 1000;
/** Number of callers whose calls are rejected. */
const attackers = 3;

const p99 = (slice: Slice) => figuresOf([slice]).p99;

/** The cost of refused oversized input to other callers (R77). */
export const refusals: Scenario = async ({ options: { seconds }, database }) => {
  const started = await startServer({ databaseUrl: await database.urlOf('refusals') });
  return await withServer(started, async (server, http) => {
    const { key } = await makeAccounts(server, http, 1);
    const marks = `a${'\u0345'.repeat(15_000)}${'\u0334'.repeat(15_000)}@example.com`;
    const bodies = [
      { email: marks, password },
      { mobile: '9'.repeat(60_000), password },
      { email: 'sara@example.com', password: 'x'.repeat(60_000) },
      { email: `${'\ufdfa'.repeat(340)}@example.com`, password },
    ];
    let next = 0;
    const refuse = (body: () => object): Call => {
      return async () => {
        const { status, body: text } = await http.send('POST', '/auth/login', key, body());
        if (status !== 400) throw new Error(`not refused: ${status} ${text}`);
      };
    };
    const heavy = refuse(() => {
      next += 1;
      return bodies[next % bodies.length] ?? {};
    });
    const light = refuse(() => ({ email: 'no address', password }));
    const health = closedLoop(1, () => () => http.succeed('GET', '/healthz', {}));
    await warmUp(
      health,
      closedLoop(attackers, () => heavy),
    );
    const attack = async (isOver: () => boolean) => {
      const run = async () => {
        while (!isOver()) await heavy();
      };
      await Promise.all(Array.from({ length: attackers }, run));
    };
    return [
      {
        name: 'Login, refused for its size or marks: p99',
        against: 'refused for one wrong letter',
        goal: atMost(10),
        ...(await compare({
          seconds,
          sliceMs,
          a: closedLoop(1, () => heavy),
          b: closedLoop(1, () => light),
          of: p99,
        })),
      },
      {
        name: `/healthz beside ${attackers} callers of those: p99`,
        against: 'its p99 when it is quiet',
        goal: atMost(50),
        ...(await compare({
          seconds,
          sliceMs,
          a: (ms) => beside(attack, () => health(ms)),
          b: health,
          of: p99,
        })),
      },
    ];
  });
};
