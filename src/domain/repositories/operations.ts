import type { AuditEvent, AuditFilter, SealedKey, SigningKeyRow } from '../model.ts';
import type { AdminKey, ApiKey, ApiKeyRow, Tenant } from '../tenant.ts';

export type AuditRepository = {
  add(event: AuditEvent): Promise<void>;
  /** Takes out of a user's lines who he was and where he called from; answers how many. */
  anonymize(tenantId: string, userId: string): Promise<number>;
  /** The newest events first, at most that many. */
  list(filter: AuditFilter, limit: number): Promise<AuditEvent[]>;
};

export type TenantRepository = {
  findById(id: string): Promise<Tenant | undefined>;
  findBySlug(slug: string): Promise<Tenant | undefined>;
  findByKeyDigest(digest: Buffer, now: Date): Promise<{ tenant: Tenant; key: ApiKey } | undefined>;
  /** The browser origins of all active tenants. */
  listOrigins(): Promise<string[]>;
  /** Tenants by slug, after the one with `afterSlug`. */
  list(afterSlug: string, limit: number): Promise<Tenant[]>;
  /** As `findById`, and nobody else changes the tenant before this transaction ends. */
  hold(id: string): Promise<Tenant | undefined>;
  /** Throws DuplicateError where the slug is taken. */
  insert(tenant: Tenant): Promise<void>;
  update(tenantId: string, changes: Partial<Pick<Tenant, 'name' | 'status' | 'policy'>>): Promise<void>;
  /** Deletes up to that many rows of each table of a tenant; both counts are 0 when only the tenant itself is left. */
  purge(tenantId: string, limit: number): Promise<{ readonly users: number; readonly rows: number }>;
  /** Deletes a tenant that has been purged. */
  delete(tenantId: string): Promise<void>;
  /** Keeps a secret, sealed; an empty one is forgotten. */
  setSecret(tenantId: string, name: string, secret: string): Promise<void>;
  findSecret(tenantId: string, name: string): Promise<string | undefined>;
  insertKey(key: ApiKey & { readonly digest: Buffer }, now: Date): Promise<void>;
  /** All keys of a tenant, oldest first. */
  listKeys(tenantId: string): Promise<ApiKeyRow[]>;
  /** Sets the end of a key that has none yet; false where it has one, or there is no such key. */
  endKey(tenantId: string, keyId: string, at: Date): Promise<boolean>;
  /** Revokes a key, also one that would end later; false where there is no live one. */
  revokeKey(tenantId: string, keyId: string, now: Date): Promise<boolean>;
  revokeKeys(tenantId: string, now: Date): Promise<void>;
};

export type AdminKeyRepository = {
  findLive(digest: Buffer, now: Date): Promise<AdminKey | undefined>;
  /** All of them, oldest first. */
  list(): Promise<AdminKey[]>;
  insert(key: AdminKey & { readonly digest: Buffer }): Promise<void>;
  /** False where there is no such live key. */
  revoke(id: string, now: Date): Promise<boolean>;
};

export type KeyRepository = {
  listDataKeys(): Promise<SealedKey[]>;
  /** Puts a newly sealed value in the place of the old one; false where the old one is not there any more. */
  resealDataKey(id: string, from: Buffer, to: Buffer): Promise<boolean>;
  insertDataKey(key: SealedKey): Promise<void>;
  listSigningKeys(): Promise<SigningKeyRow[]>;
  insertSigningKey(key: SigningKeyRow): Promise<void>;
  deleteSigningKeys(ids: readonly string[]): Promise<void>;
};

export type LeaseRepository = {
  /** Takes or keeps a lease; false where another holder has it. */
  take(name: string, holder: string, now: Date, until: Date): Promise<boolean>;
};

/** What has had its time, by the table it stands in. */
export const retained = [
  'challenges',
  'sessions',
  'idempotency',
  'loginRequests',
  'budgets',
  'guesses',
  'oldGuesses',
  'smsBackoffs',
  'smsCounters',
  'audit',
  'outbox',
  'unproved',
] as const;

export type RetentionRepository = {
  /** Deletes rows of a tenant that ended before that time, at most that many; answers how many. */
  purge(what: (typeof retained)[number], tenantId: string, before: Date, limit: number): Promise<number>;
};
