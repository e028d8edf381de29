import { type DescMethod, getOption } from '@bufbuild/protobuf';
import type { ConnectError, ContextValues } from '@connectrpc/connect';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  LocalizedMessageSchema,
} from '../../gen/google/rpc/error_details_pb.js';
import { type RestMethod, rest_method } from '../../gen/manam/options/v1/rest_pb.js';
import { OAuthService } from '../../gen/manam/v1/oauth_service_pb.js';
import { bearerChallenge } from '../domain/application-token.ts';
import { DomainError, isPlausibleField, type Reason } from '../domain/errors.ts';
import { negotiateLocale } from '../domain/locale.ts';
import type { JsonObject } from '../rest/json.ts';
import type { FieldProblem, RestError, RestProblem } from '../rest/rest-error.ts';
import type { Dialect } from '../rest/transcoder.ts';
import { callerOf, requestOf } from '../rpc/context.ts';
import type { ErrorMapper } from './error-mapper.ts';
import { oauthAnswer, oauthFailure, oauthPath } from './oauth-dialect.ts';

const problemReasons: Record<RestProblem, Reason> = {
  'route-not-found': 'ROUTE_NOT_FOUND',
  'method-not-allowed': 'METHOD_NOT_ALLOWED',
  'media-type-unsupported': 'MEDIA_TYPE_UNSUPPORTED',
  'body-too-large': 'BODY_TOO_LARGE',
  'body-malformed': 'BODY_MALFORMED',
  'fields-invalid': 'REQUEST_INVALID',
};

const fieldReasons: Record<FieldProblem['problem'], Reason> = {
  unknown: 'FIELD_UNKNOWN',
  duplicate: 'FIELD_DUPLICATE',
  type: 'FIELD_TYPE',
};

/** Statuses of HTTP that no code of Connect has. */
const statuses: Partial<Record<string, number>> = {
  METHOD_NOT_ALLOWED: 405,
  MEDIA_TYPE_UNSUPPORTED: 415,
  BODY_TOO_LARGE: 413,
  TLS_REQUIRED: 426,
  HEADERS_TOO_LARGE: 431,
} satisfies Partial<Record<Reason, number>>;

/** A refusal of the transcoder in the words of this service. */
export function toDomainError(
  { problem, fields }: RestError,
  headers: Record<string, string> = {},
): DomainError {
  // Text that cannot be a field's name may be content of the request: it is not echoed.
  const violations = fields
    .filter(({ field }) => isPlausibleField(field))
    .map(({ field, problem: what }) => ({ field, reason: fieldReasons[what] }));
  return new DomainError(problemReasons[problem], { ...(violations.length > 0 && { violations }), headers });
}

/** A failure in the shape of the Manam page: the HTTP status and the body. */
export function toFailure(
  error: ConnectError,
  httpStatus: number,
  status: string,
  nameOf: (field: string) => string,
): { readonly status: number; readonly body: JsonObject } {
  const [info] = error.findDetails(ErrorInfoSchema);
  const [text] = error.findDetails(LocalizedMessageSchema);
  const [bad] = error.findDetails(BadRequestSchema);
  const message = text?.message ?? error.rawMessage;
  // A map, because the caller chooses the names of unknown fields.
  const errors = new Map<string, string[]>([['', [message]]]);
  for (const { field, localizedMessage, description } of bad?.fieldViolations ?? []) {
    const name = nameOf(field);
    errors.set(name, [...(errors.get(name) ?? []), localizedMessage?.message ?? description]);
  }
  const reason = info?.reason ?? 'INTERNAL';
  const requestId = info?.metadata['request_id'] ?? '';
  return {
    status: statuses[reason] ?? httpStatus,
    body: {
      status,
      message,
      location: '/',
      reason,
      request_id: requestId,
      errors: Object.fromEntries(errors),
    },
  };
}

const known = new WeakMap<DescMethod, RestMethod>();

/** The REST options of a method, kept because `getOption` builds a new message every time. */
function restMethodOf(method: DescMethod): RestMethod {
  const option = known.get(method) ?? getOption(method, rest_method);
  known.set(method, option);
  return option;
}

/** The shapes of the Manam page. */
export function createDialect(mapError: ErrorMapper): Dialect {
  return {
    success(method, message, values) {
      const { successMessage, successLocation, oauth } = restMethodOf(method);
      if (oauth) return oauthAnswer(message);
      const text = successMessage === undefined ? '' : successMessage[localeOf(values)];
      const location = message['location'] ?? successLocation;
      return {
        ...message,
        ...(text === '' ? {} : { message: text }),
        ...(location === '' ? {} : { location }),
        status: 'success',
      };
    },

    failure: (method, error, httpStatus, request, nameOf) =>
      (method === undefined ? oauthPath.test(request.url ?? '') : restMethodOf(method).oauth)
        ? oauthFailure(error, httpStatus)
        : toFailure(error, httpStatus, failureStatus(method), nameOf),

    // UserInfo alone is called with an access token, which says how to come.
    refusal: (error, method) =>
      toDomainError(
        error,
        method === OAuthService.method.getUserInfo ? bearerChallenge('invalid_request') : {},
      ),
    unrouted: (error, values, request) =>
      mapError(
        toDomainError(error),
        requestOf(values),
        negotiateLocale(request.headers['accept-language'] ?? null),
      ),
  };
}

/** The language of an answer: what the call asked for, else the tenant's. */
function localeOf(values: ContextValues) {
  const { locale, tenant } = callerOf({ values });
  return locale ?? tenant.policy.defaultLocale;
}

function failureStatus(method: DescMethod | undefined): string {
  const declared = method === undefined ? '' : restMethodOf(method).failureStatus;
  return declared === '' ? 'unsuccess' : declared;
}
