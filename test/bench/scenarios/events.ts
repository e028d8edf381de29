import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { median, quantile } from 'simple-statistics';
import { systemRandom } from '../../../src/adapters/random.ts';
import { createVault } from '../../../src/adapters/vault.ts';
import { createManam, followEvents, followRevocations, type Manam } from '../../../src/clients/grpc.ts';
import { createAccessTokenVerifier } from '../../../src/clients/verify.ts';
import type { Event, EventRepository } from '../../../src/domain/events.ts';
import { openDatabase } from '../../../src/store/database.ts';
import { createEventRepository } from '../../../src/store/events.ts';
import { type Accounts, makeAccounts, withServer } from '../accounts.ts';
import { atMost, type Row } from '../report.ts';
import { type BenchServer, startServer } from '../server.ts';
import { round } from '../slices.ts';
import type { Scenario } from './scenario.ts';

/** Pairs that are not counted. */
const warmUps = 100;
/** Aims, in milliseconds: from the commit to a reader, from a logout to a refusal, and what the log costs a sign-in. */
const aims = { reader: 200, refusal: 1000, signIn: 0.4 };

/** How late readers and verifiers learn of an event, and what it costs to record one. */
export const events: Scenario = async ({ options, database }) => {
  const { seconds, users } = options;
  const started = await startServer({ databaseUrl: await database.urlOf('events') });
  return await withServer(started, async (server, http) => {
    const accounts = await makeAccounts(server, http, users);
    const manam = createManam({ url: server.url, key: server.keys.secret });
    try {
      const count = Math.max(50, seconds * 10);
      const read = await timeToReader(manam, accounts, count);
      const refused = await timeToRefusal(server, manam, accounts, count);
      const recorded = await costOfEvent(server.databaseUrl, seconds * 40);
      return [
        rowOf('commit to reader: p99', read, aims.reader),
        rowOf('logout to refusal: p99', refused, aims.refusal),
        {
          name: 'an event in a transaction: time',
          against: `${aims.signIn} ms`,
          goal: atMost(1),
          ratio: round(median(recorded) / aims.signIn),
          more: { 'median ms': round(median(recorded)) },
        } satisfies Row,
      ];
    } finally {
      manam.close();
    }
  });
};

function rowOf(name: string, ms: readonly number[], aim: number): Row {
  const p99 = quantile([...ms], 0.99);
  return {
    name,
    against: `${aim} ms`,
    goal: atMost(1),
    ratio: round(p99 / aim),
    more: { 'p50 ms': round(median([...ms])), 'p99 ms': round(p99), calls: ms.length },
  };
}

/** From the answer of a Login, which comes after its commit, to the event in a stream. */
async function timeToReader(manam: Manam, accounts: Accounts, count: number): Promise<number[]> {
  const controller = new AbortController();
  const arrivals = new Map<string, number>();
  const query = { types: ['session.started'], signal: controller.signal };
  const following = (async () => {
    for await (const { event } of followEvents(manam, query))
      if (event !== undefined) arrivals.set(event.sessionId, performance.now());
  })();
  await pause(500);
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const { access_token: token } = await accounts.login();
    const answeredAt = performance.now();
    const sessionId = sessionOf(token);
    while (!arrivals.has(sessionId)) await pause(1);
    times.push(Math.max(0, (arrivals.get(sessionId) ?? 0) - answeredAt));
  }
  controller.abort();
  await following;
  return times;
}

/** From the answer of a Logout to the first refusal of a verifier that follows the stream. */
async function timeToRefusal(
  server: BenchServer,
  manam: Manam,
  accounts: Accounts,
  count: number,
): Promise<number[]> {
  const revocations = followRevocations({ manam });
  await revocations.ready;
  // Tokens that are older than the stream are asked about.
  await pause(3000);
  const claims = JSON.parse(
    Buffer.from((await accounts.login()).access_token.split('.')[1] ?? '', 'base64url').toString(),
  ) as { readonly iss: string; readonly aud: string };
  const verify = createAccessTokenVerifier({
    issuer: claims.iss,
    tenantId: claims.aud,
    jwksUrl: `${server.url}/.well-known/jwks.json`,
    revocations,
  });
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const { access_token: token } = await accounts.login();
    await verify(token);
    await manam.auth.logout({}, { headers: { authorization: `Bearer ${token}` } });
    const endedAt = performance.now();
    while (
      await verify(token).then(
        () => true,
        () => false,
      )
    )
      await pause(1);
    times.push(performance.now() - endedAt);
  }
  revocations.close();
  return times;
}

/** What an event adds to a transaction that changes a row, in milliseconds, pair by pair. */
async function costOfEvent(databaseUrl: string, pairs: number): Promise<number[]> {
  const handle = openDatabase({ url: databaseUrl, connections: 1 });
  const vault = createVault([{ id: systemRandom.uuid(), key: Buffer.alloc(32, 5) }]);
  const tenantId = systemRandom.uuid();
  await handle.db.execute(sql`CREATE TABLE IF NOT EXISTS bench_row (id INT PRIMARY KEY, n INT NOT NULL)`);
  await handle.db.execute(sql`REPLACE INTO bench_row VALUES (1, 0)`);
  // The statement is written once for a connection, as the service has it.
  let repository: EventRepository | undefined;
  const change = async (withEvent: boolean) => {
    const startedAt = performance.now();
    await handle.transaction(async (db, prepared) => {
      await db.execute(sql`UPDATE bench_row SET n = n + 1 WHERE id = 1`);
      repository ??= createEventRepository(db, prepared, vault);
      if (withEvent) await repository.add({ event: eventOf(tenantId), salt: systemRandom.bytes(16) });
    });
    return performance.now() - startedAt;
  };
  const differences: number[] = [];
  // The first ones prepare their statements.
  for (let index = -warmUps; index < pairs; index += 1) {
    const [without, withEvent] = [await change(false), await change(true)];
    if (index >= 0) differences.push(withEvent - without);
  }
  await handle.close();
  return differences;
}

function sessionOf(token: string): string {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
  return (JSON.parse(payload) as { readonly sid: string }).sid;
}

function eventOf(tenantId: string): Event {
  return {
    id: systemRandom.uuid(),
    tenantId,
    type: 'session.started',
    outcome: 'success',
    reason: '',
    details: { method: 'password', amr: 'pwd' },
    keyId: systemRandom.uuid(),
    requestId: systemRandom.uuid(),
    createdAt: new Date(),
    userId: systemRandom.uuid(),
    sessionId: systemRandom.uuid(),
    address: '192.0.2.1',
  };
}
