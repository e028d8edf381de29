import * as openid from 'openid-client';
import { DomainError } from '../../domain/errors.ts';
import { OutgoingError } from '../../domain/outgoing.ts';

/** The provider does not answer, or not as it should. */
export function outage(cause: unknown): DomainError {
  return new DomainError('UNAVAILABLE', { retryAfterMs: 5000, cause: withoutSecrets(cause) });
}

/** An error without what came with it: responses and requests hold secrets, codes and tokens. */
function withoutSecrets(error: unknown): Error {
  if (error instanceof OutgoingError) return error;
  const { code, error: reason, status } = (error ?? {}) as Readonly<Record<string, unknown>>;
  const inner =
    error instanceof Error && error.cause instanceof OutgoingError ? error.cause.fault : undefined;
  const facts = [inner, status, reason, code].filter(
    (fact) => typeof fact === 'string' || typeof fact === 'number',
  );
  return new Error(`the identity provider did not answer as it should: ${facts.join(' ') || 'no answer'}`);
}

/** Errors of the token endpoint that say that the connection is wrong, and not what the browser brought (RFC 6749, section 5.2). */
const faultsOfClient: readonly string[] = [
  'invalid_client',
  'unauthorized_client',
  'unsupported_grant_type',
  'incorrect_client_credentials',
  'redirect_uri_mismatch',
];

/** Codes of the library for an answer that was read and is not valid: wrong claims, or no token. */
const refusals: readonly unknown[] = [
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
  'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED',
  'OAUTH_UNSUPPORTED_OPERATION',
];

/** The error of an exchange in the words of this service. */
export function exchangeFailure(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  if (error instanceof openid.ResponseBodyError) {
    const isOfBrowser = [400, 403].includes(error.status) && !faultsOfClient.includes(error.error);
    return isOfBrowser ? new DomainError('PROVIDER_TOKEN_INVALID') : outage(error);
  }
  if (error instanceof openid.AuthorizationResponseError) return new DomainError('PROVIDER_DENIED');
  if (!(error instanceof openid.ClientError)) return outage(error);
  // Not every provider has the errors of RFC 6749, but a bad request is one.
  const isBadRequest = error.cause instanceof Response && error.cause.status === 400;
  return isBadRequest || refusals.includes(error.code)
    ? new DomainError('PROVIDER_TOKEN_INVALID')
    : outage(error);
}
