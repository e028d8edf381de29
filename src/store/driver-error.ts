import { DrizzleQueryError } from 'drizzle-orm';
import { DomainError, type Reason } from '../domain/errors.ts';
import { DuplicateError } from '../domain/repositories.ts';

/**
 * The driver's error without its text: messages of MySQL quote values,
 * those of Drizzle the whole statement with all its parameters.
 */
export type DriverFault = { readonly code: string; readonly errno: number; readonly sqlState: string };

/** A statement failed for a reason that is a defect of this service: the log gets the code, no one the text. */
export class StoreError extends Error {
  constructor(fault: DriverFault) {
    super(`database error ${fault.code} (${fault.errno}, SQLSTATE ${fault.sqlState})`);
    this.name = 'StoreError';
  }
}

/** Duplicate entry for a unique key. */
const duplicate = 1062;
/** The row that another one belongs to is not there. */
const orphaned = 1452;
/**
 * Lock wait timeout, deadlock (also a failed certification in Galera), a Galera node without a
 * quorum, and a failed certification in Group Replication (R63).
 */
const retryable = new Set([1205, 1213, 1047, 3101]);
/**
 * Too many connections, server shutdown, connection killed, read-only server or
 * transaction, disk full, unknown host and aborted connection.
 */
const unavailable = new Set([1021, 1040, 1053, 1114, 1152, 1203, 1226, 1290, 1792, 1836, 1927, 3024]);
/**
 * MySQL alone: a failed commit, offline mode, a member of Group Replication that left or waits for the
 * group (at BEGIN, at COMMIT, after a fail-over), and an idle time-out.
 */
const unavailableMysql = new Set([1180, 3032, 3100, 3781, 3782, 3783, 3797, 3798, 4031]);

/** The reasons why a server admits no connection, in words for the operator. */
const notAdmitted: Readonly<Record<string, string>> = {
  ER_ACCESS_DENIED_ERROR: 'it rejects the user or the password',
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: 'it rejects the user or the password',
  ER_DBACCESS_DENIED_ERROR: 'the user may not use the database',
  ER_BAD_DB_ERROR: 'the database does not exist',
  ER_SECURE_TRANSPORT_REQUIRED: 'it admits TLS only (ssl-mode)',
  HANDSHAKE_NO_SSL_SUPPORT: 'it has no TLS (ssl-mode)',
  // The driver hides which: an unknown CA, or a certificate of another host.
  HANDSHAKE_SSL_ERROR: 'its certificate is not trusted (ssl-ca), or is that of another host',
};

/** The alerts of TLS by which a server refuses the certificate of its client (RFC 8446, section 6.2). */
const certificateRefused = /^ERR_SSL_\w+_ALERT_(?:UNKNOWN_CA|\w*CERTIFICATE\w*)$/;

/** Why a server admits no connection; undefined: the error says something else. */
function refusalOf(code: string): string | undefined {
  return certificateRefused.test(code)
    ? 'it rejects the certificate of the client (ssl-cert)'
    : notAdmitted[code];
}

/** The cause of Drizzle's error, whose text is the statement with all its parameters. */
export function unwrap(error: unknown): unknown {
  return error instanceof DrizzleQueryError ? error.cause : error;
}

function faultOf(error: unknown): DriverFault | undefined {
  const { code, errno, sqlState, fatal } = (unwrap(error) ?? {}) as Partial<DriverFault> & {
    fatal?: boolean;
  };
  // mysql2 knows no names for errors that MariaDB alone has, and none for a connection that was closed before.
  const name = code ?? (errno === undefined ? undefined : String(errno));
  if (typeof name === 'string') return { code: name, errno: errno ?? 0, sqlState: sqlState ?? '' };
  return fatal === true ? { code: 'PROTOCOL_CONNECTION_LOST', errno: 0, sqlState: '' } : undefined;
}

/** Whether the whole transaction may simply be run again. */
export function isRetryable(error: unknown): boolean {
  const fault = faultOf(error);
  return fault !== undefined && (retryable.has(fault.errno) || fault.sqlState === '40001');
}

/** Whether the connection is of no more use. */
export function isFatal(error: unknown): boolean {
  const fault = faultOf(error);
  return fault !== undefined && (fault.sqlState === '' || isConnectionLost(error));
}

/** Connection killed, server gone or shutting down: told by the server, or by the wire. */
const lostCodes = new Set(['PROTOCOL_CONNECTION_LOST', 'ECONNRESET', 'EPIPE']);
/** Server shutdown, connection killed (MariaDB), and idle time-out (MySQL). */
const lostNumbers = new Set([1053, 1927, 4031]);

/** Whether the connection ended under a statement. Whether the statement ran no one knows. */
export function isConnectionLost(error: unknown): boolean {
  const fault = faultOf(error);
  return fault !== undefined && (lostCodes.has(fault.code) || lostNumbers.has(fault.errno));
}

/**
 * Too many prepared statements on the server, a statement it does not know (any more) or
 * cannot prepare, as behind some proxies, one that it would have to prepare anew, and values of
 * another type than it expects, as the driver sends them where a proxy tells it no types.
 */
const preparedRefused = new Set([1461, 1243, 1295, 1615, 1210]);

/** Whether a statement did not run because it was to be a prepared one. */
export function isPreparedRefused(error: unknown): boolean {
  const fault = faultOf(error);
  return fault !== undefined && preparedRefused.has(fault.errno);
}

/** The text of mysql2's error, which has no code, where too many wait for a connection. */
const queueFull = 'Queue limit reached.';

/** Turns whatever a statement threw into an error without SQL, parameters or values. */
export function translateDriverError(error: unknown): unknown {
  const fault = faultOf(error);
  if (fault === undefined) {
    const known = unwrap(error);
    return known instanceof Error && known.message === queueFull ? outage('POOL_QUEUE_FULL') : known;
  }
  if (fault.errno === duplicate) return new DuplicateError();
  // The owner of the row was erased during the call.
  if (fault.errno === orphaned) return new DomainError('NOT_FOUND', { cause: new StoreError(fault) });
  const refusal = refusalOf(fault.code);
  if (refusal !== undefined) return outage(refusal);
  // Without an SQLSTATE the error is that of the connection: refused, reset, timed out.
  if (
    isRetryable(error) ||
    unavailable.has(fault.errno) ||
    unavailableMysql.has(fault.errno) ||
    fault.sqlState === ''
  )
    return outage(fault.code);
  return new StoreError(fault);
}

/** The database cannot be had at the moment. */
export function outage(code: string): DomainError {
  const reason: Reason = 'UNAVAILABLE';
  return new DomainError(reason, { retryAfterMs: 1000, cause: new Error(`database unavailable: ${code}`) });
}
