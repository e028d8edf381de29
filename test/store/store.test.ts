import { randomBytes, randomUUID as uuid } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { getTableColumns, getTableName, gt, is, sql } from 'drizzle-orm';
import { int, MySqlTable, mysqlTable } from 'drizzle-orm/mysql-core';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createVault } from '../../src/adapters/vault.ts';
import { defaultApplication } from '../../src/domain/application.ts';
import { defaultPolicy } from '../../src/domain/tenant-policy.ts';
import { passwordAttempts } from '../../src/flows/password-check.ts';
import { bytes, exact, instant, json } from '../../src/store/columns.ts';
import { type DatabaseHandle, openDatabase } from '../../src/store/database.ts';
import { inspectDatabase } from '../../src/store/health.ts';
import { changeSchema, migrate, pendingMigrations, readMigrations } from '../../src/store/migrate.ts';
import { createStore } from '../../src/store/store.ts';
import { sceneOf } from '../contract/stores.ts';
import { createTestDatabase } from '../support/database.ts';
import { thrownBy } from '../support/errors.ts';

let url = '';
let drop = async () => {};
let database: DatabaseHandle;

beforeAll(async () => {
  ({ url, drop } = await createTestDatabase());
  await Promise.all([migrate(url), migrate(url), migrate(url)]);
  database = openDatabase({ url, connections: 4 });
});
afterAll(async () => {
  await database.close();
  await drop();
});

/** Everything that the files of src/store/tables/ export. */
async function allTables(): Promise<unknown[]> {
  const folder = new URL('../../src/store/tables/', import.meta.url);
  const modules = await Promise.all(
    readdirSync(folder).map((name) => import(new URL(name, folder).pathname) as Promise<object>),
  );
  return modules.flatMap((module) => Object.values(module));
}

test('the schema of the code is the schema that the migrations leave', async () => {
  const rows = await database.query(
    'SELECT TABLE_NAME AS t, COLUMN_NAME AS c, COLUMN_TYPE AS k, IS_NULLABLE AS n FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()',
  );
  const actual = rows
    .filter((row) => row['t'] !== 'schema_migrations')
    .map(
      (row) =>
        `${row['t']}.${row['c']} ${String(row['k']).replace(/int\(\d+\)/, 'int')} ${row['n'] === 'YES' ? 'null' : 'not null'}`,
    );
  const declared = (await allTables())
    .filter((table) => is(table, MySqlTable))
    .flatMap((table) =>
      Object.values(getTableColumns(table)).map(
        (column) =>
          `${getTableName(table)}.${column.name} ${column.getSQLType()} ${column.notNull ? 'not null' : 'null'}`,
      ),
    );
  expect(declared.sort()).toEqual(actual.sort());
});

test('every key of user data begins with the tenant', async () => {
  const rows = await database.query(
    'SELECT TABLE_NAME AS t, INDEX_NAME AS i, COLUMN_NAME AS c FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND SEQ_IN_INDEX = 1',
  );
  // Rows of the deployment: claimed, looked up or rotated across tenants.
  const ofDeployment = new Set([
    'tenants',
    'api_keys',
    'outbox',
    'data_keys',
    'signing_keys',
    'application_keys',
    'admin_keys',
    'leases',
    'schema_migrations',
    'event_sequencer',
  ]);
  // Taken across tenants, the tenants of a user of Manam, and what has changed in any tenant.
  const queues = [
    'events_unnumbered',
    'webhook_deliveries_due',
    'members_user',
    'user_jobs_due',
    'applications_changed',
    'application_secrets_changed',
  ];
  const isQueue = (row: Record<string, unknown>) => queues.includes(String(row['i']));
  const others = rows.filter(
    (row) => !ofDeployment.has(String(row['t'])) && row['c'] !== 'tenant_id' && !isQueue(row),
  );
  expect(others).toEqual([]);
});

test('a database as the migrations leave it is fit, and one of another collation is not', async () => {
  const clock = () => new Date();
  const wrong = async (at: () => Date) =>
    (await inspectDatabase(database, at))
      .filter(({ state }) => state !== 'ok')
      .map(({ detail, fix }) => `${detail}: ${fix}`);
  expect(await wrong(clock)).toEqual([]);
  await database.query('CREATE TABLE careless (a INT) COLLATE utf8mb4_general_ci');
  expect(await wrong(clock)).toEqual([
    'table careless has a collation that is not utf8mb4_bin: ALTER TABLE careless CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
  ]);
  await database.query('DROP TABLE careless');
  expect(await wrong(() => new Date(Date.now() + 60_000))).toEqual([
    expect.stringMatching(/^the clocks .* are -[56]\d{4} ms apart: run NTP on both machines$/),
  ]);
});

test('an edited and an unknown migration are rejected by name', () => {
  const sources = readMigrations();
  const [first] = sources;
  if (first === undefined) throw new Error('there are migrations');
  expect(pendingMigrations(sources, [])).toEqual(sources);
  expect(() => pendingMigrations(sources, [{ name: first.name, digest: 'other' }])).toThrowError(
    `migration ${first.name} was edited after it was applied`,
  );
  const future = [...sources, { name: '9999_future.sql', digest: 'x' }];
  expect(() => pendingMigrations(sources, future)).toThrowError(
    'the database has migration 9999_future.sql, which this version does not know',
  );
});

test('an error of a statement quotes neither SQL nor values', async () => {
  const secret = 'canary-4711';
  const error = await thrownBy(database.query(`SELECT '${secret}' FROM missing_table`));
  expect(String(error)).toBe('StoreError: database error ER_NO_SUCH_TABLE (1146, SQLSTATE 42S02)');
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(secret);
});

test('two transactions that deadlock both succeed in the end', async () => {
  await database.query('CREATE TABLE crossed (id INT PRIMARY KEY, n INT NOT NULL)');
  await database.query('INSERT INTO crossed VALUES (1, 0), (2, 0)');
  const add = (first: number, second: number) =>
    database.transaction(async (db) => {
      await db.execute(`UPDATE crossed SET n = n + 1 WHERE id = ${first}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await db.execute(`UPDATE crossed SET n = n + 1 WHERE id = ${second}`);
    });
  await Promise.all([add(1, 2), add(2, 1)]);
  expect(await database.query('SELECT n FROM crossed')).toEqual([{ n: 2 }, { n: 2 }]);
});

test('a row of someone who was erased meanwhile is rejected as not found', async () => {
  await database.query('CREATE TABLE owners (id INT PRIMARY KEY)');
  await database.query('CREATE TABLE owned (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES owners (id))');
  const insert = database.transaction((db) => db.execute('INSERT INTO owned VALUES (47)'));
  expect(await thrownBy(insert)).toMatchObject({ name: 'DomainError', reason: 'NOT_FOUND' });
});

test('a failed transaction leaves nothing', async () => {
  await database.query('CREATE TABLE kept (id INT PRIMARY KEY)');
  await thrownBy(
    database.transaction(async (db) => {
      await db.execute('INSERT INTO kept VALUES (1)');
      throw new Error('change of mind');
    }),
  );
  expect(await database.query('SELECT * FROM kept')).toEqual([]);
});

test('what a transaction has written is seen by others when it has ended, and not before', async () => {
  const other = openDatabase({ url, connections: 2 });
  await database.query('CREATE TABLE seen (n INT NOT NULL)');
  const count = async () => (await other.query('SELECT COUNT(*) AS n FROM seen'))[0]?.['n'];
  for (const round of [1, 2]) {
    await other.transaction(async (db) => {
      await db.execute(sql`INSERT INTO seen VALUES (${round})`);
      expect(await count()).toBe(round - 1);
    });
    expect(await count()).toBe(round);
  }
  await other.close();
  await database.query('DROP TABLE seen');
});

test('callers beyond the pool are rejected within the deadline, and the pool recovers', async () => {
  const small = openDatabase({ url, connections: 1 });
  const busy = small.query('SELECT SLEEP(1.8)');
  const error = await thrownBy(small.query('SELECT 1'));
  expect(error).toMatchObject({ reason: 'UNAVAILABLE', details: { retryAfterMs: 1000 } });
  await busy;
  expect(await small.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await small.close();
});

test('a statement that outlives its deadline ends with its connection', async () => {
  const small = openDatabase({ url, connections: 1 });
  expect(await thrownBy(small.query('SELECT SLEEP(10)'))).toMatchObject({ reason: 'UNAVAILABLE' });
  expect(await small.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await small.close();
});

test('a killed connection fails its call and is replaced', async () => {
  const small = openDatabase({ url, connections: 1 });
  const [row] = await small.query('SELECT CONNECTION_ID() AS id');
  const sleeping = thrownBy(small.query('SELECT SLEEP(5)'));
  const other = await createConnection({ uri: url });
  await new Promise((resolve) => setTimeout(resolve, 100));
  await other.query(`KILL ${row?.['id']}`);
  await other.end();
  expect(await sleeping).toMatchObject({ reason: 'UNAVAILABLE' });
  expect(await small.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await small.close();
});

test('what a prepared statement reads is what its text reads', async () => {
  const typed = mysqlTable('typed', {
    at: instant('at').notNull(),
    n: int('n', { unsigned: true }),
    digest: bytes('digest', { type: 'binary(4)' }),
    name: exact('name', { length: 64 }),
    body: json('body'),
  });
  await database.query(
    'CREATE TABLE typed (at DATETIME(3), n INT UNSIGNED, digest BINARY(4), name VARBINARY(64), body MEDIUMTEXT)',
  );
  const rows = [
    { at: new Date('2026-01-01'), n: 0, digest: Buffer.from('00ff00ff', 'hex'), name: 'é', body: ['ü'] },
    { at: new Date('2026-01-01T12:30Z'), n: 4294967295, digest: Buffer.alloc(4), name: '', body: '' },
    { at: new Date('2026-01-01T12:30:00.007Z'), n: null, digest: null, name: null, body: null },
  ];
  await database.db.insert(typed).values(rows);
  for (const db of [database.db, database.prepared]) {
    const read = db
      .select()
      .from(typed)
      .where(gt(typed.at, new Date('2025-01-01')));
    expect(await read.orderBy(typed.at)).toEqual(rows);
  }
});

test('a server that keeps no more prepared statements is sent the text', async () => {
  const operator = await createConnection({ uri: url });
  const small = openDatabase({ url, connections: 1 });
  const read = () => small.prepared.execute(sql`SELECT ${'text'} AS sent`);
  await operator.query('SET GLOBAL max_prepared_stmt_count = 0');
  try {
    expect((await read())[0]).toEqual([{ sent: 'text' }]);
    expect((await read())[0]).toEqual([{ sent: 'text' }]);
  } finally {
    await operator.query('SET GLOBAL max_prepared_stmt_count = DEFAULT');
    await operator.end();
    await small.close();
  }
});

test('a statement that the server does not come to prepare has the same deadline', async () => {
  await database.query('CREATE TABLE locked (id INT PRIMARY KEY)');
  const holder = await createConnection({ uri: url });
  const small = openDatabase({ url, connections: 1 });
  await holder.query('LOCK TABLES locked WRITE');
  expect(await thrownBy(small.prepared.execute(sql`SELECT id FROM locked`))).toMatchObject({
    cause: { reason: 'UNAVAILABLE' },
  });
  await holder.end();
  expect((await small.prepared.execute(sql`SELECT id FROM locked`))[0]).toEqual([]);
  await small.close();
});

test('a change of the schema gives way to a transaction that holds rows and comes to its table', async () => {
  const migrator = await createConnection({ uri: url });
  let changed: Promise<void> | undefined;
  const read = database.transaction(async (db) => {
    await db.execute(sql`UPDATE sessions SET revoked_at = NULL WHERE tenant_id = ''`);
    changed ??= changeSchema(migrator, 'ALTER TABLE users ADD COLUMN given_way INT NULL');
    await pause(300);
    return await db.execute(sql`SELECT id FROM users`);
  });
  expect((await read)[0]).toEqual([]);
  await changed;
  await changeSchema(migrator, 'ALTER TABLE users DROP COLUMN given_way');
  await migrator.end();
});

test('events can be partitioned by month as docs/databases.md says, and a month dropped', async () => {
  const own = await createTestDatabase();
  await migrate(own.url, { stopped: true });
  const { query, close } = openDatabase({ url: own.url });
  const insert = (id: string) =>
    query(
      `INSERT INTO events (tenant_id, id, type, outcome, reason, details, request_id, created_at, address) VALUES (x'${'0'.repeat(32)}', x'${id}', 'user.registered', 'success', '', '{}', '', NOW(3), '')`,
    );
  await insert(`019${'0'.repeat(29)}`);
  await insert(`01B${'0'.repeat(29)}`);
  const page = readFileSync(new URL('../../docs/databases.md', import.meta.url), 'utf8');
  await query(/```sql\n(ALTER TABLE events[^;]*)/.exec(page)?.[1] ?? '');
  await query('ALTER TABLE events DROP PARTITION before_2027');
  expect(await query('SELECT HEX(id) AS id FROM events')).toEqual([{ id: `01B${'0'.repeat(29)}` }]);
  await close();
  await own.drop();
});

test('a change of a tenant, its keys, its applications or their secrets names the tenant, and a use of a key does not', async () => {
  const now = new Date();
  const store = createStore(database, createVault([{ id: uuid(), key: Buffer.alloc(32) }]));
  const { tenants, applications } = store;
  const tenantId = uuid();
  const slug = `changed-${tenantId}`;
  const policy = defaultPolicy('http://localhost', slug);
  const tenant = { id: tenantId, slug, name: slug, status: 'active', policy, createdAt: now } as const;
  const key = { id: uuid(), tenantId, kind: 'secret', scopes: [], digest: randomBytes(32) } as const;
  const client = {
    tenantId,
    clientId: uuid(),
    settings: defaultApplication('web'),
    createdAt: now,
    updatedAt: now,
  };
  const secret = { id: uuid(), digest: randomBytes(32), createdAt: now, expiresAt: undefined };
  /** Whether a change names the tenant, after all changes before it were long ago. */
  const names = async (change: () => Promise<unknown>) => {
    for (const table of ['tenants', 'api_keys', 'applications', 'application_secrets'])
      await database.query(`UPDATE ${table} SET changed_at = '2026-01-01 00:00:00'`);
    expect(await tenants.listChanged(30, 10)).toEqual([]);
    await change();
    return (await tenants.listChanged(30, 10)).includes(tenantId);
  };
  expect(await names(() => tenants.insert(tenant))).toBe(true);
  expect(await names(() => tenants.update(tenantId, { status: 'suspended' }))).toBe(true);
  expect(await names(() => tenants.insertKey(key, now))).toBe(true);
  expect(await names(() => tenants.noteUses([{ keyId: key.id, at: now }]))).toBe(false);
  expect(await names(() => tenants.revokeKey(tenantId, key.id, now))).toBe(true);
  expect(await names(() => applications.insert(client))).toBe(true);
  expect(await names(() => applications.insertSecret(tenantId, client.clientId, secret))).toBe(true);
  expect(await names(() => applications.endSecrets(tenantId, client.clientId, now))).toBe(true);
  expect(await names(() => applications.delete(tenantId, client.clientId))).toBe(true);
});

test('a change of the password waits for a sign-in with the old one, so that it finds its session', async () => {
  const store = createStore(database, createVault([{ id: uuid(), key: randomBytes(32) }]));
  const { tenantId, now, makeUser } = sceneOf(store);
  const { user } = await makeUser();
  const counter = { kind: 'password-total', subject: user.id } as const;
  await store.attempts.count(tenantId, passwordAttempts, user.id, now, counter);
  const order: string[] = [];
  let change = Promise.resolve();
  await store.transaction(async ({ attempts }) => {
    expect(await attempts.resetForPassword(tenantId, [counter], user.id, 'a hash')).toBe(true);
    change = store.users.updatePasswordHash(tenantId, user.id, 'another hash').then(() => {
      order.push('changed');
    });
    await pause(200);
    order.push('signed in');
  });
  await change;
  expect(order).toEqual(['signed in', 'changed']);
  expect(await store.attempts.resetForPassword(tenantId, [counter], user.id, 'a hash')).toBe(false);
});
