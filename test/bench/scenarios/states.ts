import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { cumulativeStdNormalProbability, median, wilcoxonRankSum } from 'simple-statistics';
import { bytesToUuid, uuidToBytes } from '../../../src/domain/token.ts';
import { networkSubject } from '../../../src/flows/password-check.ts';
import { freshEmail, makeAccounts, password, withServer } from '../accounts.ts';
import { atMost, type Row } from '../report.ts';
import { seededEmail } from '../seed.ts';
import { startServer } from '../server.ts';
import { type Call, ratioOf, round } from '../slices.ts';
import type { Scenario } from './scenario.ts';

/** Number of compared calls per state. */
const samples = 200;
/** Number of warm-up calls. */
const warmUp = 10;
/** Below this the two are held to differ. */
const leastP = 0.01;
/** Accounts of each state: every attempt is on one that no other has touched, because failures add up. */
const accountsOfEach = 1500;

/**
 * Whether the response time reveals the state of an account (R5, R33): calls of either state in
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
    const endRecovery = (mobile: () => string) => () =>
      http.send('POST', '/auth/recover/end', key, { mobile: mobile(), token: '12345678', password });
    const recover = (email: () => string) => () =>
      http.succeed('POST', '/auth/recover', key, { email: email() });
    const startCode = (email: () => string) => () =>
      http.succeed('POST', '/auth/code/start', key, { email: email() });
    return [
      await comparison('StartCodeSignIn: unknown', 'known', startCode(freshEmail), startCode(known)),
      await comparison('StartCodeSignIn: unconfirmed', 'known', startCode(unconfirmed), startCode(known)),
      await comparison('Login, refused: unknown', 'known', login(freshEmail), login(known)),
      await comparison('Login, refused: unconfirmed', 'known', login(unconfirmed), login(known)),
      await comparison('Login, refused: locked', 'known', login(locked), login(known)),
      await comparison('Register: new', 'confirmed', register(freshEmail), register(known)),
      await comparison('Register: unconfirmed', 'confirmed', register(unconfirmed), register(known)),
      await comparison('Recover: unknown', 'known', recover(freshEmail), recover(known)),
      await comparison('Recover: unconfirmed', 'known', recover(unconfirmed), recover(known)),
      await comparison(
        'EndRecovery by number: unknown',
        'known',
        endRecovery(numberInTurn(accountsOfEach)),
        endRecovery(numberInTurn(0)),
      ),
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

const numberOf = (index: number) => `+98912${String(1_000_000 + index)}`;

/** Numbers from one on: those of the first part of the accounts are held. */
function numberInTurn(from: number): () => string {
  let next = from;
  return () => {
    next += 1;
    return numberOf(next - 1);
  };
}

/** Gives numbers to the first part of the accounts, takes the confirmation from the second, and locks the third. */
async function prepare(databaseUrl: string): Promise<void> {
  const number = "CAST(SUBSTRING_INDEX(SUBSTRING(canonical, 2), '@', 1) AS UNSIGNED)";
  const chosen = `canonical LIKE 'u%' AND ${number} >= ? AND ${number} < ?`;
  const connection = await createConnection(databaseUrl);
  await connection.query(
    `UPDATE users JOIN identifiers ON identifiers.tenant_id = users.tenant_id AND identifiers.user_id = users.id
       SET users.confirmed_at = NULL, identifiers.confirmed_at = NULL WHERE ${chosen}`,
    [accountsOfEach, 2 * accountsOfEach],
  );
  const idsIn = async (from: number) => {
    const [rows] = await connection.query<RowDataPacket[]>(
      `SELECT tenant_id, user_id FROM identifiers WHERE ${chosen}`,
      [from, from + accountsOfEach],
    );
    return rows.map((row) => [row['tenant_id'], row['user_id']] as [Buffer, Buffer]);
  };
  const until = new Date(Date.now() + 86_400_000);
  const client = { address: '127.0.0.1', userAgent: '' };
  const locks = (await idsIn(2 * accountsOfEach)).map(([tenantId, userId]) => {
    const subject = uuidToBytes(networkSubject(bytesToUuid(userId), { client }));
    return [tenantId, 'password', subject, 10, 10, until];
  });
  await connection.query(
    'INSERT INTO guess_counters (tenant_id, kind, subject, failures, wrong, next_attempt_at) VALUES ?',
    [locks],
  );
  const now = new Date();
  const numbers = (await idsIn(0)).map(([tenantId, userId], index) => {
    return [tenantId, 'mobile', numberOf(index), userId, numberOf(index), now];
  });
  await connection.query(
    'INSERT INTO identifiers (tenant_id, kind, canonical, user_id, address, confirmed_at) VALUES ?',
    [numbers],
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
