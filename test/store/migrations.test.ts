import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listMigrations, migrate, readMigrations } from '../../src/store/migrate.ts';
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
  await connection.query(
    'CREATE TABLE schema_migrations (position INT NOT NULL PRIMARY KEY, name VARBINARY(255) NOT NULL,' +
      ' digest VARBINARY(64) NOT NULL, applied_at DATETIME(3) NOT NULL) ENGINE=InnoDB',
  );
  for (const [index, { name, digest, statements }] of readMigrations().slice(0, before).entries()) {
    for (const statement of statements) await connection.query(statement);
    await connection.query('INSERT INTO schema_migrations VALUES (?, ?, ?, UTC_TIMESTAMP(3))', [
      index + 1,
      name,
      digest,
    ]);
  }
  await insertOldRows();
});
afterAll(async () => {
  await connection.end();
  await drop();
});

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
  await insert('sms_counters', { tenant_id: tenant, country: 'IR', hour: since, sent: 4, confirmed: 2 });
}

const rows = async (sql: string) => (await connection.query<RowDataPacket[]>(sql))[0];
const text = (value: unknown) => (value === null ? null : String(value));

test('rows of the version before mean afterwards what they meant', async () => {
  expect((await listMigrations(url)).filter(({ appliedAt }) => appliedAt === undefined)).not.toEqual([]);
  await Promise.all([migrate(url), migrate(url)]);

  const users = await rows('SELECT origin FROM users ORDER BY id');
  // What a back end gave a role was made by it; what is proved needs no protection.
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
});

test('migrations that were cut short after any statement go through when they run again', async () => {
  const names = readMigrations()
    .slice(before)
    .map(({ name }) => name);
  for (const name of names) {
    await connection.query('DELETE FROM schema_migrations WHERE name >= ?', [name]);
    await migrate(url);
  }
  expect((await listMigrations(url)).every(({ appliedAt }) => appliedAt !== undefined)).toBe(true);
});
