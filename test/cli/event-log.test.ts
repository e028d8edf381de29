import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { v7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { EventService } from '../../gen/manam/v1/event_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { systemRandom } from '../../src/adapters/random.ts';
import { leafHash, verifyConsistency, verifyInclusion } from '../../src/domain/merkle.ts';
import { type Admin, connectAdmin, makeTenant } from '../support/admin.ts';
import { freshEmail, masterKeys, password, useTestApp } from '../support/app.ts';
import { runCommand } from '../support/command.ts';
import { shapeOf } from '../support/errors.ts';
import { bearer, signUp } from '../support/journey.ts';

const testApp = useTestApp({ config: { admin: { host: '127.0.0.1', port: 0 } } });
const folder = mkdtempSync(join(tmpdir(), 'manam-log-'));
let admin: Admin;
let env: Record<string, string> = {};
let tenant = { id: '', slug: '', publishable: '', events: '' };
let tenants = 0;

beforeAll(async () => {
  admin = await connectAdmin(testApp());
  env = {
    MANAM_ISSUER: 'https://id.example.com',
    DATABASE_URL: testApp().databaseUrl,
    MANAM_MASTER_KEY: masterKeys.current.toString('base64'),
  };
});
afterAll(() => rmSync(folder, { recursive: true }));

const manam = (...args: string[]) => runCommand(args, env);
const sql = (text: string, values: unknown[] = []) => testApp().sql(text, values);
const hex = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex');
const events = () => testApp().client(EventService, { apieco_key: tenant.events });

async function isNumbered(): Promise<void> {
  const waiting = () =>
    sql('SELECT 1 FROM events WHERE position IS NULL AND tenant_id = ? LIMIT 1', [hex(tenant.id)]);
  while ((await waiting()).length > 0) await pause(10);
}

/** Some events of the tenant: registrations, and failed sign-ins. */
async function happen(count: number): Promise<void> {
  const auth = testApp().client(AuthService, { apieco_key: tenant.publishable });
  for (let index = 0; index < count; index += 1) await auth.register({ email: freshEmail(), password });
  await isNumbered();
}

/** A tenant with a log and a head that is kept elsewhere. */
async function keepHead(count = 12): Promise<string> {
  tenants += 1;
  const made = await makeTenant(admin, `log-${tenants}`);
  const key = await admin.createKey({ tenant: made.slug, kind: 2, scopes: ['events.read'] });
  tenant = { id: made.id, slug: made.slug, publishable: made.publishable.text, events: key.text };
  await happen(count);
  const { head } = await events().getLogHead({});
  return head;
}

/** Exports the log, as someone who trusts no one would, and compares it with a head. */
async function verify(
  head: string,
  change: (lines: string[]) => string[] = (lines) => lines,
  keys: readonly string[] = [],
) {
  const file = join(folder, `${tenant.slug}.jsonl`);
  const exported = await manam('audit', 'export', '--tenant', tenant.slug, '--out', file);
  expect(exported).toMatchObject({ code: 0, err: '' });
  writeFileSync(file, `${change(readFileSync(file, 'utf8').trim().split('\n')).join('\n')}\n`);
  return await manam('audit', 'verify', file, '--head', head, ...keys);
}

async function row(position: number): Promise<Record<string, unknown>> {
  const found = await sql('SELECT * FROM events WHERE tenant_id = ? AND position = ?', [
    hex(tenant.id),
    position,
  ]);
  return { ...found[0] };
}

test('a log that nobody changed is what its head covers, also after it has grown', async () => {
  const head = await keepHead();
  expect(await verify(head)).toMatchObject({
    code: 0,
    out: expect.stringContaining('1 head: the log is what they cover'),
  });
  await happen(300);
  expect(await verify(head)).toMatchObject({ code: 0 });
  const file = join(folder, 'head.txt');
  writeFileSync(file, `${head}\n`);
  expect((await verify(file)).code).toBe(0);
});

test('the signature of a head is verified with the public keys of the service', async () => {
  const head = await keepHead(2);
  const keys = join(folder, 'jwks.json');
  writeFileSync(keys, await (await fetch(`${testApp().url}/.well-known/jwks.json`)).text());
  const file = join(folder, 'signed.jsonl');
  await manam('audit', 'export', '--tenant', tenant.slug, '--out', file);
  expect(await manam('audit', 'verify', file, '--head', head, '--keys', keys)).toMatchObject({ code: 0 });
  const [header, payload = '', signature] = head.split('.');
  const forged = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
  const text = Buffer.from(JSON.stringify({ ...forged, size: 1 })).toString('base64url');
  const bad = await manam(
    'audit',
    'verify',
    file,
    '--head',
    [header, text, signature].join('.'),
    '--keys',
    keys,
  );
  expect(bad).toMatchObject({ code: 1, err: expect.stringContaining('signature verification failed') });
});

describe('against a head that was kept, a change in the database is found:', () => {
  let head = '';
  beforeEach(async () => {
    head = await keepHead();
  });
  const expectFound = async (problem: string | RegExp) => {
    const verdict = await verify(head);
    expect(verdict).toMatchObject({ code: 1, out: expect.stringMatching(problem) });
  };
  const changed = /first \d+ events are not those/;

  test('an edited event', async () => {
    const { id } = (await row(5)) as { id: Buffer };
    await sql("UPDATE events SET reason = 'CREDENTIALS_INVALID' WHERE tenant_id = ? AND id = ?", [
      hex(tenant.id),
      id,
    ]);
    await expectFound(changed);
  });

  test('an edited user of an event', async () => {
    const { id } = (await row(5)) as { id: Buffer };
    await sql('UPDATE events SET user_id = ? WHERE tenant_id = ? AND id = ?', [
      Buffer.alloc(16, 3),
      hex(tenant.id),
      id,
    ]);
    await expectFound('personal part was changed');
  });

  test('a deleted event', async () => {
    await sql('DELETE FROM events WHERE tenant_id = ? AND position = 5', [hex(tenant.id)]);
    await expectFound('no record of retention covers it');
  });

  test('an inserted event', async () => {
    await sql('UPDATE events SET position = position + 1 WHERE tenant_id = ? AND position >= 5', [
      hex(tenant.id),
    ]);
    const copy = { ...(await row(4)), id: Buffer.alloc(16, 9), position: 5 };
    await sql('INSERT INTO events SET ?', [copy]);
    await sql('UPDATE event_logs SET size = size + 1 WHERE tenant_id = ?', [hex(tenant.id)]);
    await expectFound(changed);
  });

  test('events in another order', async () => {
    const [third, fourth] = [await row(3), await row(4)];
    for (const [each, position] of [
      [third, 4],
      [fourth, 3],
    ] as const)
      await sql('UPDATE events SET position = ? WHERE tenant_id = ? AND id = ?', [
        position,
        hex(tenant.id),
        each['id'],
      ]);
    await expectFound(changed);
  });

  test('a truncated log', async () => {
    await sql('DELETE FROM events WHERE tenant_id = ? AND position > 8', [hex(tenant.id)]);
    await sql('UPDATE event_logs SET size = 8 WHERE tenant_id = ?', [hex(tenant.id)]);
    await expectFound(/events that the head of .* covers are missing after position 8/);
  });

  test('a backdated event', async () => {
    await sql("UPDATE events SET created_at = '2020-01-01' WHERE tenant_id = ? AND position = 6", [
      hex(tenant.id),
    ]);
    await expectFound(changed);
  });

  test('a fork: another log in the place of this one', async () => {
    await sql('UPDATE event_logs SET log_id = ? WHERE tenant_id = ?', [Buffer.alloc(16, 4), hex(tenant.id)]);
    await expectFound('was replaced');
  });

  test('a restored state that goes on as if nothing had been', async () => {
    const before = await sql('SELECT * FROM event_tiles WHERE tenant_id = ?', [hex(tenant.id)]);
    await happen(6);
    const later = await events().getLogHead({});
    await sql('DELETE FROM events WHERE tenant_id = ? AND position > ?', [
      hex(tenant.id),
      Number(later.size) - 6,
    ]);
    await sql('UPDATE event_logs SET size = size - 6 WHERE tenant_id = ?', [hex(tenant.id)]);
    await sql('UPDATE event_tiles SET hashes = ? WHERE tenant_id = ?', [
      before[0]?.['hashes'],
      hex(tenant.id),
    ]);
    await happen(8);
    ({ head } = later);
    await expectFound(changed);
  });

  test('another user in the place of the one of an event, without its salt', async () => {
    const { id } = (await row(5)) as { id: Buffer };
    await sql('UPDATE events SET user_id = ?, salt = NULL WHERE tenant_id = ? AND id = ?', [
      Buffer.alloc(16, 3),
      hex(tenant.id),
      id,
    ]);
    await expectFound('personal part was changed');
  });

  test('a deleted event, under a record of retention that no instance made', async () => {
    await sql('DELETE FROM events WHERE tenant_id = ? AND position = 5', [hex(tenant.id)]);
    await sql(
      `INSERT INTO events (tenant_id, id, type, outcome, reason, details, request_id, created_at, address)
       VALUES (?, ?, 'events.expired', 'success', '', '{"before":1000000}', '', UTC_TIMESTAMP(3), '')`,
      [hex(tenant.id), Buffer.from(v7().replaceAll('-', ''), 'hex')],
    );
    await isNumbered();
    await expectFound('no record of retention covers it');
  });

  test('fakes in front, and the old events behind them in a second log of the same id', async () => {
    const rows = await sql('SELECT * FROM events WHERE tenant_id = ? ORDER BY position', [hex(tenant.id)]);
    const count = rows.length;
    await sql('UPDATE events SET position = position + ? WHERE tenant_id = ?', [count, hex(tenant.id)]);
    for (const [index, each] of rows.entries())
      await sql('INSERT INTO events SET ?', [
        { ...each, id: Buffer.from(v7().replaceAll('-', ''), 'hex'), position: index + 1 },
      ]);
    const [log] = await sql('SELECT * FROM event_logs WHERE tenant_id = ?', [hex(tenant.id)]);
    await sql('INSERT INTO event_logs SET ?', [{ ...log, number: 2, start: count, size: 2 * count }]);
    await sql(
      'INSERT INTO event_tiles SELECT tenant_id, 2, level, tile, hashes FROM event_tiles WHERE tenant_id = ?',
      [hex(tenant.id)],
    );
    await expectFound('two logs have one id');
  });

  test('an edited copy of an exported event', async () => {
    const verdict = await verify(head, (lines) =>
      lines.map((line, index) => (index === 5 ? line.replace('success', 'failure') : line)),
    );
    expect(verdict).toMatchObject({ code: 1, out: expect.stringMatching(changed) });
  });
});

test('the erasure of a user leaves the log what its head covers', async () => {
  const head = await keepHead(3);
  const { accessToken } = await signUp(testApp(), { apieco_key: tenant.publishable });
  const { head: later } = await events().getLogHead({});
  await isNumbered();
  await testApp().client(ProfileService, bearer(accessToken)).deleteAccount({});
  await isNumbered();
  expect((await verify(head)).code).toBe(0);
  expect((await verify(later)).code).toBe(0);
});

test('retention leaves leaves, and records what it deleted', async () => {
  const head = await keepHead(5);
  testApp().advance(500 * 86_400_000);
  const { createPurge } = await import('../../src/flows/retention/purge.ts');
  const { retained } = await import('../../src/domain/retention.ts');
  const purge = createPurge({
    store: testApp().app.store,
    retention: {
      ...(Object.fromEntries(retained.map((what) => [what, 36_500])) as Record<
        (typeof retained)[number],
        number
      >),
      events: 400,
    },
    clock: testApp().now,
    // The ids of its records are of its own time.
    random: { ...systemRandom, uuid: () => v7({ msecs: testApp().now().getTime() }) },
    rest: async () => {},
    isStopping: () => false,
    onError: (error) => {
      throw error;
    },
  });
  expect(await purge()).toBeGreaterThan(4);
  await isNumbered();
  const [left] = await sql('SELECT COUNT(*) AS n FROM events WHERE tenant_id = ?', [hex(tenant.id)]);
  expect(left?.['n']).toBe(1);
  const verdict = await verify(head);
  expect(verdict).toMatchObject({ code: 0, out: expect.stringContaining('gone by retention') });
  testApp().advance(-500 * 86_400_000);
});

test('a restored backup begins a new log that names the old one, and says what was lost', async () => {
  const head = await keepHead(6);
  const tiles = await sql('SELECT * FROM event_tiles WHERE tenant_id = ?', [hex(tenant.id)]);
  await happen(4);
  const { head: lost, size } = await events().getLogHead({});
  const { nextCursor } = await events().listEvents({ limit: 500 });
  // The backup was made before the last four.
  const kept = Number(size) - 4;
  await sql('DELETE FROM events WHERE tenant_id = ? AND position > ?', [hex(tenant.id), kept]);
  await sql('UPDATE event_logs SET size = ? WHERE tenant_id = ?', [kept, hex(tenant.id)]);
  await sql('UPDATE event_tiles SET hashes = ? WHERE tenant_id = ?', [tiles[0]?.['hashes'], hex(tenant.id)]);
  expect(await manam('audit', 'restart', '--yes')).toMatchObject({
    code: 0,
    out: expect.stringContaining('begun anew'),
  });
  await admin.restartEventLogs({});
  await happen(3);
  expect((await verify(head)).code).toBe(0);
  const keys = join(folder, 'restored.json');
  writeFileSync(keys, await (await fetch(`${testApp().url}/.well-known/jwks.json`)).text());
  expect((await verify(lost)).code).toBe(1);
  expect(await verify(lost, undefined, ['--keys', keys])).toMatchObject({
    code: 7,
    out: expect.stringMatching(
      /4 events that the head of .* covers are missing after position \d+: a backup was restored/,
    ),
  });
  const refused = await events()
    .listEvents({ after: nextCursor })
    .catch((error: unknown) => shapeOf(error).reason);
  expect(refused).toBe('CURSOR_EXPIRED');
  const now = await events().getLogHead({});
  expect((await verify(now.head)).code).toBe(0);
});

describe('proofs over the wire', () => {
  const bytes = (text: string) => Buffer.from(text, 'base64url');

  test('an event is proved to be in a kept head, by its entry', async () => {
    await keepHead(9);
    const { size, root } = await events().getLogHead({});
    await happen(20);
    const { events: [event] = [] } = await events().listEvents({ limit: 1 });
    const proved = await events().proveInclusion({ eventId: event?.eventId ?? '', size });
    expect(proved.root).toBe(root);
    expect(proved.entry).toContain(event?.eventId);
    const tree = { size: Number(size), root: bytes(root) };
    const proof = proved.proof.map(bytes);
    expect(verifyInclusion(leafHash(Buffer.from(proved.entry)), Number(proved.index), tree, proof)).toBe(
      true,
    );
  });

  test('a kept head is proved to be a beginning of the log now', async () => {
    await keepHead(9);
    const { size, root } = await events().getLogHead({});
    await happen(20);
    const { proof, fromRoot, toSize, toRoot } = await events().proveConsistency({ fromSize: size });
    expect(fromRoot).toBe(root);
    const [first, second] = [
      { size: Number(size), root: bytes(root) },
      { size: Number(toSize), root: bytes(toRoot) },
    ];
    expect(verifyConsistency(first, second, proof.map(bytes))).toBe(true);
  });

  test('no event of another tenant, and no size beyond the log, is proved', async () => {
    await keepHead(3);
    const { events: [foreign] = [] } = await events().listEvents({ limit: 1 });
    await keepHead(3);
    const reasonOf = (call: Promise<unknown>) => call.then(String, (error: unknown) => shapeOf(error).reason);
    const { size } = await events().getLogHead({});
    expect(await reasonOf(events().proveInclusion({ eventId: foreign?.eventId ?? '' }))).toBe('NOT_FOUND');
    expect(await reasonOf(events().proveInclusion({ eventId: 'x' }))).toBe('NOT_FOUND');
    expect(await reasonOf(events().proveConsistency({ fromSize: size + 1n }))).toBe('REQUEST_INVALID');
    expect(await reasonOf(events().proveConsistency({ fromSize: 1n, toSize: size + 1n }))).toBe(
      'REQUEST_INVALID',
    );
    expect(await reasonOf(events().proveConsistency({ fromSize: -1n }))).toBe('REQUEST_INVALID');
  });
});

test('what is no exported log is refused in words', async () => {
  const file = join(folder, 'nonsense');
  writeFileSync(file, 'hello\n');
  expect(await manam('audit', 'verify', file)).toMatchObject({
    code: 2,
    err: expect.stringContaining('is no exported log'),
  });
  writeFileSync(file, '');
  expect(await manam('audit', 'verify', file)).toMatchObject({
    code: 2,
    err: expect.stringContaining('is empty'),
  });
  expect(await manam('audit', 'export', '--tenant', 'nobody', '--out', file)).toMatchObject({ code: 3 });
});
