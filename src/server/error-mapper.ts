import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Logger } from 'pino';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  LocalizedMessageSchema,
  PreconditionFailureSchema,
  RetryInfoSchema,
} from '../../gen/google/rpc/error_details_pb.js';
import { proofAlgorithms } from '../domain/dpop.ts';
import { DomainError, type Reason, type Violation } from '../domain/errors.ts';
import type { Locale } from '../domain/locale.ts';
import type { RequestInfo } from '../rpc/context.ts';
import { codeOf, textOf } from './error-reasons.ts';

/** The `domain` of every ErrorInfo. */
export const errorDomain = 'manam';
const challenge = 'Bearer realm="manam"';
const dpopChallenge = `DPoP realm="manam", algs="${proofAlgorithms.join(' ')}"`;
/** The language of an error to a caller that asked for none of this service. */
const fallbackLocale: Locale = 'en';

/** Maps any failure of a call to the error on the wire. */
export type ErrorMapper = (error: unknown, request: RequestInfo, locale?: Locale) => ConnectError;

/**
 * The one mapError that errors leave by. What a flow decided on becomes its code and its
 * google.rpc details; anything else is logged in full and answered as an internal
 * error with the request id (AIP-193).
 */
export function createErrorMapper(log: Logger): ErrorMapper {
  return (error, request, locale = fallbackLocale) => {
    const known = toDomainError(error);
    if (known.reason === 'INTERNAL') {
      log.error({ requestId: request.requestId, procedure: request.procedure, err: error }, 'internal error');
    } else if (known.details.cause !== undefined) {
      log.warn(
        { requestId: request.requestId, reason: known.reason, err: known.details.cause },
        'call refused',
      );
    }
    request.reason = known.reason;
    return toConnectError(known, request.requestId, locale);
  };
}

/** The domain error of a failure; INTERNAL where it has none. */
function toDomainError(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  // Only the signal of the call throws these: our own code does not.
  if (error instanceof ConnectError && error.code === Code.DeadlineExceeded)
    return new DomainError('DEADLINE_EXCEEDED');
  if (error instanceof ConnectError && error.code === Code.Canceled)
    return new DomainError('DEADLINE_EXCEEDED');
  return new DomainError('INTERNAL', { cause: error });
}

function toConnectError({ reason, details }: DomainError, requestId: string, locale: Locale): ConnectError {
  const metadata = { ...details.metadata };
  const { hint } = details;
  const textIn = (language: Locale) =>
    (hint === undefined ? '' : `${textOf(hint, language)} `) + textOf(reason, language, metadata);
  const error = new ConnectError(textIn('en'), codeOf(reason));
  error.details.push(
    {
      desc: ErrorInfoSchema,
      value: { reason, domain: errorDomain, metadata: { ...metadata, request_id: requestId } },
    },
    { desc: LocalizedMessageSchema, value: { locale, message: textIn(locale) } },
  );
  // RFC 9110, section 15.5.2, and RFC 6750, section 3: every 401 says how to authenticate.
  if (error.code === Code.Unauthenticated) error.metadata.set('www-authenticate', challengeOf(reason));
  for (const [name, value] of Object.entries(details.headers ?? {})) error.metadata.set(name, value);
  if (details.violations !== undefined) {
    const fieldViolations = details.violations.map((violation) => fieldViolation(violation, locale));
    error.details.push({ desc: BadRequestSchema, value: { fieldViolations } });
  }
  if (details.missingStep !== undefined) {
    const violation = {
      type: 'STEP',
      subject: details.missingStep,
      description: `call ${details.missingStep} first`,
    };
    error.details.push({ desc: PreconditionFailureSchema, value: { violations: [violation] } });
  }
  if (details.retryAfterMs !== undefined) {
    error.details.push({
      desc: RetryInfoSchema,
      value: { retryDelay: durationFromMs(details.retryAfterMs) },
    });
    error.metadata.set('retry-after', String(Math.max(1, Math.ceil(details.retryAfterMs / 1000))));
  }
  return error;
}

/** The challenge of a 401, with the error of its scheme where there is one. */
function challengeOf(reason: Reason): string {
  if (reason === 'DPOP_PROOF_INVALID') return `${dpopChallenge}, error="invalid_dpop_proof"`;
  return reason === 'TOKEN_INVALID' ? `${challenge}, error="invalid_token"` : challenge;
}

function fieldViolation(violation: Violation, locale: Locale) {
  const { field, reason, texts } = violation;
  const description = violation.description ?? texts?.en ?? textOf(reason, 'en');
  const message = locale === 'en' ? description : (texts?.[locale] ?? textOf(reason, locale));
  return { field, reason, description, localizedMessage: { locale, message } };
}
