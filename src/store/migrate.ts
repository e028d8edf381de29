import { readdirSync, readFileSync } from 'node:fs';
import { type Connection, createConnection } from 'mysql2/promise';
import { DomainError } from '../domain/errors.ts';
import type { MigrationState } from '../domain/migration.ts';
import { sha256 } from '../domain/token.ts';
import { root } from '../root.ts';
import { connectionOptions } from './connection-options.ts';
import { isRetryable, translateDriverError } from './driver-error.ts';
import { type MigrationLease, takeMigrationLease } from './migration-lease.ts';
import { planStatement, type TableSize } from './migration-plan.ts';

const folder = new URL('src/store/migrations/', root);
const nameForm = /^(\d{4})_[a-z0-9_]+\.sql$/;
/** Table exists, duplicate column, duplicate key name, and nothing of that name to drop. */
const appliedErrors = new Set([1050, 1060, 1061, 1091]);

/**
 * Digests of texts that landed and were replaced by one of the same effect: 0015 compares texts as utf8mb4, without which MySQL
 * refuses the statement.
 */
const sameEffect: Readonly<Record<string, string>> = {
  '0015_events.sql': '5b83be2d34fd4918c9a17c0333b7ee23caf32d3ad06979a32fb22b28aaa9eb87',
};

type Migration = {
  readonly name: string;
  readonly statements: readonly string[];
  readonly digest: string;
  /** Whether it cannot run beside an instance of the version before it: its first line is `-- stop: why`. */
  readonly needsStop: boolean;
};

/** Reads the migrations; a gap or a repeated number is refused. */
export function readMigrations(): Migration[] {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  return names.map((name, index) => {
    if (Number(nameForm.exec(name)?.[1]) !== index + 1) {
      throw new Error(`migration ${name} should have the number ${index + 1}`);
    }
    const text = readFileSync(new URL(name, folder), 'utf8');
    const statements = text
      .replace(/^--.*$/gm, '')
      .split(/;\s*$/m)
      .map((statement) => statement.trim())
      .filter((statement) => statement !== '');
    return { name, statements, digest: sha256(text).toString('hex'), needsStop: text.startsWith('-- stop:') };
  });
}

/**
 * Compares what a database has with what the sources hold, by name and digest, and
 * returns the pending ones.
 */
export function pendingMigrations(
  sources: readonly Migration[],
  applied: readonly { readonly name: string; readonly digest: string }[],
): Migration[] {
  for (const [index, { name, digest }] of applied.entries()) {
    const source = sources[index];
    if (source?.name !== name)
      throw new Error(`the database has migration ${name}, which this version does not know`);
    if (source.digest !== digest && sameEffect[name] !== digest)
      throw new Error(`migration ${name} was edited after it was applied`);
  }
  return sources.slice(applied.length);
}

type Session = {
  readonly connection: Connection;
  /** A second connection, to renew the lease while a statement runs. */
  readonly connect: () => Promise<Connection>;
  readonly rows: (sql: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;
};

async function withConnection<T>(url: string, work: (session: Session) => Promise<T>): Promise<T> {
  const connect = () =>
    createConnection(connectionOptions(url)).catch((error: unknown) => {
      throw translateDriverError(error);
    });
  const connection = await connect();
  const rows = async (sql: string, values: unknown[] = []) =>
    (await connection.query(sql, values))[0] as Record<string, unknown>[];
  try {
    return await work({ connection, connect, rows });
  } finally {
    await connection.end();
  }
}

async function readApplied({ rows }: Session) {
  const found = await rows(
    'SELECT name, digest, applied_at AS at FROM schema_migrations WHERE position > 0 ORDER BY position',
  );
  return found.map(({ name, digest, at }) => ({
    name: String(name),
    digest: String(digest),
    at: at as Date,
  }));
}

/** The sizes of the tables. MySQL caches these figures for a day by default. */
async function readSizes({ rows }: Session): Promise<ReadonlyMap<string, TableSize>> {
  const found = await rows(
    'SELECT TABLE_NAME AS name, TABLE_ROWS AS number, DATA_LENGTH + INDEX_LENGTH AS bytes' +
      " FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'",
  );
  return new Map(
    found.map(({ name, number, bytes }) => [String(name), { rows: Number(number), bytes: Number(bytes) }]),
  );
}

/** Every migration of this version, applied or planned. */
export async function listMigrations(url: string): Promise<MigrationState[]> {
  return await withConnection(url, async (session) => {
    const [table] = await session.rows("SHOW TABLES LIKE 'schema_migrations'");
    const applied = table === undefined ? [] : await readApplied(session);
    const sources = readMigrations();
    const pending = new Set(pendingMigrations(sources, applied));
    const sizes = pending.size === 0 ? new Map() : await readSizes(session);
    return sources.map((source, index) => ({
      name: source.name,
      appliedAt: applied[index]?.at,
      needsStop: source.needsStop,
      plan: pending.has(source) ? source.statements.map((statement) => planStatement(statement, sizes)) : [],
    }));
  });
}

export type MigrateOptions = {
  /** Runs behind the migrations, under the same lock: for what may only be made once. */
  readonly prepare?: () => Promise<void>;
  /** Whether no instance of an older version runs. An empty database has none. */
  readonly stopped?: boolean;
};

/**
 * Brings a database to the newest schema. One instance at a time does so, under a lease; the others
 * wait. MySQL commits each DDL statement by itself, so a migration that fails half-way has to be
 * written so that it can run again. Throws MIGRATION_NEEDS_STOP where one cannot run beside an older version.
 */
export async function migrate(
  url: string,
  { prepare = async () => {}, stopped = false }: MigrateOptions = {},
): Promise<void> {
  await withConnection(url, async (session) => {
    await session.connection.query(
      'CREATE TABLE IF NOT EXISTS schema_migrations (position INT NOT NULL PRIMARY KEY, name VARBINARY(255) NOT NULL,' +
        ' digest VARBINARY(64) NOT NULL, applied_at DATETIME(3) NOT NULL) ENGINE=InnoDB',
    );
    await underLease(session, async (lease) => {
      await applyPending(session, lease, stopped);
      await lease.check();
      await prepare();
    });
  });
}

async function applyPending(session: Session, lease: MigrationLease, stopped: boolean): Promise<void> {
  const sources = readMigrations();
  const applied = await readApplied(session);
  const pending = pendingMigrations(sources, applied);
  const stopping = pending.find(({ needsStop }) => needsStop);
  if (stopping !== undefined && applied.length > 0 && !stopped)
    throw new DomainError('MIGRATION_NEEDS_STOP', { metadata: { migration: stopping.name } });
  for (const migration of pending) {
    for (const statement of migration.statements) {
      await lease.check();
      await changeSchema(session.connection, statement);
    }
    await lease.check();
    await session.connection.query('INSERT INTO schema_migrations VALUES (?, ?, ?, UTC_TIMESTAMP(3))', [
      sources.indexOf(migration) + 1,
      migration.name,
      migration.digest,
    ]);
  }
}

/** Attempts per DDL statement while transactions hold what it needs. */
const maxChanges = 30;
const changePauseMs = 500;
/**
 * Longest wait of a change for a lock, in seconds. Whatever needs the table waits behind it, and no deadlock is
 * found between a change that has the table and waits for rows of its children, and a transaction that has
 * such rows and comes to the table. So the change gives up well before calls reach their deadline.
 */
const setLockWaits = 'SET SESSION lock_wait_timeout = 1, innodb_lock_wait_timeout = 1';

/** Makes one change of the schema; under load it can lose against a transaction, and then has done nothing. */
export async function changeSchema(connection: Connection, statement: string): Promise<void> {
  await connection.query(setLockWaits);
  for (let tries = 1; ; tries += 1) {
    try {
      await connection.query(statement);
      return;
    } catch (error) {
      if (isApplied(error)) return;
      if (tries >= maxChanges || !isRetryable(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, changePauseMs));
    }
  }
}

/**
 * Whether a statement fails because a start that was killed has run it: each ALTER of this service
 * takes place whole or not at all, so a column, key or table that is there says that it has.
 */
function isApplied(error: unknown): boolean {
  return appliedErrors.has((error as { errno?: number }).errno ?? 0);
}

/** As `migrate` where the account may not change the schema: a database that lacks a migration is refused. */
export async function requireMigrated(
  url: string,
  { prepare = async () => {} }: MigrateOptions = {},
): Promise<void> {
  const [missing] = (await listMigrations(url)).filter(({ appliedAt }) => appliedAt === undefined);
  if (missing !== undefined)
    throw new Error(`the database lacks migration ${missing.name}: run 'manam migrate up'`);
  await withConnection(url, (session) => underLease(session, prepare));
}

/** Runs work that one instance at a time may do. */
async function underLease<T>(
  { connection, connect }: Session,
  work: (lease: MigrationLease) => Promise<T>,
): Promise<T> {
  const renewing = await connect();
  try {
    const lease = await takeMigrationLease(connection, renewing);
    try {
      return await work(lease);
    } finally {
      // Without a connection the lease ends by itself.
      await lease.release().catch(() => {});
    }
  } finally {
    await renewing.end();
  }
}
