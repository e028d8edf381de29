import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterEach, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { openDatabase } from '../../src/store/database.ts';
import { freshEmail, password, type TestApp } from '../support/app.ts';
import { failure, failureOf, shapeOf, thrownBy } from '../support/errors.ts';
import { boxMs, type FaultScene, startFaultScene } from '../support/fault-scene.ts';
import { tell } from '../support/figures.ts';
import { bearer, signUp } from '../support/journey.ts';
import { createOracle, type Oracle } from '../support/oracle.ts';

// Faults of the database, under the load of the oracle (security.md, FI1 to FI8).

let scene: FaultScene;
let app: TestApp;
let oracle: Oracle;
const unavailable = { ...failure('Unavailable', 'UNAVAILABLE'), retryable: true as const };

async function begin(options: Parameters<FaultScene['app']>[0] = {}): Promise<void> {
  scene = await startFaultScene();
  app = await scene.app(options);
  const { url, dev } = app;
  oracle = createOracle({ urls: () => [url], key: dev.publishable });
}
afterEach(async () => {
  await oracle.stop();
  await scene.close();
}, 60_000);

/** Waits until a call succeeds; returns the waiting time. */
async function recovery(call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  while (performance.now() - startedAt < 20_000) {
    if (
      await call().then(
        () => true,
        () => false,
      )
    )
      return performance.now() - startedAt;
    await pause(50);
  }
  return Number.POSITIVE_INFINITY;
}

/** Ends the load, and lets the oracle judge; the pool is empty again (N6). */
async function judge(what: string, figures: object = {}): Promise<void> {
  await pause(1000);
  await oracle.stop();
  const report = await oracle.verify(scene.sql);
  expect(report.acknowledged).toBeGreaterThan(20);
  tell(what, { ...report, ...figures });
}

test('a database killed under load: calls end early, nothing acknowledged is lost', async () => {
  await begin();
  const user = await signUp(app);
  const view = () => app.client(ProfileService, bearer(user.accessToken)).viewUser({});
  oracle.start();
  await pause(2000);
  await scene.killDatabase();
  const downAt = performance.now();
  let slowest = 0;
  while (performance.now() - downAt < boxMs) {
    const startedAt = performance.now();
    expect(shapeOf(await thrownBy(view()))).toEqual(unavailable);
    slowest = Math.max(slowest, performance.now() - startedAt);
    await pause(100);
  }
  await scene.startDatabase();
  const recoveredMs = await recovery(view);
  expect(slowest).toBeLessThan(2500);
  expect(recoveredMs).toBeLessThan(5000);
  await pause(2000);
  await judge('database killed', { slowestMs: Math.round(slowest), recoveredMs: Math.round(recoveredMs) });
}, 120_000);

test('killed connections: retries a read once and doubles no write', async () => {
  await begin();
  const user = await signUp(app);
  const view = () => app.client(ProfileService, bearer(user.accessToken)).viewUser({});
  await Promise.all([view(), view(), view()]);
  // A read succeeds although every idle connection of the pool is broken.
  const kills = await killConnections();
  await view();
  expect(kills).toBeGreaterThan(0);
  oracle.start();
  let killed = 0;
  const until = performance.now() + boxMs;
  while (performance.now() < until) {
    killed += await killConnections(1);
    await pause(40);
  }
  await judge('connections killed', { killed });
}, 120_000);

test('retries a read but no write whose response is lost, and reports a cut transaction as an outage', async () => {
  await begin();
  await scene.sql('CREATE TABLE manam.counts (id INT PRIMARY KEY, n INT NOT NULL)');
  await scene.sql('INSERT INTO manam.counts VALUES (1, 0)');
  const database = openDatabase({ url: scene.databaseUrl });
  const count = async () => Number((await scene.sql('SELECT n FROM manam.counts'))[0]?.['n']);

  scene.proxy.losesAnswerTo = 'UPDATE counts';
  expect(await thrownBy(database.query('UPDATE counts SET n = n + 1 WHERE id = 1'))).toMatchObject({
    reason: 'UNAVAILABLE',
  });
  expect(await count()).toBe(1);

  scene.proxy.losesAnswerTo = 'SELECT n';
  expect(await database.query('SELECT n FROM counts')).toEqual([{ n: 1 }]);

  const cut = database.transaction(async (db) => {
    await db.execute(sql`UPDATE counts SET n = n + 10 WHERE id = 1`);
    await killConnections();
    await pause(200);
    await db.execute(sql`UPDATE counts SET n = n + 100 WHERE id = 1`);
  });
  expect(await thrownBy(cut)).toMatchObject({ reason: 'UNAVAILABLE' });
  expect(await count()).toBe(1);
  await database.close();
}, 60_000);

test('what could not be rolled back is committed by no transaction after it', async () => {
  await begin();
  await scene.sql('CREATE TABLE manam.notes (n INT NOT NULL)');
  const database = openDatabase({ url: scene.databaseUrl, connections: 1 });
  const note = (n: number) =>
    database.transaction(async (db) => {
      await db.execute(sql`INSERT INTO notes VALUES (${n})`);
      if (n === 1) throw new Error('change of mind');
    });
  scene.proxy.refusesRollbacks = true;
  expect(await thrownBy(note(1))).toMatchObject({ message: 'change of mind' });
  scene.proxy.refusesRollbacks = false;
  await note(2);
  expect(await scene.sql('SELECT n FROM manam.notes')).toEqual([{ n: 2 }]);
  await database.close();
}, 60_000);

async function killConnections(most = 100): Promise<number> {
  const connections = (await scene.sql('SHOW PROCESSLIST')).filter((row) => row['User'] === 'service');
  const shuffled = connections.map((row) => [Math.random(), row['Id']] as const).sort(([a], [b]) => a - b);
  let killed = 0;
  for (const [, id] of shuffled.slice(0, most)) {
    // It may have ended by itself meanwhile.
    await scene.sql(`KILL ${id}`).then(
      () => (killed += 1),
      () => {},
    );
  }
  return killed;
}

test('a lost OK after the commit is recovered by the idempotency key: one user, one message', async () => {
  await begin();
  const { url, dev, messagesTo } = app;
  for (let round = 0; round < 5; round += 1) {
    const email = freshEmail();
    const key = { apieco_key: dev.publishable, 'idempotency-key': `lost-${round}` };
    const send = () =>
      fetch(`${url}/auth/register`, {
        method: 'POST',
        headers: { ...key, 'content-type': 'application/json' },
        body: JSON.stringify({ email, password }),
      });
    scene.proxy.losesCommits = 1;
    const first = await send();
    expect(first.status).toBe(503);
    const second = await send();
    expect(second.status).toBe(200);
    expect(((await second.json()) as { email: string }).email).toBe(email);
    const [row] = await scene.sql('SELECT COUNT(*) AS n FROM identifiers WHERE address = ?', [email]);
    expect(row?.['n']).toBe(1);
    expect(await messagesTo(email)).toHaveLength(1);
  }
  expect(scene.proxy.lostCommits).toBe(5);
  oracle.start();
  const until = performance.now() + boxMs;
  while (performance.now() < until) {
    scene.proxy.losesCommits = 1;
    await pause(60);
  }
  scene.proxy.losesCommits = 0;
  await judge('commits without their OK', { lost: scene.proxy.lostCommits });
}, 120_000);

test('retries deadlocks in one of twenty transactions without an error', async () => {
  await begin();
  // A transaction sets off some four of them.
  const triggers = ['users', 'sessions', 'challenges', 'outbox'].flatMap((table) =>
    ['INSERT', 'UPDATE'].map((event) => ({ name: `fail_${table}_${event}`, on: `${event} ON ${table}` })),
  );
  for (const { name, on } of triggers)
    await scene.sql(
      `CREATE TRIGGER ${name} BEFORE ${on} FOR EACH ROW BEGIN
         IF RAND() < 0.0125 THEN SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213; END IF; END`,
    );
  oracle.start();
  await pause(boxMs);
  await oracle.stop();
  for (const { name } of triggers) await scene.sql(`DROP TRIGGER ${name}`);
  await judgeUnseen('deadlocks');
}, 120_000);

test('retries failed certifications of one in twenty commits without an error', async () => {
  await begin();
  scene.proxy.refusesCommits = 0.05;
  oracle.start();
  await pause(boxMs);
  await oracle.stop();
  scene.proxy.refusesCommits = 0;
  await judgeUnseen('certification failures');
}, 120_000);

/** The oracle's judgement where no call may have failed. */
async function judgeUnseen(what: string): Promise<void> {
  const report = await oracle.verify(scene.sql);
  expect(report.why).toEqual([]);
  expect(report.acknowledged).toBeGreaterThan(20);
  tell(what, report);
}

test('a call that waits for a locked row does so once, fails, and delays no other', async () => {
  await begin();
  const [held, free] = [await signUp(app), await signUp(app)];
  const edit = (user: { accessToken: string }) =>
    app.client(ProfileService, bearer(user.accessToken)).editUser({ lastName: 'A' });
  const holder = await scene.connection();
  await holder.query('BEGIN');
  // By its primary key: anything else would lock the whole table.
  await holder.query(
    "SELECT * FROM users WHERE tenant_id = (SELECT id FROM tenants WHERE slug = 'dev') AND id = UNHEX(REPLACE(?, '-', '')) FOR UPDATE",
    [held.userId],
  );
  const startedAt = performance.now();
  const waiting = failureOf(edit(held));
  await edit(free);
  const freeMs = performance.now() - startedAt;
  expect(await waiting).toEqual(unavailable);
  const waitedMs = performance.now() - startedAt;
  // Each wait takes three seconds.
  expect(waitedMs).toBeLessThan(6000);
  expect(freeMs).toBeLessThan(waitedMs / 2);
  await holder.query('ROLLBACK');
  await holder.end();
  await edit(held);
  tell('a row held', { waitedMs: Math.round(waitedMs), freeMs: Math.round(freeMs) });
}, 60_000);

test('a read-only database fails writes as an outage and still serves sessions and keys', async () => {
  await begin();
  const user = await signUp(app);
  const signedOut = await signUp(app);
  const client = (each: { accessToken: string }) => app.client(AuthService, bearer(each.accessToken));
  const view = (each: { accessToken: string }) =>
    app.client(ProfileService, bearer(each.accessToken)).viewUser({});
  await client(signedOut).logout({});
  oracle.start();
  await pause(1500);
  await scene.sql('SET GLOBAL read_only = 1');
  const edit = app.client(ProfileService, bearer(user.accessToken)).editUser({ lastName: 'A' });
  expect(await failureOf(edit)).toEqual(unavailable);
  expect(await failureOf(app.client(AuthService).login({ email: user.email, password }))).toEqual(
    unavailable,
  );
  expect((await view(user)).user?.email).toBe(user.email);
  // Revocation persists: a successful read must not undo it.
  expect(await failureOf(view(signedOut))).toEqual(failure('Unauthenticated', 'TOKEN_INVALID'));
  expect((await fetch(`${app.url}/.well-known/jwks.json`)).status).toBe(200);
  await pause(boxMs / 2);
  await scene.sql('SET GLOBAL read_only = 0');
  await app.client(AuthService).login({ email: user.email, password });
  await judge('read-only');
}, 120_000);

test('with every connection stuck, calls end in time, the queue is bounded, and health responds', async () => {
  await begin({ config: { databaseConnections: 4 } });
  const user = await signUp(app);
  const view = () => app.client(ProfileService, bearer(user.accessToken)).viewUser({});
  const crowd = () => Promise.allSettled(Array.from({ length: 300 }, view));
  const calmAt = performance.now();
  await crowd();
  const calmMs = performance.now() - calmAt;
  const holder = await scene.connection();
  await holder.query('LOCK TABLES sessions WRITE');
  const stuck = Array.from({ length: 4 }, () => thrownBy(view()));
  await pause(300);
  // Before the calls below, while the four still wait.
  const readiness = fetch(`${app.url}/readyz`);
  const startedAt = performance.now();
  const refused = await Promise.all(Array.from({ length: 300 }, () => failureOf(view())));
  const refusedMs = performance.now() - startedAt;
  expect(new Set(refused.map(({ reason }) => reason))).toEqual(new Set(['UNAVAILABLE']));
  // One wait for a connection, whatever else such a crowd costs here; in turns it would be dozens.
  expect(refusedMs).toBeLessThan(3000 + 3 * calmMs);
  for (const path of ['/healthz', '/.well-known/jwks.json'])
    expect((await fetch(app.url + path)).status).toBe(200);
  expect((await readiness).status).toBe(503);
  await Promise.all(stuck);
  await holder.query('UNLOCK TABLES');
  await holder.end();
  const recoveredMs = await recovery(view);
  expect(recoveredMs).toBeLessThan(5000);
  oracle.start();
  await pause(1500);
  await judge('pool exhausted', { refusedMs: Math.round(refusedMs), recoveredMs: Math.round(recoveredMs) });
}, 60_000);

for (const delayMs of [500, 5000]) {
  test(`a database ${delayMs} ms slower keeps no call beyond its deadline and builds no queue`, async () => {
    await begin();
    const user = await signUp(app);
    oracle.start();
    await pause(1500);
    scene.proxy.delayMs = delayMs;
    await pause(boxMs);
    scene.proxy.delayMs = 0;
    const recoveredMs = await recovery(() =>
      app.client(ProfileService, bearer(user.accessToken)).viewUser({}),
    );
    expect(recoveredMs).toBeLessThan(5000);
    await judge(`database ${delayMs} ms slower`, { recoveredMs: Math.round(recoveredMs) });
  }, 120_000);
}
