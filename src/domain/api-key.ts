import { sha256 } from './token.ts';

/** The purpose of a key, by the first letters of its text. */
type KeyUse = KeyKind | 'admin' | 'application';

const prefixes: Record<KeyUse, string> = {
  publishable: 'manam_pk_',
  secret: 'manam_sk_',
  admin: 'manam_ak_',
  application: 'manam_as_',
};
const tenantForm = /^manam_[ps]k_([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{6})$/;
const applicationForm = /^manam_as_([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{6})$/;
const adminForm = /^manam_ak_([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{6})$/;

function checksum(body: string): string {
  return sha256(body).toString('base64url').slice(0, 6);
}

/**
 * Formats a key: a prefix that people and secret scanners recognize, 256 random
 * bits, and a checksum, so that a mistyped key is rejected without a query
 * (R54).
 */
export function formatApiKey(kind: KeyUse, secret: Uint8Array): string {
  const body = prefixes[kind] + Buffer.from(secret).toString('base64url');
  return body + checksum(body);
}

function digestOf(form: RegExp, text: string): Buffer | undefined {
  if (!form.test(text)) return undefined;
  const body = text.slice(0, -6);
  return checksum(body) === text.slice(-6) ? sha256(text) : undefined;
}

/** The digest under which a tenant's key is stored, or undefined where the text cannot be one. */
export function digestApiKey(text: string): Buffer | undefined {
  return digestOf(tenantForm, text);
}

/** The digest under which an operator's key is stored, or undefined where the text cannot be one. */
export function digestAdminKey(text: string): Buffer | undefined {
  return digestOf(adminForm, text);
}

/** The digest under which a secret of an application is stored, or undefined where the text cannot be one. */
export function digestApplicationSecret(text: string): Buffer | undefined {
  return digestOf(applicationForm, text);
}

export type KeyKind = 'publishable' | 'secret';

/** The scopes of a secret key, for any user of its tenant and for the tenant itself. */
export const scopes = [
  'users.read',
  'users.write',
  'users.credentials',
  'events.read',
  'usage.read',
  'webhooks.write',
  'applications.write',
  'connections.write',
  'policy.read',
  'policy.write',
  'keys.write',
] as const;

export type Scope = (typeof scopes)[number];

/** Restrictions on the use of a key; an empty list restricts nothing. */
export type KeyLimits = {
  /** The origins of the pages that a publishable key is good in. */
  readonly origins: readonly string[];
  /** The application whose own origins count as well, and with which the key ends; empty: none. */
  readonly clientId: string;
  /** The networks that a secret key is good from, such as `192.0.2.0/24`. */
  readonly networks: readonly string[];
};

export const noLimits: KeyLimits = { origins: [], clientId: '', networks: [] };

export type ApiKey = {
  readonly id: string;
  readonly tenantId: string;
  readonly kind: KeyKind;
  readonly scopes: readonly Scope[];
  /** Absent: none. */
  readonly limits?: KeyLimits;
  /** Time of its end by itself; absent: none. */
  readonly expiresAt?: Date | undefined;
};

/** A key as it stands in its row. */
export type ApiKeyRow = ApiKey & {
  /** A name for people. */
  readonly name: string;
  readonly limits: KeyLimits;
  readonly createdAt: Date;
  /** Time of its end by itself; undefined: none. */
  readonly expiresAt: Date | undefined;
  /** Time of its last use, by the minute; undefined: it was never used. */
  readonly lastUsedAt: Date | undefined;
  /** Time of the revocation; a rotated key is valid until then. */
  readonly revokedAt: Date | undefined;
};

/** The columns of a new key. */
export type NewApiKey = Pick<ApiKeyRow, 'id' | 'tenantId' | 'kind' | 'scopes'> &
  Partial<Pick<ApiKeyRow, 'name' | 'limits' | 'expiresAt'>> & { readonly digest: Buffer };
