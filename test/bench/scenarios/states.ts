import { createConnection } from 'mysql2/promise';
import { cumulativeStdNormalProbability, median, wilcoxonRankSum } from 'simple-statistics';
import { freshEmail, makeAccounts, password, withServer } from '../accounts.ts';
import { atMost, type Row } from '../report.ts';
import { seededEmail } from '../seed.ts';
import { startServer } from '../server.ts';
import type { Call } from '../slices.ts';
import { ratioOf, round } from '../slices.ts';
import type { Scenario } from './scenario.ts';

/** How many calls of each state are compared. */
const samples = 200;
/** How many are made before, so that code and caches are warm. */
const warmUp = 10;
/** Below this the two are held to differ. */
const leastP = 0.01;
/** Accounts of each state: every attempt is on one that no other has touched, because failures add up. */
const accountsOfEach = 1500;

/**
 * Whether the time of an answer tells the state of an account (R5, R33): calls of either state in
 * turn, as the service runs in production, floor included.
 */
export const states: Scenario = async ({ database }) => {
  const started = await startServer({ databaseUrl: await database.urlOf('states') });
  return await withServer(started, async (server, http) => {
    const { key } = await makeAccounts(server, http, 3 * accountsOfEach);
    const known = inTurn(0);
    const unconfirmed = inTurn(accountsOfEach);
    const locked = inTurn(2 * accountsOfEach);
    await prepare(server.databaseUrl);

    const login = (email: () => string) => () =>
      http.send('POST', '/auth/login', key, { email: email(), password: 'a-wrong-password-48' });
    const register = (email: () => string) => () =>
      http.succeed('POST', '/auth/register', key, { email: email(), password });
    const recover = (email: () => string) => () =>
      http.succeed('POST', '/auth/recover', key, { email: email() });
    return [
      await comparison('Login, refused: unknown', 'known', login(freshEmail), login(known)),
      await comparison('Login, refused: unconfirmed', 'known', login(unconfirmed), login(known)),
      await comparison('Login, refused: locked', 'known', login(locked), login(known)),
      await comparison('Register: new', 'confirmed', register(freshEmail), register(known)),
      await comparison('Register: unconfirmed', 'confirmed', register(unconfirmed), register(known)),
      await comparison('Recover: unknown', 'known', recover(freshEmail), recover(known)),
      await comparison('Recover: unconfirmed', 'known', recover(unconfirmed), recover(known)),
    ];
  });
};

/** The addresses of seeded accounts, from one on. */
function inTurn(from: number): () => string {
  let next = from;
  return () => {
    next += 1;
    return seededEmail(next - 1);
  };
}

/** Takes the confirmation from the second part of the accounts, and locks the third. */
async function prepare(databaseUrl: string): Promise<void> {
  const number = "CAST(SUBSTRING_INDEX(SUBSTRING(canonical, 2), '@', 1) AS UNSIGNED)";
  const chosen = `canonical LIKE 'u%' AND ${number} >= ? AND ${number} < ?`;
  const connection = await createConnection(databaseUrl);
  await connection.query(
    `UPDATE users JOIN identifiers ON identifiers.tenant_id = users.tenant_id AND identifiers.user_id = users.id
       SET users.confirmed_at = NULL, identifiers.confirmed_at = NULL WHERE ${chosen}`,
    [accountsOfEach, 2 * accountsOfEach],
  );
  await connection.query(
    `INSERT INTO guess_counters (tenant_id, kind, subject, failures, next_attempt_at)
       SELECT tenant_id, 'password', user_id, 10, UTC_TIMESTAMP() + INTERVAL 1 DAY FROM identifiers WHERE ${chosen}`,
    [2 * accountsOfEach, 3 * accountsOfEach],
  );
  await connection.end();
}

async function comparison(name: string, against: string, a: Call, b: Call): Promise<Row> {
  const pairs: [number, number][] = [];
  for (let count = -warmUp; count < samples; count += 1) {
    // By turns which of them comes first, so that neither always follows the other.
    const [first, second] = count % 2 === 0 ? [a, b] : [b, a];
    const times = [await timeOf(first), await timeOf(second)] as const;
    if (count >= 0) pairs.push(count % 2 === 0 ? [times[0], times[1]] : [times[1], times[0]]);
  }
  const [left, right] = [pairs.map(([time]) => time), pairs.map(([, time]) => time)];
  const p = mannWhitneyP(left, right);
  const ratio = median(left) / median(right);
  return {
    name,
    against,
    ratio: round(ratio),
    spread: ratioOf(pairs).spread,
    // A ratio that no chance explains is none that is near enough.
    goal: atMost(p > leastP ? 1.05 : Number.NEGATIVE_INFINITY),
    more: { p: round(p), 'median ms': round(median(left)), 'its median ms': round(median(right)) },
  };
}

async function timeOf(call: Call): Promise<number> {
  const start = performance.now();
  await call();
  return performance.now() - start;
}

/** The probability of ranks as uneven as these where both are of one kind (Mann-Whitney U, two-sided). */
function mannWhitneyP(a: number[], b: number[]): number {
  const u = wilcoxonRankSum(a, b) - (a.length * (a.length + 1)) / 2;
  const mean = (a.length * b.length) / 2;
  const deviation = Math.sqrt((a.length * b.length * (a.length + b.length + 1)) / 12);
  return 2 * (1 - cumulativeStdNormalProbability(Math.abs(u - mean) / deviation));
}
