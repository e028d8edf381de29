import type { Clock } from '../domain/ports.ts';
import type { DatabaseHandle } from './database.ts';

/** How far our clock and the database's may be apart (R60). */
const maxSkewMs = 2000;

/** How far the database's clock is ahead of ours, in milliseconds; half the round trip is allowed for. */
export async function measureClockSkewMs(database: DatabaseHandle, clock: Clock): Promise<number> {
  const before = clock().getTime();
  const [row] = await database.query('SELECT UNIX_TIMESTAMP(NOW(3)) * 1000 AS now');
  const after = clock().getTime();
  return Math.round(Number(row?.['now']) - (before + after) / 2);
}

/**
 * What a database must be for the service to run on it (R60). Answers what is wrong,
 * a sentence each; an empty list is good.
 */
export async function inspectDatabase(database: DatabaseHandle, clock: Clock): Promise<string[]> {
  const [row] = await database.query(
    'SELECT @@version AS version, @@SESSION.sql_mode AS mode, @@SESSION.time_zone AS zone',
  );
  const collations = await database.query(
    "SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'" +
      " AND TABLE_NAME <> 'schema_migrations' AND TABLE_COLLATION <> 'utf8mb4_bin'",
  );
  const skewMs = await measureClockSkewMs(database, clock);
  const version = String(row?.['version']);
  const findings: string[] = [];
  if (!/^(?:8\.|9\.|10\.(?:[6-9]|1\d)\.|1[1-9]\.)/.test(version)) {
    findings.push(`the database is version ${version}; MySQL 8 or MariaDB 10.6 is the least`);
  }
  if (!String(row?.['mode']).includes('STRICT_ALL_TABLES')) findings.push('sql_mode is not strict');
  if (row?.['zone'] !== '+00:00') findings.push('the session does not run in UTC');
  for (const table of collations)
    findings.push(`table ${String(table['name'])} has a collation that is not utf8mb4_bin`);
  if (Math.abs(skewMs) > maxSkewMs)
    findings.push(`the clocks of the database and of this machine are ${skewMs} ms apart`);
  return findings;
}

/** Whether the database answers within the deadline and agrees about the time. */
export async function isReady(database: DatabaseHandle, clock: Clock, deadlineMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), deadlineMs);
  });
  const check = measureClockSkewMs(database, clock).then(
    (skewMs) => Math.abs(skewMs) <= maxSkewMs,
    () => false,
  );
  return await Promise.race([check, late]).finally(() => clearTimeout(timer));
}
