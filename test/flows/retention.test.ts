import { setTimeout as pause } from 'node:timers/promises';
import { v7 } from 'uuid';
import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { systemRandom } from '../../src/adapters/random.ts';
import { createPurge } from '../../src/flows/retention/purge.ts';
import { freshEmail, password, startTestApp, useTestApp } from '../support/app.ts';
import { failureOf } from '../support/errors.ts';
import { freshMobile, signUp } from '../support/journey.ts';

const testApp = useTestApp();
const dayMs = 86_400_000;
const days = { eventDays: 400, sessionDays: 30, messageDays: 30, unprovedDays: 7 };
const retention = {
  challenges: 1,
  sessions: days.sessionDays,
  proofs: 0,
  trustedDevices: 0,
  idempotency: 0,
  grants: 1,
  devices: 1,
  loginRequests: 1,
  budgets: 2,
  attempts: 0,
  oldAttempts: 400,
  smsBackoffs: 2,
  smsCounters: 2,
  accountChanges: 0,
  factorResets: 0,
  events: days.eventDays,
  outbox: days.messageDays,
  webhookDeliveries: days.messageDays,
  webhookAttempts: days.messageDays,
  userJobs: days.messageDays,
  invitations: 0,
  unproved: days.unprovedDays,
};

/** The purge of an instance whose clock is ahead by that many days. */
function purgeAt(days: number, isStopping = () => false) {
  return createPurge({
    store: testApp().app.store,
    retention,
    clock: () => new Date(testApp().now().getTime() + days * dayMs),
    // The ids of its records are of its own time.
    random: {
      ...systemRandom,
      uuid: () => v7({ msecs: testApp().now().getTime() + days * dayMs }),
    },
    rest: async () => {},
    isStopping,
    onError: (error) => {
      throw error;
    },
  });
}

/** Events go by their positions, which they get a moment later. */
async function allNumbered(): Promise<void> {
  while ((await testApp().sql('SELECT 1 FROM events WHERE position IS NULL LIMIT 1')).length > 0)
    await pause(10);
}

async function counts(): Promise<Record<string, number>> {
  const tables = ['challenges', 'sessions', 'budgets', 'guess_counters', 'events', 'outbox', 'users'];
  await allNumbered();
  // What tells of the expiry of events stays.
  const kept = (table: string) => (table === 'events' ? " WHERE type <> 'events.expired'" : '');
  const rows = await Promise.all(
    tables.map((table) => testApp().sql(`SELECT COUNT(*) AS n FROM ${table}${kept(table)}`)),
  );
  return Object.fromEntries(tables.map((table, index) => [table, Number(rows[index]?.[0]?.['n'])]));
}

test('each table is emptied of what has expired, and of nothing else', async () => {
  const user = await signUp(testApp());
  await testApp().client(RecoveryService).recover({ email: user.email });
  await failureOf(testApp().client(AuthService).login({ email: user.email, password: 'wrong-password-47' }));
  await testApp().sql("UPDATE outbox SET status = 'sent' ORDER BY id LIMIT 1");
  const before = await counts();
  for (const table of ['challenges', 'sessions', 'budgets', 'guess_counters', 'events', 'outbox'])
    expect(before[table], table).toBeGreaterThan(0);

  await purgeAt(0)();
  expect(await counts()).toEqual(before);
  expect(
    (await testApp().client(AuthService).refreshToken({ refreshToken: user.refreshToken })).tokens,
  ).toBeDefined();

  await purgeAt(20)();
  expect(await counts()).toMatchObject({ challenges: 0, budgets: 0, sessions: before['sessions'] });
  await purgeAt(120)();
  // Messages that are still to be sent are not old, however long they wait.
  expect(await counts()).toMatchObject({
    sessions: 0,
    outbox: (before['outbox'] ?? 0) - 1,
    users: before['users'],
  });
  expect((await counts())['events']).toBeGreaterThanOrEqual(before['events'] ?? 0);
  // A wrong password of last year is still one of a hundred.
  expect((await counts())['guess_counters']).toBe(2);
  await purgeAt(500)();
  expect(await counts()).toMatchObject({ events: 0, guess_counters: 0, users: before['users'] });
});

test('one instance at a time purges, and after one that died another continues', async () => {
  await signUp(testApp());
  await allNumbered();
  const [first, second] = [purgeAt(1000), purgeAt(1000)];
  expect(await first()).toBeTypeOf('number');
  // The lease is the first one's until it runs out; they themselves may continue.
  expect(await second()).toBeUndefined();
  expect(await first()).toBe(0);
  expect(await purgeAt(1001)()).toBe(0);
});

test('a service that runs does it by itself', async () => {
  await signUp(testApp());
  testApp().advance(3000 * dayMs);
  const service = await startTestApp({
    sibling: testApp(),
    config: { retention: { ...days, intervalMinutes: 1 } },
  });
  await expect.poll(async () => (await counts())['events'], { timeout: 20_000 }).toBe(0);
  await service.close();
});

test('a service on its way out begins no further batch', async () => {
  await signUp(testApp());
  const before = await counts();
  await purgeAt(2000, () => true)();
  expect(await counts()).toEqual(before);
});

test('an unconfirmed account is gone after seven days, and what is younger or confirmed is not', async () => {
  const { sql } = testApp();
  await sql('DELETE FROM leases');
  const client = testApp().client(AuthService);
  const confirmed = await signUp(testApp());
  const type = IdentifierType.MOBILE;
  const claims = [{ email: freshEmail() }, { email: freshEmail() }, { type, mobile: freshMobile() }];
  for (const claim of claims) await client.register({ ...claim, password });
  const unproved = async () => {
    const [row] = await testApp().sql('SELECT COUNT(*) AS n FROM users WHERE confirmed_at IS NULL');
    return Number(row?.['n']);
  };
  await purgeAt(6)();
  expect(await unproved()).toBe(3);
  await sql('DELETE FROM leases');
  await purgeAt(8)();
  expect(await unproved()).toBe(0);
  await client.login({ email: confirmed.email, password });
  // The owner registers as if the claim had never been.
  for (const claim of claims) await client.register({ ...claim, password });
  expect(await unproved()).toBe(3);
});
