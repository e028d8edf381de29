import { DomainError, type Reason } from '../domain/errors.ts';
import { DuplicateError } from '../domain/ports.ts';

/**
 * What the driver reported, without its text: messages of MySQL quote values,
 * those of Drizzle the whole statement with all its parameters.
 */
export type DriverFault = { readonly code: string; readonly errno: number; readonly sqlState: string };

/** A statement failed for a reason that is a defect of ours: the log gets the code, nobody the text. */
export class StoreError extends Error {
  constructor(fault: DriverFault) {
    super(`database error ${fault.code} (${fault.errno}, SQLSTATE ${fault.sqlState})`);
    this.name = 'StoreError';
  }
}

/** Duplicate entry for a unique key. */
const duplicate = 1062;
/** Lock wait timeout, deadlock, and what Galera answers while it has no quorum (R63). */
const retryable = new Set([1205, 1213, 1047]);
/**
 * Too many connections, server shutdown, connection killed, read-only server or
 * transaction, disk full, unknown host and aborted connection.
 */
const unavailable = new Set([1021, 1040, 1053, 1114, 1152, 1203, 1226, 1290, 1792, 1836, 1927, 3024]);

function findFault(error: unknown): DriverFault | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    const { code, errno, sqlState } = current as Error & Partial<DriverFault>;
    if (typeof code === 'string') {
      return { code, errno: typeof errno === 'number' ? errno : 0, sqlState: sqlState ?? '' };
    }
  }
  return undefined;
}

/** Whether the whole transaction may simply be run again. */
export function isRetryable(error: unknown): boolean {
  const fault = findFault(error);
  return fault !== undefined && (retryable.has(fault.errno) || fault.sqlState === '40001');
}

/** Whether the connection is of no more use. */
export function isFatal(error: unknown): boolean {
  const fault = findFault(error);
  return fault !== undefined && fault.sqlState === '';
}

/** Turns whatever a statement threw into an error without SQL, parameters or values. */
export function translateDriverError(error: unknown): unknown {
  const fault = findFault(error);
  if (fault === undefined) {
    return error instanceof Error && error.message === 'Queue limit reached.'
      ? outage('POOL_QUEUE_FULL')
      : error;
  }
  if (fault.errno === duplicate) return new DuplicateError();
  // Without an SQLSTATE it was not the server that answered: refused, reset, timed out.
  if (isRetryable(error) || unavailable.has(fault.errno) || fault.sqlState === '') return outage(fault.code);
  return new StoreError(fault);
}

/** The database cannot be had at the moment. */
export function outage(code: string): DomainError {
  const reason: Reason = 'UNAVAILABLE';
  return new DomainError(reason, { retryAfterMs: 1000, cause: new Error(`database unavailable: ${code}`) });
}
