import { Code, ConnectError } from '@connectrpc/connect';
import { CommanderError } from 'commander';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
} from '../../gen/google/rpc/error_details_pb.js';
import { ConfigError } from '../config/config.ts';
import { DomainError } from '../domain/errors.ts';

/** The exit codes of commands; docs/operators.md lists them. */
export const exitCodes = {
  done: 0,
  failed: 1,
  /** Wrong words, a wrong configuration, or input that is not valid. */
  usage: 2,
  notFound: 3,
  /** The state of things forbids it, the key is refused, or no one said yes. */
  refused: 4,
  unreachable: 5,
  /** The doctor found an error. */
  unhealthy: 6,
  /** A restored backup lost events that a kept head covers. */
  lost: 7,
} as const;

/** A command ends without having done what it was asked for, and says why. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}

const codes: Partial<Record<Code, number>> = {
  [Code.InvalidArgument]: exitCodes.usage,
  [Code.NotFound]: exitCodes.notFound,
  [Code.AlreadyExists]: exitCodes.refused,
  [Code.FailedPrecondition]: exitCodes.refused,
  [Code.Aborted]: exitCodes.refused,
  [Code.Unauthenticated]: exitCodes.refused,
  [Code.PermissionDenied]: exitCodes.refused,
  [Code.Unavailable]: exitCodes.unreachable,
  [Code.DeadlineExceeded]: exitCodes.unreachable,
};

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.exitCode;
  if (error instanceof ConfigError) return exitCodes.usage;
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  if (error instanceof ConnectError) return codes[error.code] ?? exitCodes.failed;
  if (isOutage(error)) return exitCodes.unreachable;
  if (needsStop(error)) return exitCodes.refused;
  return exitCodes.failed;
}

/** Whether the database could not be had before there was anyone to ask. */
function isOutage(error: unknown): error is DomainError {
  return error instanceof DomainError && error.reason === 'UNAVAILABLE';
}

/** Whether a start found a migration that cannot run beside an older version. */
function needsStop(error: unknown): error is DomainError {
  return error instanceof DomainError && error.reason === 'MIGRATION_NEEDS_STOP';
}

/** A failure in words, a line each. */
export function linesOf(error: unknown): string[] {
  if (error instanceof ConfigError) return error.message.split('\n');
  if (isOutage(error)) return [`${(error.details.cause as Error).message}: check DATABASE_URL`];
  if (needsStop(error))
    return [
      `migration ${error.details.metadata?.['migration']} needs every running instance of the version before it stopped`,
      'stop them, then run: manam migrate up --stopped',
    ];
  if (!(error instanceof ConnectError)) return [error instanceof Error ? error.message : String(error)];
  const [bad] = error.findDetails(BadRequestSchema);
  const [precondition] = error.findDetails(PreconditionFailureSchema);
  const fields = bad?.fieldViolations.map(({ field, description }) => `${field}: ${description}`) ?? [];
  const steps = precondition?.violations.map(({ description }) => description) ?? [];
  // Without details the error comes from the transport: the service did not respond.
  const hasAnswer = error.findDetails(ErrorInfoSchema).length > 0;
  const place =
    'is the service there? --url or MANAM_URL names it, for commands of operators MANAM_ADMIN_URL';
  const hints = error.code === Code.Unavailable && !hasAnswer ? [place] : [];
  return fields.length > 0 ? fields : [error.rawMessage, ...steps, ...hints];
}
