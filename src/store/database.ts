import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2';
import { createPool, type Pool, type PoolConnection, type QueryOptions } from 'mysql2';
import { connectionOptions } from './connection-options.ts';
import {
  isConnectionLost,
  isFatal,
  isPreparedRefused,
  isRetryable,
  outage,
  translateDriverError,
} from './driver-error.ts';
import { traceStatement } from './tracing.ts';

/** The connection of repositories: the pool, or that of a transaction. */
export type Database = MySql2Database;

export type DatabaseOptions = {
  /** `mysql://user:password@host:port/database`; a unix socket as `?socketPath=…`. */
  readonly url: string;
  /** Time after which the server closes a connection that sends nothing, in seconds. Default: the server's own. */
  readonly idleTimeoutS?: number;
  /** Limit of connections. Default 20 (R64). */
  readonly connections?: number;
  /** Called with the text of every statement that is sent, without parameters. */
  readonly onStatement?: (sql: string) => void;
};

/** Limit of callers that wait for a connection (R64). */
const maxQueued = 200;
/** Longest wait for a connection (R64). */
const acquireDeadlineMs = 1000;
/** Deadline of a statement; it ends with its connection (R64). */
const statementDeadlineMs = 3000;
/** Pause before a read is retried. */
const lossPauseMs = 25;
/** Retries of a transaction, the first pause, and the limit of all of it: a caller that waited for a lock must not wait again (R63). */
const maxRetries = 3;
const firstRetryMs = 50;
const retryUntilMs = 1500;

/**
 * The setup of every connection. READ COMMITTED, because the guards are single
 * statements and gap locks only make deadlocks; FOUND_ROWS, mysql2's default, makes
 * `affectedRows` of an UPDATE the number of rows that matched its guard.
 */
const sessionSetup = [
  "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'," +
    " time_zone = '+00:00', innodb_lock_wait_timeout = 3",
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
];

export type DatabaseHandle = {
  /** For single statements, each in its own transaction. */
  readonly db: Database;
  /** The same, for the few statements of the calls that matter: the server keeps them, prepared. */
  readonly prepared: Database;
  transaction<T>(work: (db: Database, prepared: Database) => Promise<T>): Promise<T>;
  /** Runs one statement as it is: for boot checks and migrations. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** Number of connections in use, and of callers that wait for one. */
  load(): { readonly busy: number; readonly waiting: number };
  close(): Promise<void>;
};

/** Opens a pool with the deadlines that mysql2's own lacks (V7). */
export function openDatabase(options: DatabaseOptions): DatabaseHandle {
  const pool = createPool({
    ...connectionOptions(options.url),
    connectionLimit: options.connections ?? 20,
    // Ours closes a connection first: the server would do so under a statement.
    ...(options.idleTimeoutS !== undefined && { maxIdle: 1, idleTimeout: options.idleTimeoutS * 500 }),
    queueLimit: maxQueued,
    // Some dozens are used. The driver takes half a megabyte for the 16,000 that it is ready for otherwise, at each connection.
    maxPreparedStatements: 256,
    connectTimeout: acquireDeadlineMs,
    supportBigNumbers: true,
    dateStrings: true,
  });
  const onStatement = options.onStatement ?? (() => {});
  const transactional = new WeakMap<PoolConnection, readonly [db: Database, prepared: Database]>();
  let busy = 0;
  let waiting = 0;

  type Send = (connection: PoolConnection, query: QueryOptions, values?: unknown[]) => Promise<[unknown]>;

  function sendAs(way: Way): Send {
    return async (connection, request, values) => {
      onStatement(request.sql);
      return await traceStatement(request.sql, () => run(connection, way, request, values));
    };
  }
  const send = sendAs('query');
  const execute = sendAs('execute');

  const unprepared = new WeakSet<PoolConnection>();
  /** Has the server prepare the statement, once for a connection; where it does not, the text is sent each time. */
  const sendPrepared: Send = async (connection, request, values) => {
    if (unprepared.has(connection)) return await send(connection, request, values);
    try {
      return await execute(connection, request, values);
    } catch (error) {
      if (!isPreparedRefused(error)) throw error;
      unprepared.add(connection);
      return await send(connection, request, values);
    }
  };

  const setup =
    options.idleTimeoutS === undefined
      ? sessionSetup
      : [...sessionSetup, `SET SESSION wait_timeout = ${options.idleTimeoutS}`];
  const ready = new WeakSet<PoolConnection>();
  /** Sets a new connection up, under the deadline of any other statement. */
  async function setUp(connection: PoolConnection): Promise<void> {
    if (ready.has(connection)) return;
    for (const sql of setup) await run(connection, 'query', { sql });
    ready.add(connection);
  }

  /** Connections whose transaction may still be open: the next BEGIN would commit what is left of it. */
  const doubtful = new WeakSet<PoolConnection>();

  /** Lends a connection; it is destroyed where the work left it in doubt. */
  async function borrow<T>(work: (connection: PoolConnection) => Promise<T>): Promise<T> {
    waiting += 1;
    const connection = await acquire(pool).finally(() => {
      waiting -= 1;
    });
    busy += 1;
    try {
      await setUp(connection);
      const result = await work(connection);
      connection.release();
      return result;
    } catch (error) {
      if (isFatal(error) || doubtful.has(connection)) connection.destroy();
      else connection.release();
      throw error;
    } finally {
      busy -= 1;
    }
  }

  /** Runs a statement that is in no transaction. */
  async function runAlone(way: Send, query: QueryOptions, values?: unknown[]) {
    const once = () => borrow((connection) => way(connection, query, values));
    return await retrying(isRead(query.sql) ? () => withoutLoss(once) : once);
  }

  const alone = (way: Send) => clientOf((query, values) => runAlone(way, query, values));

  /** The two that work within the transaction of a connection. */
  function databasesOf(connection: PoolConnection) {
    const within = (way: Send) => clientOf((query, values) => way(connection, query, values));
    const made = transactional.get(connection) ?? [within(send), within(sendPrepared)];
    transactional.set(connection, made);
    return made;
  }

  async function attempt<T>(work: (db: Database, prepared: Database) => Promise<T>): Promise<T> {
    return await borrow(async (connection) => {
      await send(connection, { sql: 'BEGIN' });
      try {
        const result = await work(...databasesOf(connection));
        await send(connection, { sql: 'COMMIT' });
        return result;
      } catch (error) {
        if (!isFatal(error))
          await send(connection, { sql: 'ROLLBACK' }).catch(() => doubtful.add(connection));
        throw error;
      }
    });
  }

  return {
    db: alone(send),
    prepared: alone(sendPrepared),
    transaction: (work) => retrying(() => attempt(work)),
    query: async (sql) => {
      const [rows] = await runAlone(send, { sql });
      return rows as Record<string, unknown>[];
    },
    load: () => ({ busy, waiting }),
    close: promisify(pool.end.bind(pool)),
  };
}

/** Drizzle over what sends a statement: it asks nothing else of a client. */
function clientOf(query: (query: QueryOptions, values?: unknown[]) => Promise<[unknown]>): Database {
  return drizzle({ client: { query } as unknown as Pool });
}

/** As a text with its values in it, or prepared by the server (COM_STMT_EXECUTE). */
type Way = 'query' | 'execute';

/**
 * Sends a statement, and returns as a client of mysql2/promise does: that one makes a new
 * wrapper for every loan and notes the stack at every statement, which is more work than
 * most statements are. Times stay text, as Drizzle wants them, without a cast for each field.
 * The deadline is ours, because the driver's does not hold while a statement is prepared.
 */
function run(
  connection: PoolConnection,
  way: Way,
  { sql, rowsAsArray = false }: QueryOptions,
  values: unknown[] = [],
): Promise<[unknown]> {
  return new Promise((resolve, reject) => {
    const late = () => reject(Object.assign(new Error('no answer'), { code: 'STATEMENT_DEADLINE' }));
    const timer = setTimeout(late, statementDeadlineMs);
    connection[way]({ sql, rowsAsArray, values }, (error: Error | null, result: unknown) => {
      clearTimeout(timer);
      if (error === null) resolve([result]);
      else reject(error);
    });
  });
}

/** Takes a connection within the deadline; one that comes too late goes straight back. */
function acquire(pool: Pool): Promise<PoolConnection> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      reject(outage('ACQUIRE_DEADLINE'));
    }, acquireDeadlineMs);
    pool.getConnection((error, connection) => {
      clearTimeout(timer);
      if (error !== null) reject(error);
      else if (isLate) connection.release();
      else resolve(connection);
    });
  });
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
    // Where one connection was cut, others were: the pool needs a moment to learn of theirs.
    await pause(lossPauseMs);
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
      await pause(firstRetryMs * 2 ** retry * (0.5 + Math.random()));
    }
  }
}
