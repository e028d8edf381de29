import { readdirSync, readFileSync } from 'node:fs';
import { createConnection } from 'mysql2/promise';
import { sha256 } from '../domain/token.ts';

const folder = new URL('./migrations/', import.meta.url);
const nameForm = /^(\d{4})_[a-z0-9_]+\.sql$/;
/** How long an instance waits for another one that is migrating. */
const lockWaitS = 60;

type Migration = { readonly name: string; readonly statements: readonly string[]; readonly digest: string };

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
    return { name, statements, digest: sha256(text).toString('hex') };
  });
}

/**
 * Compares what a database has with what the sources hold, by name and digest, and
 * answers what is still to be applied.
 */
export function pendingMigrations(
  sources: readonly Migration[],
  applied: readonly { readonly name: string; readonly digest: string }[],
): Migration[] {
  for (const [index, { name, digest }] of applied.entries()) {
    const source = sources[index];
    if (source?.name !== name)
      throw new Error(`the database has migration ${name}, which this version does not know`);
    if (source.digest !== digest) throw new Error(`migration ${name} was edited after it was applied`);
  }
  return sources.slice(applied.length);
}

/**
 * Brings a database to the newest schema. Only one instance does so at a time; the
 * others wait. `prepare` runs behind the migrations while they still wait: for what may
 * only be made once. MySQL commits each DDL statement by itself, so a migration that fails
 * half-way has to be written so that it can run again.
 */
export async function migrate(url: string, prepare: () => Promise<void> = async () => {}): Promise<void> {
  const connection = await createConnection({ uri: url, timezone: 'Z', charset: 'utf8mb4_bin' });
  const rows = async (sql: string, values: unknown[] = []) =>
    (await connection.query(sql, values))[0] as Record<string, unknown>[];
  try {
    const [lock] = await rows(
      "SELECT GET_LOCK(CONCAT('manam_migrate_', LEFT(MD5(DATABASE()), 16)), ?) AS taken",
      [lockWaitS],
    );
    if (Number(lock?.['taken']) !== 1) throw new Error('another instance has been migrating for too long');
    await connection.query(
      'CREATE TABLE IF NOT EXISTS schema_migrations (position INT NOT NULL PRIMARY KEY, name VARBINARY(255) NOT NULL,' +
        ' digest VARBINARY(64) NOT NULL, applied_at DATETIME(3) NOT NULL) ENGINE=InnoDB',
    );
    const applied = (await rows('SELECT name, digest FROM schema_migrations ORDER BY position')).map(
      (row) => ({
        name: String(row['name']),
        digest: String(row['digest']),
      }),
    );
    const sources = readMigrations();
    for (const migration of pendingMigrations(sources, applied)) {
      for (const statement of migration.statements) await connection.query(statement);
      await connection.query('INSERT INTO schema_migrations VALUES (?, ?, ?, UTC_TIMESTAMP(3))', [
        sources.indexOf(migration) + 1,
        migration.name,
        migration.digest,
      ]);
    }
    await prepare();
  } finally {
    await connection.end();
  }
}
