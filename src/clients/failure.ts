import { durationMs } from '@bufbuild/protobuf/wkt';
import { ConnectError } from '@connectrpc/connect';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  LocalizedMessageSchema,
  RetryInfoSchema,
} from '../../gen/google/rpc/error_details_pb.js';
import type { ErrorReason } from '../../gen/manam/v1/error_reason_pb.js';

/** A reason of the contract, such as `CREDENTIALS_INVALID`; see docs/api/errors.md. */
export type Reason = Exclude<keyof typeof ErrorReason, 'UNSPECIFIED'>;

/** A failed call in plain values. */
export type Failure = {
  /** Stable, for programs. Undefined where the failure is none of the service's: a lost connection, a time-out. */
  readonly reason: Reason | undefined;
  /** The message for a person, in the requested language. */
  readonly message: string;
  /** Violations by the field's name in the contract. */
  readonly fields: Readonly<
    Record<
      string,
      {
        readonly reason: string;
        /** What is wrong, for a person, in the requested language. */
        readonly message: string;
        /** The rule that the value breaks, in English, for developers; absent: the message says it. */
        readonly rule?: string;
      }
    >
  >;
  /** Wait before a retry, in milliseconds; undefined: a retry does not help, or the wait is unknown. */
  readonly retryAfterMs: number | undefined;
  /** The id under which operators find the call. */
  readonly requestId: string | undefined;
};

/** Reads what any client of this service throws. */
export function readFailure(thrown: unknown): Failure {
  const error = ConnectError.from(thrown);
  const [info] = error.findDetails(ErrorInfoSchema);
  const [text] = error.findDetails(LocalizedMessageSchema);
  const [bad] = error.findDetails(BadRequestSchema);
  const [retry] = error.findDetails(RetryInfoSchema);
  const fields = (bad?.fieldViolations ?? []).map(
    ({ field, reason, description, localizedMessage }) =>
      [field, violationOf(reason, description, localizedMessage?.message)] as const,
  );
  return {
    reason: info?.domain === 'manam' ? (info.reason as Reason) : undefined,
    message: text?.message ?? error.rawMessage,
    fields: Object.fromEntries(fields),
    retryAfterMs: retry?.retryDelay ? durationMs(retry.retryDelay) : headerMs(error.metadata),
    requestId: info?.metadata['request_id'],
  };
}

/** The `Retry-After` header of a proxy, seconds or a date, in milliseconds (RFC 9110, section 10.2.3). */
function headerMs(metadata: Headers): number | undefined {
  const text = metadata.get('retry-after')?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

function violationOf(reason: string, description: string, message = description): Failure['fields'][string] {
  return { reason, message, ...(message !== description && description !== '' && { rule: description }) };
}
