import { randomBytes, randomUUID as uuid } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createVault } from '../../src/adapters/vault.ts';
import { type DatabaseHandle, openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createStore } from '../../src/store/store.ts';
import { sceneOf } from '../contract/stores.ts';
import { createTestDatabase } from '../support/database.ts';

let drop = async () => {};
let database: DatabaseHandle;
let several: DatabaseHandle;

beforeAll(async () => {
  const own = await createTestDatabase();
  drop = own.drop;
  await migrate(own.url);
  // One connection: what is read is counted for each.
  database = openDatabase({ url: own.url, connections: 1 });
  several = openDatabase({ url: own.url, connections: 8 });
});
afterAll(async () => {
  await Promise.all([database.close(), several.close()]);
  await drop();
});

/** The number of rows and index entries that some work reads. */
async function readsOf(work: () => Promise<unknown>): Promise<number> {
  const read = async () => {
    const rows = await database.query("SHOW SESSION STATUS LIKE 'Handler\\_read\\_%'");
    return rows.reduce((sum, row) => sum + Number(row['Value']), 0);
  };
  const before = await read();
  // The first look counts itself, in some engines.
  const look = (await read()) - before;
  const start = await read();
  await work();
  return (await read()) - start - look;
}

test('a sign-in reads no more where its user, and its tenant, have more sessions', async () => {
  const store = createStore(database, createVault([{ id: uuid(), key: randomBytes(32) }]));
  const { tenantId, now, at, makeUser, makeSession } = sceneOf(store);
  const { user, identifier } = await makeUser();
  const { user: other } = await makeUser();
  const origin = { address: '192.0.2.9', device: 'another', jkt: '' };
  let live = 60;
  for (let count = 0; count < live; count += 1) await makeSession(user);
  /** Adds ended sessions of the user, and then live ones of another user. */
  const add = async (number: number) => {
    for (let count = 0; count < number; count += 1)
      await makeSession(user, { expiresAt: at(900_000 + count) });
    await database.query(
      'UPDATE sessions SET revoked_at = created_at WHERE expires_at >= created_at + INTERVAL 900 SECOND',
    );
    for (let count = 0; count < number; count += 1) await makeSession(other);
    await database.query('ANALYZE TABLE sessions');
  };
  const reads = async () => {
    live -= 1;
    return {
      look: await readsOf(() => store.users.findForLogin(tenantId, identifier, origin, now)),
      history: await readsOf(() => store.users.findHistory(tenantId, user.id, origin)),
      ending: await readsOf(() => store.sessions.revokeBeyond(tenantId, user.id, live, now)),
      key: await readsOf(() => store.sessions.isKeyOf(tenantId, identifier, 'unknown')),
    };
  };
  await add(150);
  await reads();
  const few = await reads();
  await add(300);
  await reads();
  const many = await reads();
  expect(few.look).toBeGreaterThan(live);
  expect(many.look).toBeLessThanOrEqual(few.look);
  expect(few.history).toBeGreaterThan(live);
  expect(many.history).toBeLessThanOrEqual(few.history);
  expect(few.ending).toBeGreaterThan(live);
  expect(many.ending).toBeLessThanOrEqual(few.ending);
  expect(few.key).toBeGreaterThan(0);
  expect(many.key).toBeLessThanOrEqual(few.key);
});

test('sign-ins of one user at the same time do not wait for each other where sessions have passed their idle time', async () => {
  const store = createStore(several, createVault([{ id: uuid(), key: randomBytes(32) }]));
  const { tenantId, now, at, makeUser, makeSession } = sceneOf(store);
  const { user } = await makeUser();
  for (let count = 0; count < 10; count += 1) await makeSession(user, { idleExpiresAt: at(-1) });
  const first = await makeSession(user);
  // Each has opened its session before any of them looks for those that are over.
  let opened = 0;
  let tries = 0;
  const all = Promise.withResolvers<void>();
  const signIn = () =>
    store.transaction(async ({ sessions }) => {
      tries += 1;
      await sessions.insert({ ...first, id: uuid() });
      opened += 1;
      if (opened === 3) all.resolve();
      await all.promise;
      return await sessions.revokeBeyond(tenantId, user.id, 10, now);
    });
  expect(await Promise.all([signIn(), signIn(), signIn()])).toEqual([[], [], []]);
  expect(tries).toBe(3);
  expect(await store.sessions.listLive(tenantId, user.id, now)).toHaveLength(4);
});
