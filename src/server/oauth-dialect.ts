import type { ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.js';
import type { Reason } from '../domain/errors.ts';
import { isObject } from '../domain/settings.ts';
import type { JsonObject } from '../rest/json.ts';

/** The path of an issuer's endpoint that applications call. */
export const oauthPath = /^\/t\/[a-z0-9-]{1,63}\/oauth\//;

/** The reasons whose name is not the error code of OAuth in capitals (RFC 6749, section 5.2; RFC 6750, section 3.1). */
const codes: Partial<Record<string, string>> = {
  REQUEST_INVALID: 'invalid_request',
  BODY_MALFORMED: 'invalid_request',
  BODY_TOO_LARGE: 'invalid_request',
  MEDIA_TYPE_UNSUPPORTED: 'invalid_request',
  METHOD_NOT_ALLOWED: 'invalid_request',
  ROUTE_NOT_FOUND: 'invalid_request',
  HEADER_DUPLICATE: 'invalid_request',
  HEADERS_TOO_LARGE: 'invalid_request',
  TLS_REQUIRED: 'invalid_request',
  TOKEN_MISSING: 'invalid_request',
  TOKEN_INVALID: 'invalid_token',
  SCOPE_REQUIRED: 'insufficient_scope',
  ORIGIN_DENIED: 'access_denied',
  UNAVAILABLE: 'temporarily_unavailable',
  DEADLINE_EXCEEDED: 'temporarily_unavailable',
  RATE_LIMITED: 'temporarily_unavailable',
  INTERNAL: 'server_error',
} satisfies Partial<Record<Reason, string>>;

/** Statuses that differ from those of Connect's codes. */
const statuses: Partial<Record<string, number>> = {
  access_denied: 400,
  invalid_request: 400,
} as const;

const byReason: Partial<Record<string, number>> = {
  // The call carries no token: a 401 without an error code would hide the reason (RFC 6750, section 3.1).
  TOKEN_MISSING: 401,
  ROUTE_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  TLS_REQUIRED: 426,
  HEADERS_TOO_LARGE: 431,
} satisfies Partial<Record<Reason, number>>;

/** The characters of `error_description` (RFC 6749, section 5.2). */
function printable(text: string): string {
  return text.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, "'").slice(0, 300);
}

/** The members of an answer that are set, with those of its claims beside them. */
export function oauthAnswer(message: JsonObject): JsonObject {
  const { claims, ...rest } = message;
  const members = Object.entries(rest).filter(([, value]) => value !== '' && value !== 0 && value !== null);
  return { ...Object.fromEntries(members), ...(isObject(claims) ? (claims as JsonObject) : {}) };
}

/** A failure as OAuth has it. The description is for developers: it is English, whatever a browser speaks. */
export function oauthFailure(
  error: ConnectError,
  httpStatus: number,
): { readonly status: number; readonly body: JsonObject } {
  const [info] = error.findDetails(ErrorInfoSchema);
  const [bad] = error.findDetails(BadRequestSchema);
  const reason = info?.reason ?? 'INTERNAL';
  const code = codes[reason] ?? reason.toLowerCase();
  const fields = (bad?.fieldViolations ?? []).map(({ field, description }) => `${field}: ${description}`);
  const detail = info?.metadata['detail'] ?? (fields.length > 0 ? fields.join('; ') : error.rawMessage);
  const status = byReason[reason] ?? statuses[code] ?? httpStatus;
  return { status, body: { error: code, error_description: printable(detail) } };
}
