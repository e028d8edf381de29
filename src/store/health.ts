import type { Clock } from '../domain/clock.ts';
import type { Finding } from '../domain/finding.ts';
import type { DatabaseHandle } from './database.ts';

/** How far our clock and the database's may be apart (R60). */
const maxSkewMs = 2000;

/** How far the database's clock is ahead of this service, in milliseconds; half the round trip is allowed for. */
export async function measureClockSkewMs(database: DatabaseHandle, clock: Clock): Promise<number> {
  const before = clock().getTime();
  const [row] = await database.query('SELECT UNIX_TIMESTAMP(NOW(3)) * 1000 AS now');
  const after = clock().getTime();
  return Math.round(Number(row?.['now']) - (before + after) / 2);
}

function ok(check: string, detail: string): Finding {
  return { check, state: 'ok', detail, fix: '' };
}

function error(check: string, detail: string, fix: string): Finding {
  return { check, state: 'error', detail, fix };
}

/** Checks a database for the service (R60), with a finding for each requirement. */
export async function inspectDatabase(database: DatabaseHandle, clock: Clock): Promise<Finding[]> {
  const [row] = await database.query(
    'SELECT @@version AS version, @@SESSION.sql_mode AS mode, @@SESSION.time_zone AS zone',
  );
  const collations = await database.query(
    "SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'" +
      " AND TABLE_NAME <> 'schema_migrations' AND TABLE_COLLATION <> 'utf8mb4_bin'",
  );
  const skewMs = await measureClockSkewMs(database, clock);
  const version = String(row?.['version']);
  const strange = collations.map(({ name }) => String(name));
  const isKnown = /^(?:8\.|9\.|10\.(?:[6-9]|1\d)\.|1[1-9]\.)/.test(version);
  const isStrict = String(row?.['mode']).includes('STRICT_ALL_TABLES');
  const isUtc = row?.['zone'] === '+00:00';
  const isTimely = Math.abs(skewMs) <= maxSkewMs;
  const apart = `the clocks of the database and of this machine are ${skewMs} ms apart`;
  return [
    isKnown
      ? ok('database.version', version)
      : error(
          'database.version',
          `the database is version ${version}; MySQL 8 or MariaDB 10.6 is the least`,
          'upgrade it',
        ),
    isStrict && isUtc
      ? ok('database.modes', 'strict, and in UTC')
      : error(
          'database.modes',
          isStrict ? 'the session does not run in UTC' : 'sql_mode is not strict',
          'let the account set sql_mode and time_zone for its session',
        ),
    strange.length === 0
      ? ok('database.collations', 'all tables compare bytes')
      : error(
          'database.collations',
          `table ${strange.join(', ')} has a collation that is not utf8mb4_bin`,
          `ALTER TABLE ${strange[0]} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
        ),
    isTimely ? ok('database.clock', apart) : error('database.clock', apart, 'run NTP on both machines'),
  ];
}

const neededRights = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];

/**
 * Whether the account may do what the service does, and has no rights over the whole
 * server (R60). `SHOW GRANTS` names schemas as patterns, so it is read as a whole.
 */
export async function inspectGrants(database: DatabaseHandle): Promise<Finding[]> {
  const check = 'database.grants';
  const lines = (await database.query('SHOW GRANTS')).map((row) => String(Object.values(row)[0]));
  const isGlobal = lines.some(
    (line) => /\bON \*\.\* TO/.test(line) && /\b(?:ALL PRIVILEGES|SUPER|FILE)\b/.test(line),
  );
  if (isGlobal) {
    return [
      {
        check,
        state: 'warning',
        detail: 'the account has rights over the whole server',
        fix: 'give the service an account with SELECT, INSERT, UPDATE and DELETE on its own database, and run migrations with another (MIGRATE_AT_START=false)',
      },
    ];
  }
  const text = lines.join('\n');
  const missing = text.includes('ALL PRIVILEGES')
    ? []
    : neededRights.filter((right) => !new RegExp(`\\b${right}\\b`).test(text));
  return missing.length === 0
    ? [ok(check, 'the account may read and write its database')]
    : [
        error(
          check,
          `the account lacks ${missing.join(', ')}`,
          `GRANT ${missing.join(', ')} ON its database`,
        ),
      ];
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
