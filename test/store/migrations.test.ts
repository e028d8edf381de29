import { readFileSync } from 'node:fs';
import { type Connection, createConnection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isEventType } from '../../src/domain/events.ts';
import { listMigrations, migrate, pendingMigrations, readMigrations } from '../../src/store/migrate.ts';
import { takeMigrationLease } from '../../src/store/migration-lease.ts';
import { classify, planStatement } from '../../src/store/migration-plan.ts';
import { createTestDatabase } from '../support/database.ts';

// Rows of an earlier version go through the migrations, and mean afterwards what they meant.

const before = 11;
let url = '';
let drop = async () => {};
let connection: Connection;
const id = (number: number) => Buffer.alloc(16, number);
const [tenant, made, own, confirmed] = [id(1), id(2), id(3), id(4)];
const later = new Date('2030-01-01T00:00:00Z');
const since = new Date('2026-01-01T00:00:00Z');

beforeAll(async () => {
  ({ url, drop } = await createTestDatabase());
  connection = await createConnection({ uri: url, timezone: 'Z' });
  await createRecords(connection);
  for (const [index, each] of readMigrations().slice(0, before).entries()) {
    for (const statement of each.statements) await connection.query(statement);
    await recordMigration(connection, index, each);
  }
  await insertOldRows();
});
afterAll(async () => {
  await connection.end();
  await drop();
});

async function createRecords(to: Connection): Promise<void> {
  await to.query(
    'CREATE TABLE schema_migrations (position INT NOT NULL PRIMARY KEY, name VARBINARY(255) NOT NULL,' +
      ' digest VARBINARY(64) NOT NULL, applied_at DATETIME(3) NOT NULL) ENGINE=InnoDB',
  );
}

async function recordMigration(
  to: Connection,
  index: number,
  { name, digest }: { readonly name: string; readonly digest: string },
): Promise<void> {
  await to.query('INSERT INTO schema_migrations VALUES (?, ?, ?, UTC_TIMESTAMP(3))', [
    index + 1,
    name,
    digest,
  ]);
}

async function insert(table: string, row: Record<string, unknown>): Promise<void> {
  await connection.query(`INSERT INTO ${table} SET ?`, [row]);
}

async function insertOldRows(): Promise<void> {
  await insert('tenants', {
    id: tenant,
    slug: 'old',
    name: 'Old',
    status: 'active',
    policy: '{}',
    created_at: since,
  });
  const texts =
    'sender_email confirm_url first_name last_name national_code birthday picture address postal_code marital_status facebook_id instagram_id twitter_id linkedin_id document telephone';
  const profile = Object.fromEntries(texts.split(' ').map((name) => [name, '']));
  const common = {
    ...profile,
    tenant_id: tenant,
    status: 'active',
    locale: 'en',
    custom_fields: '{}',
    created_at: since,
  };
  await insert('users', { ...common, id: made, roles: '["admin"]' });
  await insert('users', { ...common, id: own, roles: '[]' });
  await insert('users', { ...common, id: confirmed, roles: '["admin"]', confirmed_at: since });
  for (const [user_id, kind, canonical] of [
    [made, 'email', 'made@example.com'],
    [own, 'mobile', '989121234567'],
    [confirmed, 'email', 'sara@example.com'],
  ] as const) {
    const confirmed_at = user_id === confirmed ? since : null;
    await insert('identifiers', {
      tenant_id: tenant,
      user_id,
      kind,
      canonical,
      address: canonical,
      confirmed_at,
    });
  }
  for (const [number, identifier] of [
    [20, 'made@example.com'],
    [21, '+989121234567'],
    [22, ''],
  ] as const) {
    const row = {
      tenant_id: tenant,
      id: id(number),
      slot: id(number),
      user_id: own,
      digest: Buffer.alloc(32),
    };
    await insert('challenges', { ...row, purpose: 'confirm', identifier, expires_at: later });
  }
  const counter = { tenant_id: tenant, subject: confirmed, failures: 7, next_attempt_at: later };
  await insert('guess_counters', { ...counter, kind: 'password' });
  await insert('guess_counters', { ...counter, kind: 'second-factor' });
  const factor = { tenant_id: tenant, user_id: confirmed, confirmed_at: since };
  await insert('totp_factors', { ...factor, seed: Buffer.from('sealed seed'), last_step: 57_000_000 });
  await insert('sms_factors', { ...factor, number: '+989121234567' });
  const line = {
    tenant_id: tenant,
    user_id: confirmed,
    address: '192.0.2.1',
    request_id: '',
    created_at: since,
  };
  for (const [index, [action, outcome, reason]] of oldLines.entries())
    await insert('audit_events', { ...line, id: id(100 + index), action, outcome, reason });
  await insert('sms_counters', { tenant_id: tenant, country: 'IR', hour: since, sent: 4, confirmed: 2 });
}

/** Lines of the audit log of version 0.1.0, and the events that they become. */
const oldLines = [
  ['register', 'success', '', 'user.registered', '{}'],
  ['register', 'success', 'IDENTIFIER_TAKEN', 'user.registration_repeated', '{}'],
  [
    'confirm-mobile',
    'failure',
    'CONFIRMATION_INVALID',
    'identifier.confirmation_failed',
    '{"kind":"mobile"}',
  ],
  ['login', 'success', '', 'session.started', '{"method":"password"}'],
  ['login', 'success', 'SECOND_FACTOR_PENDING', 'sign_in.pending', '{"method":"password"}'],
  ['login', 'failure', 'CREDENTIALS_INVALID', 'sign_in.failed', '{"method":"password"}'],
  ['refresh', 'failure', 'REFRESH_TOKEN_REUSED', 'session.reuse_detected', '{}'],
  ['start-two-factor', 'success', 'totp', 'authenticator.enrolment_started', '{"kind":"totp"}'],
  ['import-users', 'success', '12', 'users.imported', '{"count":12}'],
  ['rotate-key', 'success', 'f00d', 'key.rotated', '{"key":"f00d"}'],
] as const;

const rows = async (sql: string) => (await connection.query<RowDataPacket[]>(sql))[0];
const text = (value: unknown) => (value === null ? null : String(value));

test('rows of the version before mean afterwards what they meant', async () => {
  expect((await listMigrations(url)).filter(({ appliedAt }) => appliedAt === undefined)).not.toEqual([]);
  await Promise.all([migrate(url, { stopped: true }), migrate(url, { stopped: true })]);

  const users = await rows('SELECT origin FROM users ORDER BY id');
  // An account with a role was created by a back end; a proved one needs no protection.
  expect(users.map(({ origin }) => text(origin))).toEqual(['back-end', 'self', 'self']);
  // Everything held was held all along: a recovery takes none of it away.
  const identifiers = await rows("SELECT added_at FROM identifiers WHERE added_at > '1970-01-03'");
  expect(identifiers).toEqual([]);
  const challenges = await rows('SELECT channel FROM challenges ORDER BY id');
  expect(challenges.map(({ channel }) => text(channel))).toEqual(['email', 'sms', null]);
  const counters = await rows('SELECT kind, failures, wrong FROM guess_counters ORDER BY kind');
  expect(counters.map(({ kind, failures, wrong }) => [text(kind), failures, wrong])).toEqual([
    ['password-total', 7, 7],
    ['second-factor', 7, 7],
  ]);
  const sms = await rows('SELECT audience, sent, confirmed FROM sms_counters');
  expect(sms.map(({ audience, sent, confirmed: done }) => [text(audience), sent, done])).toEqual([
    ['anonymous', 4, 2],
  ]);
  const authenticators = await rows(
    'SELECT kind, slot, counter, data, lookup FROM authenticators ORDER BY kind',
  );
  expect(
    authenticators.map(({ kind, slot, counter, data }) => [kind, slot, counter, data].map(text)),
  ).toEqual([
    ['sms', 'sms', '0', '+989121234567'],
    ['totp', 'totp', '57000000', 'sealed seed'],
  ]);
  const events = await rows('SELECT type, details, reason, outcome FROM events ORDER BY id');
  expect(events.map(({ type, details }) => [type, details].map(text))).toEqual(
    oldLines.map(([, , , type, details]) => [type, details]),
  );
  expect(
    events.filter(({ outcome }) => text(outcome) === 'success').every(({ reason }) => text(reason) === ''),
  ).toBe(true);
  expect(events.every(({ type }) => isEventType(String(text(type))))).toBe(true);
});

test.each(
  readMigrations()
    .slice(before)
    .map(({ name }, index) => [name, before + index] as const),
)('runs %s again where an earlier run was killed before it was recorded', async (name, index) => {
  const database = await createTestDatabase();
  const own = await createConnection({ uri: database.url, timezone: 'Z' });
  const migrations = readMigrations();
  await createRecords(own);
  for (const [position, each] of migrations.slice(0, index + 1).entries()) {
    for (const statement of each.statements) await own.query(statement);
    if (each.name !== name) await recordMigration(own, position, each);
  }
  await migrate(database.url, { stopped: true });
  expect((await listMigrations(database.url)).every(({ appliedAt }) => appliedAt !== undefined)).toBe(true);
  await own.end();
  await database.drop();
});

// A database that has run a migration never runs it again: what is in it then depends on when it was made. A new one is noted
// by its line in the file: `sha256sum`.
test('no migration has changed since it landed', () => {
  const file = new URL('landed-migrations.json', import.meta.url);
  const landed = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  expect(Object.fromEntries(readMigrations().map(({ name, digest }) => [name, digest]))).toEqual(landed);
});

test('an edited migration is refused, but for one whose other text had the same effect', () => {
  const sources = readMigrations();
  const with15 = (digest: string) =>
    sources.slice(0, 16).map((each) => (each.name === '0015_events.sql' ? { ...each, digest } : each));
  const ofMariaDb = '5b83be2d34fd4918c9a17c0333b7ee23caf32d3ad06979a32fb22b28aaa9eb87';
  expect(pendingMigrations(sources, with15(ofMariaDb)).map(({ name }) => name)).toEqual(
    sources.slice(16).map(({ name }) => name),
  );
  expect(() => pendingMigrations(sources, with15('another'))).toThrow(
    new Error('migration 0015_events.sql was edited after it was applied'),
  );
});

test('refuses a migration that cannot run beside an older version until that is stopped', async () => {
  const database = await createTestDatabase();
  const own = await createConnection({ uri: database.url, timezone: 'Z' });
  await createRecords(own);
  for (const [position, each] of readMigrations().slice(0, 13).entries()) {
    for (const statement of each.statements) await own.query(statement);
    await recordMigration(own, position, each);
  }
  const wanted = {
    reason: 'MIGRATION_NEEDS_STOP',
    details: { metadata: { migration: '0014_authenticators.sql' } },
  };
  await expect(migrate(database.url)).rejects.toMatchObject(wanted);
  await migrate(database.url, { stopped: true });
  await own.end();
  await database.drop();
});

test('one migrator at a time holds the lease, and one that wakes up late stops before its next statement', async () => {
  const database = await createTestDatabase();
  await migrate(database.url, { stopped: true });
  const connect = () => createConnection({ uri: database.url, timezone: 'Z' });
  const [first, second, renewing] = [await connect(), await connect(), await connect()];
  const frozen = await takeMigrationLease(first, renewing);
  let isWaiting = true;
  const next = takeMigrationLease(second, renewing).finally(() => {
    isWaiting = false;
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  await frozen.check();
  expect(isWaiting).toBe(true);
  // As if the first had been frozen for longer than its lease.
  await second.query('UPDATE schema_migrations SET applied_at = UTC_TIMESTAMP(3) WHERE position = 0');
  const taken = await next;
  await expect(frozen.check()).rejects.toThrow('another instance took the migration over');
  await frozen.release();
  await taken.check();
  await taken.release();
  expect(
    (await first.query<RowDataPacket[]>('SELECT 1 FROM schema_migrations WHERE position = 0'))[0],
  ).toEqual([]);
  for (const connection of [first, second, renewing]) await connection.end();
  await database.drop();
});

test('a migration that was held up until another instance took over goes no further', async () => {
  const database = await createTestDatabase();
  const [own, holder] = [
    await createConnection({ uri: database.url, timezone: 'Z' }),
    await createConnection({ uri: database.url, timezone: 'Z' }),
  ];
  await createRecords(own);
  // The last migration that changes a table that is there.
  const sources = readMigrations();
  const changeOf = (statements: readonly string[]) =>
    /^ALTER TABLE `?(\w+)/i.exec(statements[0]?.trim() ?? '')?.[1];
  const last = sources.findLastIndex(({ statements }) => changeOf(statements) !== undefined);
  for (const [position, each] of sources.slice(0, last).entries()) {
    for (const statement of each.statements) await own.query(statement);
    await recordMigration(own, position, each);
  }
  await holder.query(`LOCK TABLES ${changeOf(sources[last]?.statements ?? [])} WRITE`);
  const migrating = migrate(database.url, { stopped: true });
  const failed = expect(migrating).rejects.toThrow('another instance took the migration over');
  const takeOver = async () => {
    const [taken] = await own.query<ResultSetHeader>(
      "UPDATE schema_migrations SET name = 'lease another' WHERE position = 0",
    );
    return taken.affectedRows;
  };
  await expect.poll(takeOver).toBe(1);
  await holder.query('UNLOCK TABLES');
  await failed;
  const [rows] = await own.query<RowDataPacket[]>(
    'SELECT position FROM schema_migrations WHERE position > ?',
    [last],
  );
  expect(rows).toEqual([]);
  for (const connection of [own, holder]) await connection.end();
  await database.drop();
});

test('a lease that collides with another node of a cluster is tried again', async () => {
  const database = await createTestDatabase();
  await migrate(database.url, { stopped: true });
  const real = await createConnection({ uri: database.url, timezone: 'Z' });
  let collisions = 2;
  const query = (sql: string, values: string[]) => {
    collisions -= 1;
    if (collisions >= 0)
      throw Object.assign(new Error('collision'), {
        errno: 1213,
        code: 'ER_LOCK_DEADLOCK',
        sqlState: '40001',
      });
    return real.query(sql, values);
  };
  const lease = await takeMigrationLease({ query } as unknown as Connection, real);
  collisions = 1;
  await lease.check();
  await lease.release();
  const broken = { query: () => Promise.reject(new Error('no collision')) } as unknown as Connection;
  await expect(takeMigrationLease(broken, real)).rejects.toThrow('no collision');
  await real.end();
  await database.drop();
});

test.each([
  ['CREATE TABLE t (id INT)', 't', 'metadata'],
  ['DROP TABLE IF EXISTS t', 't', 'metadata'],
  ['ALTER TABLE t ADD COLUMN a INT NULL AFTER b', 't', 'metadata'],
  ['ALTER TABLE t ADD COLUMN a INT, ADD KEY t_a (a)', 't', 'index'],
  ['ALTER TABLE t ADD UNIQUE KEY t_a (a)', 't', 'index'],
  ['ALTER TABLE t MODIFY a BIGINT NOT NULL', 't', 'copy'],
  ['ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (a)', 't', 'copy'],
  ['UPDATE IGNORE t SET a = 1', 't', 'rows'],
  ['INSERT INTO u (a)\nSELECT a\nFROM t', 't', 'rows'],
])('plans %s', (statement, table, effect) => {
  expect(classify(statement)).toEqual({ table, effect });
  const sizes = new Map([['t', { rows: 1000, bytes: 100_000_000 }]]);
  const estimates = { metadata: 0, index: 2, rows: 10, copy: 5 };
  expect(planStatement(statement, sizes)).toMatchObject({
    rows: 1000,
    estimateS: estimates[effect as keyof typeof estimates],
  });
});

test('plans the statements of pending migrations only, with the sizes of their tables', async () => {
  const database = await createTestDatabase();
  const own = await createConnection({ uri: database.url, timezone: 'Z' });
  await createRecords(own);
  for (const [position, each] of readMigrations().slice(0, 13).entries()) {
    for (const statement of each.statements) await own.query(statement);
    await recordMigration(own, position, each);
  }
  const listed = await listMigrations(database.url);
  expect(
    listed.filter(({ plan }) => plan.length > 0).map(({ name, needsStop }) => [name, needsStop]),
  ).toEqual([
    ['0014_authenticators.sql', true],
    ['0015_events.sql', true],
    ['0016_drop_replaced_tables.sql', true],
    ['0017_code_sign_in.sql', false],
    ['0018_bound_sessions.sql', false],
    ['0019_devices.sql', false],
    ['0020_terms.sql', false],
    ['0021_account_changes.sql', false],
    ['0022_passkeys.sql', false],
    ['0023_factor_resets.sql', false],
    ['0024_event_log.sql', false],
    ['0025_webhooks.sql', false],
    ['0026_connections.sql', false],
    ['0027_openid_provider.sql', false],
    ['0028_management.sql', false],
    ['0029_directory_changes.sql', false],
    ['0030_live_sessions.sql', false],
    ['0031_one_index_of_sessions.sql', false],
    ['0032_undo_that_waits.sql', false],
  ]);
  const [created, copied] = listed[13]?.plan ?? [];
  expect(created).toMatchObject({ table: 'authenticators', effect: 'metadata', rows: 0, bytes: 0 });
  expect(copied).toMatchObject({ table: 'totp_factors', effect: 'rows', rows: 0 });
  expect(copied?.bytes).toBeGreaterThan(0);
  await own.end();
  await database.drop();
});
