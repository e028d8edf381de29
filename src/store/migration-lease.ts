import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Connection, ResultSetHeader } from 'mysql2/promise';
import { isRetryable } from './driver-error.ts';

/** Time after which the lease of a migrator that stopped renewing it ends, in seconds. */
const leaseS = 15;
const renewEveryMs = (leaseS * 1000) / 3;
/** Longest wait for another instance that migrates. */
const waitMs = 60_000;
const askEveryMs = 200;
/** Attempts of a statement that the database rolls back. */
const maxTries = 10;

export type MigrationLease = {
  /** Renews the lease; throws if another instance holds it by now. Called before every statement. */
  check(): Promise<void>;
  release(): Promise<void>;
};

/**
 * Takes the lease of migrations, one instance at a time; the others wait, up to a minute. The lease is
 * a row at position 0 of `schema_migrations` while someone migrates: unlike GET_LOCK it is the same on
 * every node of a cluster. `renewing` is a second connection, which renews the lease while a long
 * statement occupies the first.
 */
export async function takeMigrationLease(
  connection: Connection,
  renewing: Connection,
): Promise<MigrationLease> {
  const holder = `lease ${randomUUID()}`;
  const expiry = `UTC_TIMESTAMP(3) + INTERVAL ${leaseS} SECOND`;
  // Two nodes of a cluster may change the row at once: one of them fails, and has done nothing.
  const run = async (over: Connection, sql: string, values: string[]) => {
    for (let tries = 1; ; tries += 1) {
      try {
        return (await over.query<ResultSetHeader>(sql, values))[0].affectedRows === 1;
      } catch (error) {
        if (tries >= maxTries || !isRetryable(error)) throw error;
        await pause(askEveryMs);
      }
    }
  };
  const renew = (over: Connection) =>
    run(
      over,
      `UPDATE schema_migrations SET applied_at = ${expiry} WHERE position = 0 AND name = ? AND applied_at > UTC_TIMESTAMP(3)`,
      [holder],
    );
  const take = async () =>
    (await run(connection, `INSERT IGNORE INTO schema_migrations VALUES (0, ?, '', ${expiry})`, [holder])) ||
    (await run(
      connection,
      `UPDATE schema_migrations SET name = ?, applied_at = ${expiry} WHERE position = 0 AND applied_at <= UTC_TIMESTAMP(3)`,
      [holder],
    ));

  for (const deadline = performance.now() + waitMs; !(await take()); ) {
    if (performance.now() > deadline) throw new Error('another instance has been migrating for too long');
    await pause(askEveryMs);
  }
  // A renewal that fails is noticed by the next check.
  const timer = setInterval(() => renew(renewing).catch(() => {}), renewEveryMs);
  timer.unref();
  return {
    async check() {
      if (!(await renew(connection)))
        throw new Error('another instance took the migration over, because this one did not renew its lease');
    },
    async release() {
      clearInterval(timer);
      await run(connection, 'DELETE FROM schema_migrations WHERE position = 0 AND name = ?', [holder]);
    },
  };
}
