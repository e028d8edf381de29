/**
 * Every reason for which a flow can fail, named as in `error_reason.proto`, which
 * holds the code and the text of each; a test compares the two lists.
 */
export const reasons = [
  'INTERNAL',
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'NOT_IMPLEMENTED',
  'RATE_LIMITED',
  'REQUEST_INVALID',
  'ROUTE_NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'MEDIA_TYPE_UNSUPPORTED',
  'BODY_TOO_LARGE',
  'BODY_MALFORMED',
  'KEY_MISSING',
  'KEY_INVALID',
  'KEY_CONFLICT',
  'SECRET_KEY_REQUIRED',
  'SCOPE_REQUIRED',
  'ORIGIN_DENIED',
  'TOKEN_MISSING',
  'TOKEN_INVALID',
  'TWO_FACTOR_ENROLMENT_REQUIRED',
  'REAUTHENTICATION_REQUIRED',
  'STEP_MISSING',
  'CREDENTIALS_INVALID',
  'CONFIRMATION_INVALID',
  'RECOVERY_INVALID',
  'CODE_INVALID',
  'IDENTIFIER_TAKEN',
  'NOT_FOUND',
  'ROLE_DENIED',
  'IDEMPOTENCY_KEY_REUSED',
  'CONFLICT',
  'FIELD_UNKNOWN',
  'FIELD_DUPLICATE',
  'FIELD_TYPE',
  'FIELD_REQUIRED',
  'FIELD_TOO_LONG',
  'FIELD_INVALID',
  'EMAIL_INVALID',
  'MOBILE_INVALID',
  'COUNTRY_DENIED',
  'NAME_INVALID',
  'DATE_INVALID',
  'URL_NOT_REGISTERED',
  'SENDER_NOT_REGISTERED',
  'ROLE_UNKNOWN',
  'CUSTOM_FIELDS_INVALID',
  'PASSWORD_TOO_SHORT',
  'PASSWORD_TOO_LONG',
  'PASSWORD_COMMON',
  'PASSWORD_MISMATCH',
  'EMAIL_NOT_OWN',
  'ADMIN_KEY_INVALID',
  'SLUG_TAKEN',
  'SLUG_INVALID',
  'TENANT_ACTIVE',
  'TENANT_BUILT_IN',
  'KEY_ROTATED',
  'NEXT_MASTER_KEY_MISSING',
  'LEAD_TIME_INVALID',
  'MESSAGE_ENDED',
  'LOGIN_STATE_INVALID',
  'PROVIDER_DISABLED',
  'PROVIDER_TOKEN_INVALID',
  'PROVIDER_DENIED',
  'LOCAL_LOGIN_REQUIRED',
  'SECRET_KEY_EXPOSED',
  'CODE_CHALLENGE_INVALID',
  'IDENTITY_TAKEN',
  'LAST_SIGN_IN',
  'REGISTRATION_REQUIRED',
  'CHANNEL_UNAVAILABLE',
  'HEADER_DUPLICATE',
  'TLS_REQUIRED',
  'HEADERS_TOO_LARGE',
  'LAST_IDENTIFIER',
  'MIGRATION_NEEDS_STOP',
  'DPOP_PROOF_INVALID',
  'PROOF_OF_WORK_REQUIRED',
  'SIGN_IN_METHOD_DISABLED',
  'SIGN_IN_METHOD_UNFIT',
  'ACCOUNT_FROZEN',
  'PASSKEY_INVALID',
  'PASSKEY_TAKEN',
  'PASSKEY_LIMIT',
  'FACTOR_RESET_WAITING',
  'CURSOR_INVALID',
  'CURSOR_EXPIRED',
  'STREAM_LIMIT',
  'WEBHOOK_LIMIT',
  'LOG_DAMAGED',
  'PROVIDER_ADDRESS_DENIED',
  'PROVIDER_ADDRESS_UNPROVED',
  'CONNECTION_LIMIT',
  'INVALID_CLIENT',
  'INVALID_GRANT',
  'UNAUTHORIZED_CLIENT',
  'UNSUPPORTED_GRANT_TYPE',
  'UNSUPPORTED_RESPONSE_TYPE',
  'INVALID_SCOPE',
  'INVALID_TARGET',
  'UNSUPPORTED_TOKEN_TYPE',
  'AUTHORIZATION_PENDING',
  'SLOW_DOWN',
  'EXPIRED_TOKEN',
  'ACCESS_DENIED',
  'AUTHORIZATION_INVALID',
  'APPLICATION_LIMIT',
  'MEMBER_ROLE_REQUIRED',
  'MEMBER_FACTOR_REQUIRED',
  'GRANT_EXCEEDED',
  'MEMBER_LIMIT',
  'MEMBER_EXISTS',
  'LAST_OWNER',
  'INVITATION_INVALID',
  'POLICY_FIELD_DENIED',
  'NETWORK_DENIED',
  'KEY_LIMIT',
  'DOMAIN_UNPROVED',
  'DOMAIN_LIMIT',
  'TENANT_LIMIT',
  'TENANT_SIGN_UP_DENIED',
  'IMPERSONATION_DENIED',
  'JOB_LIMIT',
  'UNDO_WAITING',
] as const;

/** A stable reason; texts may change, reasons may not. */
export type Reason = (typeof reasons)[number];

/** A violation of one field of a request. */
export type Violation = {
  /** The field's name in the contract, with dots into nested messages. */
  readonly field: string;
  readonly reason: Reason;
  /** The violation in English, where the reason alone does not say it. */
  readonly description?: string;
  /** The same in every language. */
  readonly texts?: { readonly en: string; readonly fa: string };
};

type Details = {
  /** The fields at fault, with REQUEST_INVALID. */
  readonly violations?: readonly Violation[];
  /** Delay before a retry, in milliseconds. */
  readonly retryAfterMs?: number;
  /** The RPC that has to come first, with STEP_MISSING and REAUTHENTICATION_REQUIRED. */
  readonly missingStep?: string;
  /** A reason whose text comes first, because the caller more probably forgot that. */
  readonly hint?: Reason;
  /** Values for the placeholders of the reason's text. Never secret. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Headers of the response that say what the caller needs next. Never secret. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The error behind this one: for the log, never for the caller. */
  readonly cause?: unknown;
};

/** A failure that a flow decided on. Only the error mapper turns it into a response. */
export class DomainError extends Error {
  readonly reason: Reason;
  readonly details: Details;

  constructor(reason: Reason, details: Details = {}) {
    super(reason, { cause: details.cause });
    this.name = 'DomainError';
    this.reason = reason;
    this.details = details;
  }
}

/** A request with the given fields at fault. */
export function invalid(...violations: Violation[]): DomainError {
  return new DomainError('REQUEST_INVALID', { violations });
}

/**
 * Whether a name that a caller sent may be repeated in an error: a field's could look so, while
 * anything else may be content of the request, such as a password (R73).
 */
export function isPlausibleField(name: string): boolean {
  return /^[A-Za-z0-9_.-]{1,64}$/.test(name);
}

/** Collects the violations of a request, so that one error reports all of them. */
export function createViolations() {
  const found: Violation[] = [];
  return {
    /** Notes that a field is wrong. */
    add(field: string, reason: Reason): void {
      found.push({ field, reason });
    },
    /** Runs a check that throws `invalid(…)`; notes what it found and returns undefined. */
    collect<T>(check: () => T): T | undefined {
      try {
        return check();
      } catch (error) {
        if (!(error instanceof DomainError) || error.details.violations === undefined) throw error;
        found.push(...error.details.violations);
        return undefined;
      }
    },
    /** Refuses the request if anything was noted. */
    throwIfAny(): void {
      if (found.length > 0) throw invalid(...found);
    },
  };
}
