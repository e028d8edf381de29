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

/** The scopes of a secret key, for any user of its tenant. */
export const scopes = ['users.read', 'users.write', 'events.read', 'webhooks.write'] as const;

export type Scope = (typeof scopes)[number];

export type ApiKey = {
  readonly id: string;
  readonly tenantId: string;
  readonly kind: KeyKind;
  readonly scopes: readonly Scope[];
};

/** A key as it stands in its row. */
export type ApiKeyRow = ApiKey & {
  readonly createdAt: Date;
  /** Time of the revocation; a rotated key is valid until then. */
  readonly revokedAt: Date | undefined;
};
