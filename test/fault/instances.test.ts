import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { changeSchema, migrate } from '../../src/store/migrate.ts';
import { freshEmail, password, startTestApp, type TestApp } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { failure, failureOf, thrownBy } from '../support/errors.ts';
import { boxMs } from '../support/fault-scene.ts';
import { tell } from '../support/figures.ts';
import { startGateway } from '../support/gateway.ts';
import { enrolTotp, signUp } from '../support/journey.ts';
import { createOracle } from '../support/oracle.ts';
import { developmentMasterKeys, type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { smtpTo, startSmtpServer } from '../support/smtp-server.ts';

// Faults of instances: killed, stopped, frozen, with a wrong clock or broken keys, and a schema that changes
// under them (security.md, FI13 to FI15 and FI21 to FI25).

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let connection: Connection;
let folder: string;
const sql = async (text: string, values: unknown[] = []) =>
  (await connection.query<RowDataPacket[]>(text, values))[0];

beforeAll(async () => {
  database = await createTestDatabase();
  connection = await createConnection({ uri: database.url, timezone: 'Z' });
  folder = mkdtempSync(join(tmpdir(), 'manam-instances-'));
});
afterAll(async () => {
  await connection.end();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** Makes a webhook for all events of the tenant `dev`. */
async function makeWebhook(at: string, to: string): Promise<void> {
  const { secret_key: key } = JSON.parse(readFileSync(join(folder, 'dev.json'), 'utf8')) as Record<
    string,
    string
  >;
  const headers = { 'x-api-key': key ?? '', 'content-type': 'application/json' };
  const answer = await fetch(`${at}/webhooks`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ url: to }),
  });
  expect(answer.status).toBe(200);
}

/** Sessions and users that no event tells of. */
async function changesWithoutEvent() {
  const without = (table: string, column: string, types: string) =>
    sql(
      `SELECT HEX(t.id) AS id FROM ${table} t LEFT JOIN events e ON e.tenant_id = t.tenant_id AND e.${column} = t.id AND e.type IN (${types}) WHERE e.id IS NULL`,
    );
  return [
    ...(await without('sessions', 'session_id', "'session.started'")),
    ...(await without('users', 'user_id', "'user.registered', 'user.created'")),
  ];
}

/** Waits until a webhook got every event since it was made; a receiver that honours ids acts on each of them once. */
async function allDelivered(receiver: Awaited<ReturnType<typeof startGateway>>) {
  const ids = () =>
    new Set(receiver.calls.map(({ headers }) => String(headers['webhook-id']).replaceAll('-', '')));
  for (;;) {
    // What a killed instance had in hand is anyone's a minute later.
    await sql("UPDATE webhook_deliveries SET next_attempt_at = UTC_TIMESTAMP(3) WHERE status = 'pending'");
    const events = await sql(
      `SELECT LOWER(HEX(e.id)) AS id FROM events e JOIN webhooks w ON w.tenant_id = e.tenant_id
       WHERE e.id > (SELECT MIN(id) FROM events WHERE type = 'webhook.created' AND tenant_id = w.tenant_id)`,
    );
    const [got, seen] = [ids(), receiver.calls.length];
    const missing = events.filter(({ id }) => !got.has(String(id)));
    if (missing.length === 0) return { events: events.length, requests: seen };
    await pause(200);
  }
}

/** No limit of a network may get into the way: all of it comes from here. */
const roomy = {
  LIMIT_GUESSES_PER_NETWORK: '1000000',
  LIMIT_MESSAGES_PER_NETWORK: '1000000',
  LIMIT_EMAILS_PER_RECIPIENT: '1000',
  MAX_CONNECTIONS_PER_ADDRESS: '10000',
};
const started: ServerProcess[] = [];
async function startInstance(env: Record<string, string> = {}): Promise<ServerProcess> {
  const instance = await startServerProcess(database.url, folder, { ...roomy, ...env });
  started.push(instance);
  return instance;
}
// Whatever a test has left, such as one that failed, takes no part in the next.
afterEach(() => {
  for (const { child } of started.splice(0)) child.kill('SIGKILL');
});
const exitOf = ({ child }: ServerProcess) =>
  new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));

test('instances killed under load lose nothing acknowledged, no event and no webhook, and clients continue', async () => {
  const env = { OUTGOING_PRIVATE_NETWORKS: '127.0.0.0/8' };
  const live = new Set([await startInstance(env), await startInstance(env)]);
  const [{ key, url }] = live as unknown as [ServerProcess];
  const receiver = await startGateway(() => ({ status: 204, body: '' }));
  await makeWebhook(url, receiver.url);
  const oracle = createOracle({ urls: () => [...live].map(({ url }) => url), key, expectsBreaks: true });
  oracle.start();
  let kills = 0;
  const until = performance.now() + 2 * boxMs;
  while (kills < 4 || performance.now() < until) {
    await pause(100 + Math.random() * 600);
    const victim = [...live][Math.floor(Math.random() * live.size)] as ServerProcess;
    const exited = exitOf(victim);
    victim.child.kill('SIGKILL');
    await exited;
    live.delete(victim);
    kills += 1;
    live.add(await startInstance(env));
  }
  await oracle.stop();
  const report = await oracle.verify(sql);
  expect(report.acknowledged).toBeGreaterThan(50);
  expect(await changesWithoutEvent()).toEqual([]);
  const { events, requests } = await allDelivered(receiver);
  tell('instances killed', { kills, ...report, events, requests });
  await receiver.close();
}, 180_000);

test('instances stopped in turn under load finish every running call and exit with 0', async () => {
  // Calls that take a while, so that there always are some in flight.
  const env = { RESPONSE_FLOOR_MS: '300' };
  const live = new Set([await startInstance(env), await startInstance(env)]);
  const [{ key }] = live as unknown as [ServerProcess];
  const ready = new Set([...live].map(({ url }) => url));
  const oracle = createOracle({ urls: () => [...ready], key });
  oracle.start();
  let stops = 0;
  let slowestMs = 0;
  const stoppedAt = new Map<string, number>();
  const until = performance.now() + boxMs;
  while (stops < 4 || performance.now() < until) {
    await pause(500);
    const [first] = live as unknown as [ServerProcess];
    // As a balancer does: an instance that is not ready gets no new calls.
    ready.delete(first.url);
    // A few turns of the event loop write the calls that were already made to their sockets.
    for (let turns = 0; turns < 5; turns += 1) await pause(20);
    const exited = exitOf(first);
    const startedAt = performance.now();
    stoppedAt.set(first.url, startedAt);
    first.child.kill('SIGTERM');
    expect(await exited).toBe(0);
    slowestMs = Math.max(slowestMs, performance.now() - startedAt);
    live.delete(first);
    stops += 1;
    const next = await startInstance(env);
    live.add(next);
    ready.add(next.url);
  }
  await oracle.stop();
  const report = await oracle.verify(sql);
  // A slow machine may have another instance refuse a call, which has nothing to do with the one that stops.
  const cut = report.why.filter(({ url, endedAt }) => endedAt >= (stoppedAt.get(url) ?? Infinity));
  expect(cut).toEqual([]);
  expect(slowestMs).toBeLessThan(30_000);
  tell('instances stopped', { stops, slowestMs: Math.round(slowestMs), ...report, why: report.why.length });
}, 180_000);

test('the messages of a frozen instance are sent by the other, none a third time', async () => {
  let isFrozen = false;
  const smtp = await startSmtpServer({
    // The server lets nothing through while someone is frozen in the middle of it.
    onRcptTo: (_, __, done) => void setTimeout(() => done(), isFrozen ? 0 : 150),
  });
  const env = { SMTP_URL: `smtp://127.0.0.1:${smtp.port}`, SMTP_REQUIRE_TLS: 'false' };
  const frozen = await startInstance(env);
  const emails = Array.from({ length: 12 }, () => freshEmail());
  const register = (url: string, email: string) =>
    fetch(`${url}/auth/register`, {
      method: 'POST',
      headers: { apieco_key: frozen.key, 'content-type': 'application/json' },
      body: JSON.stringify({ email, password }),
    });
  await Promise.all(emails.map((email) => register(frozen.url, email)));
  await pause(200);
  isFrozen = true;
  frozen.child.kill('SIGSTOP');
  const before = smtp.received.length;

  const other = await startTestApp({
    database: database.url,
    masterKeys: developmentMasterKeys(folder),
    config: {
      smtp: smtpTo(smtp.port),
    },
  });
  const mine = () =>
    new Set(smtp.received.flatMap(({ envelope }) => envelope.to).filter((to) => emails.includes(to)));
  // A minute later what was in hand is anyone's.
  other.advance(61_000);
  for (let tries = 0; tries < 100 && mine().size < emails.length; tries += 1) await pause(100);
  expect(mine().size).toBe(emails.length);
  frozen.child.kill('SIGCONT');
  await pause(2000);
  const copies = emails.map((email) => smtp.received.filter(({ envelope }) => envelope.to.includes(email)));
  expect(Math.max(...copies.map(({ length }) => length))).toBeLessThanOrEqual(2);
  for (const each of copies) expect(new Set(each.map(({ parsed }) => parsed.messageId)).size).toBe(1);
  tell('an instance frozen', { sentBefore: before, messages: emails.length, copies: copies.flat().length });
  frozen.child.kill('SIGKILL');
  await other.close();
  await smtp.close();
}, 120_000);

test('an instance with a wrong clock is not ready and accepts no expired token or used TOTP step', async () => {
  const right = await startTestApp();
  const wrong = await startTestApp({ sibling: right, hasOwnClock: true });
  const user = await enrolTotp(right, await signUp(right));
  wrong.advance(-25_000);
  const readiness = async (app: TestApp) => (await fetch(`${app.url}/readyz`)).status;
  expect([await readiness(right), await readiness(wrong)]).toEqual([200, 503]);

  right.advance(60_000);
  wrong.advance(60_000);
  const key = { apieco_key: right.dev.publishable };
  const pendingAt = async (app: TestApp) =>
    (await app.client(AuthService, key).login({ email: user.email, password })).twoFactor?.twoFactorToken ??
    '';
  const validate = (app: TestApp, token: string, code: string) =>
    app.client(TwoFactorService, { ...key, authorization: `Bearer ${token}` }).validateTotp({ code });
  const code = user.totp();
  await validate(right, await pendingAt(right), code);
  const again = validate(wrong, await pendingAt(wrong), code);
  expect(await failureOf(again)).toMatchObject(failure('Unauthenticated', 'CODE_INVALID'));

  // Half a minute behind, a token that ended here has ended there too, but for the leeway.
  right.advance(660_000);
  wrong.advance(660_000);
  const stale = wrong.client(ProfileService, { authorization: `Bearer ${user.accessToken}` }).viewUser({});
  expect(await failureOf(stale)).toEqual(failure('Unauthenticated', 'TOKEN_INVALID'));
  await wrong.close();
  await right.close();
});

test('does not start with a wrong master key, and keeps the last valid keys when stored ones break', async () => {
  const app = await startTestApp();
  const other = { current: Buffer.from('another master key for tests, 32'), next: undefined };
  const refused = await startTestApp({ database: app.databaseUrl, masterKeys: other }).then(
    () => 'started',
    (error: Error) => error.message,
  );
  expect(refused).toMatch(/master key/);

  const user = await signUp(app);
  const view = () => app.client(ProfileService, { authorization: `Bearer ${user.accessToken}` }).viewUser({});
  await app.sql('UPDATE signing_keys SET sealed = REVERSE(sealed)');
  await app.catchUp();
  expect((await view()).user?.email).toBe(user.email);
  expect((await app.client(AuthService).login({ email: user.email, password })).tokens?.tokenType).toBe(
    'Bearer',
  );
  await expect(startTestApp({ sibling: app })).rejects.toThrow();
  await app.close();
}, 60_000);

test('migrates under load, also by several instances at once, without a failed call', async () => {
  const app = await startTestApp();
  const oracle = createOracle({ urls: () => [app.url], key: app.dev.publishable });
  oracle.start();
  await pause(1000);
  const session = await createConnection({ uri: app.databaseUrl });
  // The next version's first step: columns with a default that this version lacks.
  const grown = ['users', 'sessions', 'challenges', 'outbox'];
  for (const table of grown) {
    await changeSchema(
      session,
      `ALTER TABLE ${table} ADD COLUMN of_the_next_version VARBINARY(16) NOT NULL DEFAULT ''`,
    );
    await Promise.all([migrate(app.databaseUrl), migrate(app.databaseUrl), pause(300)]);
  }
  // And what it takes back where it is given up.
  for (const table of grown)
    await changeSchema(session, `ALTER TABLE ${table} DROP COLUMN of_the_next_version`);
  await oracle.stop();
  const report = await oracle.verify((text, values) => app.sql(text, values));
  expect(report.why).toEqual([]);
  tell('the schema grown', report);
  await session.end();
  await app.close();
}, 60_000);

test('continues after a newer version migrated, and refuses to start again with the reason', async () => {
  const app = await startTestApp();
  await app.sql(
    "INSERT INTO schema_migrations SELECT MAX(position) + 1, '0099_of_the_next_version.sql', 'x', UTC_TIMESTAMP(3) FROM schema_migrations",
  );
  await signUp(app);
  const again = await startTestApp({ database: app.databaseUrl, masterKeys: app.masterKeys }).then(
    () => 'started',
    (error: Error) => error.message,
  );
  expect(again).toBe(
    'the database has migration 0099_of_the_next_version.sql, which this version does not know',
  );
  await app.close();
});

test('the oracle finds an acknowledged write that was lost', async () => {
  const app = await startTestApp();
  const oracle = createOracle({ urls: () => [app.url], key: app.dev.publishable, people: 2 });
  oracle.start();
  await pause(1500);
  await oracle.stop();
  await app.sql("UPDATE users SET last_name = ''");
  const verdict = (await thrownBy(oracle.verify((text, values) => app.sql(text, values)))) as Error;
  expect(verdict.message).toMatch(/has 0, acknowledged was \d+ \(N1\)/);
  await app.close();
});
