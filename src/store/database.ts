import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2';
import { createPool, type Pool, type PoolConnection, type QueryOptions } from 'mysql2/promise';
import { isConnectionLost, isFatal, isRetryable, outage, translateDriverError } from './driver-error.ts';
import { traceStatement } from './tracing.ts';

/** What repositories query through: the pool, or the connection of a transaction. */
export type Database = MySql2Database;

export type DatabaseOptions = {
  /** `mysql://user:password@host:port/database`; a unix socket as `?socketPath=…`. */
  readonly url: string;
  /** How many connections there are at most. Default 20 (R64). */
  readonly connections?: number;
  /** Told the text of every statement that is sent, without parameters. */
  readonly onStatement?: (sql: string) => void;
};

/** How many callers may wait for a connection (R64). */
const maxQueued = 200;
/** How long a caller waits for a connection (R64). */
const acquireDeadlineMs = 1000;
/** How long a statement may take; it ends with its connection (R64). */
const statementDeadlineMs = 3000;
/** How often a transaction is run again, after how long at first, and until when: who waits for a lock must not wait on (R63). */
const maxRetries = 3;
const firstRetryMs = 50;
const retryUntilMs = 1500;

/**
 * What every connection starts with. READ COMMITTED, because the guards are single
 * statements and gap locks only make deadlocks; FOUND_ROWS, mysql2's default, makes
 * `affectedRows` of an UPDATE the number of rows that matched its guard.
 */
const sessionSetup = [
  "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'," +
    " time_zone = '+00:00', innodb_lock_wait_timeout = 3",
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
];

export type DatabaseHandle = {
  /** For single statements, each in a transaction of its own. */
  readonly db: Database;
  transaction<T>(work: (db: Database) => Promise<T>): Promise<T>;
  /** Runs one statement as it is: for boot checks and migrations. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** How many connections are lent out now, and how many callers wait for one. */
  load(): { readonly busy: number; readonly waiting: number };
  close(): Promise<void>;
};

/** Opens a pool with the deadlines that mysql2's own lacks (V7). */
export function openDatabase(options: DatabaseOptions): DatabaseHandle {
  const pool = createPool({
    uri: options.url,
    connectionLimit: options.connections ?? 20,
    queueLimit: maxQueued,
    connectTimeout: acquireDeadlineMs,
    timezone: 'Z',
    charset: 'utf8mb4_bin',
    supportBigNumbers: true,
  });
  const onStatement = options.onStatement ?? (() => {});
  const transactional = new WeakMap<object, Database>();
  let busy = 0;
  let waiting = 0;

  async function send(connection: PoolConnection, query: string | QueryOptions, values?: unknown[]) {
    const request = typeof query === 'string' ? { sql: query } : query;
    onStatement(request.sql);
    return await traceStatement(request.sql, () =>
      connection.query({ ...request, timeout: statementDeadlineMs }, values),
    );
  }

  const prepared = new WeakSet<object>();
  /** Sets a new connection up, under the deadline of any other statement. */
  async function prepare(connection: PoolConnection): Promise<void> {
    if (prepared.has(connection.connection)) return;
    for (const sql of sessionSetup) await connection.query({ sql, timeout: statementDeadlineMs });
    prepared.add(connection.connection);
  }

  /** Lends a connection; it is destroyed where the work left it in doubt. */
  async function borrow<T>(work: (connection: PoolConnection) => Promise<T>): Promise<T> {
    waiting += 1;
    const connection = await acquire(pool).finally(() => {
      waiting -= 1;
    });
    busy += 1;
    try {
      await prepare(connection);
      const result = await work(connection);
      connection.release();
      return result;
    } catch (error) {
      if (isFatal(error)) connection.destroy();
      else connection.release();
      throw error;
    } finally {
      busy -= 1;
    }
  }

  /** Runs a statement that is in no transaction. */
  async function runAlone(query: QueryOptions, values?: unknown[]) {
    const once = () => borrow((connection) => send(connection, query, values));
    return await retrying(isRead(query.sql) ? () => withoutLoss(once) : once);
  }

  function databaseOf(connection: PoolConnection): Database {
    // The promise wrapper is made anew for every loan; the connection inside stays.
    const known = transactional.get(connection.connection);
    if (known !== undefined) return known;
    const client = { query: (query: QueryOptions, values?: unknown[]) => send(connection, query, values) };
    const made = drizzle({ client: client as unknown as Pool });
    transactional.set(connection.connection, made);
    return made;
  }

  async function attempt<T>(work: (db: Database) => Promise<T>): Promise<T> {
    return await borrow(async (connection) => {
      await send(connection, 'BEGIN');
      try {
        const result = await work(databaseOf(connection));
        await send(connection, 'COMMIT');
        return result;
      } catch (error) {
        if (!isFatal(error)) await send(connection, 'ROLLBACK');
        throw error;
      }
    });
  }

  return {
    db: drizzle({ client: { query: runAlone } as unknown as Pool }),
    transaction: (work) => retrying(() => attempt(work)),
    query: async (sql) => {
      const [rows] = await runAlone({ sql });
      return rows as Record<string, unknown>[];
    },
    load: () => ({ busy, waiting }),
    close: () => pool.end(),
  };
}

/** Takes a connection within the deadline; one that comes too late goes straight back. */
async function acquire(pool: Pool): Promise<PoolConnection> {
  const loan = pool.getConnection();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      loan.then((connection) => connection.release()).catch(() => {});
      reject(outage('ACQUIRE_DEADLINE'));
    }, acquireDeadlineMs);
  });
  try {
    return await Promise.race([loan, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether a statement changes nothing and holds nothing, so that it may be sent twice. */
function isRead(sql: string): boolean {
  return /^select\b/i.test(sql) && !/\bfor update\b/i.test(sql);
}

/** Reads once more where the connection was lost under the first attempt: the next one may be a good one. */
async function withoutLoss<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!isConnectionLost(error)) throw error;
    return await read();
  }
}

/** Runs the work again where the database asks for it; whatever it throws in the end is free of SQL. */
async function retrying<T>(work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  for (let retry = 0; ; retry += 1) {
    try {
      return await work();
    } catch (error) {
      const isOver = retry >= maxRetries || performance.now() - startedAt > retryUntilMs;
      if (isOver || !isRetryable(error)) throw translateDriverError(error);
      await new Promise((resolve) => setTimeout(resolve, firstRetryMs * 2 ** retry * (0.5 + Math.random())));
    }
  }
}
