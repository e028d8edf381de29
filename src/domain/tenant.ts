import type { ApiKey, ApiKeyRow, NewApiKey } from './api-key.ts';
import type { AuthenticationMethod } from './authentication.ts';
import type { AuthenticatorKind } from './authenticator.ts';
import { dayMs } from './duration.ts';
import { DomainError } from './errors.ts';
import type { TenantPolicy } from './policy.ts';

/** The names of the secrets that a tenant may keep here. */
export const tenantSecretNames = ['google_client_secret'] as const;

export type Tenant = {
  readonly id: string;
  /** The short name by which operators call it. */
  readonly slug: string;
  /** The name that people see in messages. */
  readonly name: string;
  readonly status: 'active' | 'suspended';
  readonly policy: TenantPolicy;
  readonly createdAt: Date;
  /** Set for a tenant that someone made for themselves, until it has proved a sender: its messages reach its members alone. */
  readonly confined?: true;
  /** When its owner gave it up: it is suspended, and purged after a month. */
  readonly deletedAt?: Date;
};

/** Whether a tenant's users need a second factor, by whatever name. */
export function requiresSecondFactor({ requireSecondFactor, passkeys }: TenantPolicy): boolean {
  return requireSecondFactor || passkeys.mode === 'required';
}

/** Whether a sign-in came from a provider that the tenant trusts with the second factor: no factor of ours is among its methods. */
export function isTrustedWithFactor(amr: readonly AuthenticationMethod[]): boolean {
  return amr.length === 2 && amr.includes('fed') && amr.includes('mfa');
}

/** Whether a user lacks an authenticator that the tenant demands: their sessions are valid for enrolling one alone. */
export function lacksRequired(
  { requireSecondFactor, passkeys }: TenantPolicy,
  kinds: readonly AuthenticatorKind[],
  amr: readonly AuthenticationMethod[] = [],
): boolean {
  const lacksPasskey = passkeys.mode === 'required' && !kinds.includes('passkey');
  return lacksPasskey || (requireSecondFactor && kinds.length === 0 && !isTrustedWithFactor(amr));
}

/** Throws SIGN_IN_METHOD_DISABLED where a tenant's users have no passwords. */
export function assertPasswords({ passkeys }: TenantPolicy): void {
  if (passkeys.mode !== 'off' && passkeys.passwordless === 'tenant')
    throw new DomainError('SIGN_IN_METHOD_DISABLED');
}

/** When everything of a tenant that was given up is deleted. */
export function purgeTimeOf(deletedAt: Date): Date {
  return new Date(deletedAt.getTime() + 30 * dayMs);
}

/** The tenant of the users of Manam itself. */
export const manamSlug = 'manam';

/** The permissions that the tenant's policy gives these roles. */
export function permissionsOf(policy: TenantPolicy, roles: readonly string[]): string[] {
  return [...new Set(roles.flatMap((role) => policy.roles[role] ?? []))];
}

export type TenantRepository = {
  findById(id: string): Promise<Tenant | undefined>;
  findBySlug(slug: string): Promise<Tenant | undefined>;
  findByKeyDigest(digest: Buffer, now: Date): Promise<{ tenant: Tenant; key: ApiKey } | undefined>;
  /** The tenants that have changed in the last seconds, themselves or their keys and applications; some more than once. */
  listChanged(windowS: number, limit: number): Promise<string[]>;
  /** The browser origins of all active tenants. */
  listOrigins(): Promise<string[]>;
  /** Tenants by slug, after the one with `afterSlug`. */
  list(afterSlug: string, limit: number): Promise<Tenant[]>;
  /** As `findById`, and no one else changes the tenant before this transaction ends. */
  findForUpdate(id: string): Promise<Tenant | undefined>;
  /** Throws DuplicateError where the slug is taken. */
  insert(tenant: Tenant): Promise<void>;
  update(
    tenantId: string,
    changes: Partial<Pick<Tenant, 'name' | 'status' | 'policy'>> & {
      readonly confined?: boolean;
      /** Undefined takes it back. */
      readonly deletedAt?: Date | undefined;
    },
  ): Promise<void>;
  /** Deletes up to that many rows of each table of a tenant; both counts are 0 when only the tenant itself is left. */
  purge(tenantId: string, limit: number): Promise<{ readonly users: number; readonly rows: number }>;
  /** Deletes a tenant that has been purged. */
  delete(tenantId: string): Promise<void>;
  /** Keeps a secret, sealed; an empty one is forgotten. */
  setSecret(tenantId: string, name: string, secret: string): Promise<void>;
  findSecret(tenantId: string, name: string): Promise<string | undefined>;
  insertKey(key: NewApiKey, now: Date): Promise<void>;
  /** All keys of a tenant, oldest first. */
  listKeys(tenantId: string): Promise<ApiKeyRow[]>;
  /** Those of the keys that are live, of active tenants. */
  listLiveKeys(keyIds: readonly string[], now: Date): Promise<Pick<ApiKeyRow, 'id' | 'scopes'>[]>;
  /** Sets the end of a key that has none yet; false where it has one, or there is no such key. */
  endKey(tenantId: string, keyId: string, at: Date): Promise<boolean>;
  /** Revokes a key, also one that would end later; false where there is no live one. */
  revokeKey(tenantId: string, keyId: string, now: Date): Promise<boolean>;
  revokeKeys(tenantId: string, now: Date): Promise<void>;
  /** Notes the last use of keys. */
  noteUses(uses: readonly { readonly keyId: string; readonly at: Date }[]): Promise<void>;
};
