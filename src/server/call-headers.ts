import { DomainError, invalid, type Reason } from '../domain/errors.ts';
import type { IdempotencyKey } from '../domain/idempotency.ts';

// Parsers of the request headers.

/** The tenant key, under either of its names; two different ones are a mistake, not a choice. */
export function readKey(header: Headers): string | undefined {
  const [first, second] = [header.get('apieco_key'), header.get('x-api-key')];
  if (first !== null && second !== null && first !== second) throw new DomainError('KEY_CONFLICT');
  return first ?? second ?? undefined;
}

type Scheme = 'bearer' | 'dpop';

/** A token with the scheme that it was presented by. */
export type Credentials = { readonly scheme: Scheme; readonly token: string };

/** The token of `authorization` (RFC 6750, section 2.1; RFC 9449, section 7.1); the scheme's case does not count. */
export function readCredentials(
  header: Headers,
  schemes: readonly Scheme[],
  refusal: Extract<Reason, 'TOKEN_INVALID' | 'ADMIN_KEY_INVALID'> = 'TOKEN_INVALID',
): Credentials | undefined {
  const value = header.get('authorization');
  if (value === null) return undefined;
  // All our tokens are Base64url without padding: with one it would have several spellings.
  const [, name = '', token = ''] = /^(\w+) +([\w.-]+)$/.exec(value) ?? [];
  const scheme = schemes.find((each) => each === name.toLowerCase());
  if (scheme === undefined) throw new DomainError(refusal);
  return { scheme, token };
}

/** Whether the proof of a sign-in binds access tokens as well; a client may bind its refresh token alone. */
export function bindsAccess(header: Headers): boolean {
  const wanted = header.get('dpop-bind');
  if (wanted !== null && wanted !== 'refresh_token')
    throw invalid({ field: 'dpop-bind', reason: 'FIELD_INVALID' });
  return wanted === null;
}

/** The idempotency key of a call of a method (R68). */
export function readIdempotencyKey(header: Headers, method: string): IdempotencyKey | undefined {
  const key = header.get('idempotency-key');
  if (key === null) return undefined;
  if (!/^[\x21-\x7e]{1,128}$/.test(key)) throw invalid({ field: 'idempotency-key', reason: 'FIELD_INVALID' });
  return { key, method };
}
