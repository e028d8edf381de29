import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { makeAdminKey } from '../support/admin.ts';
import { freshEmail, masterKeys, password, startTestApp, useTestApp } from '../support/app.ts';
import { type Ended, runCommand } from '../support/command.ts';
import { createTestDatabase } from '../support/database.ts';
import { failure, failureOf } from '../support/errors.ts';
import { signUp } from '../support/journey.ts';

const testApp = useTestApp({ config: { admin: { host: '127.0.0.1', port: 0 } } });
const folder = mkdtempSync(join(tmpdir(), 'manam-transfer-'));
let local: Record<string, string> = {};
let remote: Record<string, string> = {};
beforeAll(async () => {
  local = {
    MANAM_ISSUER: 'https://id.example.com',
    DATABASE_URL: testApp().databaseUrl,
    MANAM_MASTER_KEY: masterKeys.current.toString('base64'),
  };
  remote = { MANAM_ADMIN_URL: testApp().adminUrl, MANAM_ADMIN_KEY: await makeAdminKey(testApp()) };
});
afterAll(() => rmSync(folder, { recursive: true }));

const manam = (args: string[], env = local): Promise<Ended> => runCommand(args, env);

test('a file of a thousand users is imported in calls that a service takes, and again, with a report by line', async () => {
  const file = join(folder, 'users.ndjson');
  const report = join(folder, 'report.ndjson');
  const lines = Array.from({ length: 1000 }, (_, index) =>
    index === 500
      ? '{"email":"nonsense"}'
      : JSON.stringify({
          email: freshEmail(),
          email_confirmed: true,
          first_name: `User ${index}`,
          address: 'x'.repeat(200),
        }),
  );
  writeFileSync(file, `${lines.join('\n')}\n\n`);
  const trial = await manam(['import', file, '--tenant', 'dev', '--dry-run', '--json'], remote);
  expect(trial.code).toBe(2);
  expect(JSON.parse(trial.out)).toEqual({ dry_run: true, imported: 999, present: 0, refused: 1 });
  const first = await manam(['import', file, '--tenant', 'dev', '--report', report], remote);
  expect(first).toMatchObject({ code: 2, out: 'imported 999, 0 there before, 1 refused\n' });
  expect(first.err).toContain(
    'line 501: email: EMAIL_INVALID This is not a valid e-mail address.\n1000 lines\n',
  );
  const told = readFileSync(report, 'utf8').trim().split('\n');
  expect(told).toHaveLength(1000);
  expect(JSON.parse(told[500] ?? '')).toEqual({
    line: 501,
    state: 'refused',
    problems: [
      { field: 'email', reason: 'EMAIL_INVALID', description: 'This is not a valid e-mail address.' },
    ],
  });
  const again = await manam(['import', file, '--tenant', 'dev']);
  expect(again.out).toBe('imported 0, 999 there before, 1 refused\n');

  const exported = await manam(['export', '--tenant', 'dev'], remote);
  expect(exported.code).toBe(0);
  const emails = exported.out
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { email: string }).email);
  expect(emails).toHaveLength(999);
  expect(new Set(emails).size).toBe(999);
  expect(await manam(['import', join(folder, 'nothing'), '--tenant', 'dev'])).toMatchObject({ code: 2 });
}, 120_000);

test('one user is exported for themselves', async () => {
  const user = await signUp(testApp());
  const { code, out } = await manam(['export', '--tenant', 'dev', '--user', user.email]);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ user_id: user.userId, has_password: true });
  expect(await manam(['export', '--tenant', 'dev', '--user', 'nobody@example.com'])).toMatchObject({
    code: 3,
  });
});

/** A second database with the rows of the first, as a dump that is restored has them. */
async function restoreCopy() {
  const copy = await createTestDatabase();
  const [from, to] = [testApp().databaseUrl, copy.url].map((url) => new URL(url).pathname.slice(1));
  const connection = await createConnection({ uri: copy.url });
  const [tables] = await connection.query(`SHOW TABLES FROM ${from}`);
  for (const row of tables as Record<string, string>[]) {
    const [table] = Object.values(row);
    await connection.query(`CREATE TABLE ${to}.${table} LIKE ${from}.${table}`);
    // Generated columns are left out of backups.
    const [columns] = await connection.query<RowDataPacket[]>(
      "SELECT COLUMN_NAME AS name FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND EXTRA NOT LIKE '%GENERATED%'",
      [from, table],
    );
    const names = columns.map(({ name }) => `\`${name}\``).join(', ');
    await connection.query(`INSERT INTO ${to}.${table} (${names}) SELECT ${names} FROM ${from}.${table}`);
  }
  await connection.end();
  return copy;
}

test('a restored backup is proved to open, also against the wrong master key, and the lost time ends sessions', async () => {
  const user = await signUp(testApp());
  const copy = await restoreCopy();
  // After the backup: a refresh that the restored database lacks.
  const { tokens } = await testApp().client(AuthService).refreshToken({ refreshToken: user.refreshToken });

  const env = { ...local, DATABASE_URL: copy.url };
  const good = await manam(['backup', 'check'], env);
  expect(good.err).toBe('');
  expect(good.code).toBe(0);
  expect(good.out).toMatch(/ok +backup\.signing-keys +all \d+ open/);
  expect(good.out).toMatch(/warning +backup\.lost-time/);
  const wrong = await manam(['backup', 'check'], {
    ...env,
    MANAM_MASTER_KEY: Buffer.from('another master key, also 32 byte').toString('base64'),
  });
  expect(wrong.code).toBe(6);
  expect(wrong.out).toMatch(/error +keys\.data +the master key does not open/);
  const empty = await createTestDatabase();
  expect(await manam(['backup', 'check'], { ...local, DATABASE_URL: empty.url })).toMatchObject({ code: 6 });
  await empty.drop();

  const restored = await startTestApp({ database: copy.url });
  const there = restored.client(AuthService);
  const dead = failure('Unauthenticated', 'TOKEN_INVALID');
  expect(await failureOf(there.refreshToken({ refreshToken: tokens?.refreshToken ?? '' }))).toEqual(dead);
  // A token from before the backup may be stolen: the session ends for both holders.
  expect(await failureOf(there.refreshToken({ refreshToken: user.refreshToken }))).toEqual(dead);
  expect((await there.login({ email: user.email, password })).tokens?.accessToken).not.toBe('');
  await restored.close();
  await copy.drop();
}, 60_000);
