import type { ApiKey } from '../domain/api-key.ts';
import type { Clock } from '../domain/clock.ts';
import type { Tenant, TenantRepository } from '../domain/tenant.ts';
import { createDirectoryCache } from './directory-cache.ts';
import type { DirectoryChanges } from './directory-changes.ts';

export type TenantDirectory = {
  /** The active tenant of a live key. */
  findByKey(digest: Buffer): Promise<{ tenant: Tenant; key: ApiKey } | undefined>;
  /** Forgets what is known of a key, such as that there is none. */
  forgetKey(digest: Buffer): void;
  /** An active tenant. */
  findById(id: string): Promise<Tenant | undefined>;
  /** The same by its name in addresses. */
  findBySlug(slug: string): Promise<Tenant | undefined>;
  /** The browser origins of all active tenants. */
  listOrigins(): Promise<readonly string[]>;
};

/** Tenants and keys, kept until they change. */
export function createTenantDirectory(
  tenants: TenantRepository,
  changes: DirectoryChanges,
  clock: Clock,
): TenantDirectory {
  /** Includes suspended tenants, so that their resumption is noticed. */
  const cacheOf = (read: (name: string) => Promise<Tenant | undefined>) =>
    createDirectoryCache({ read, changes, clock, tenantOf: (tenant) => tenant?.id });
  const byId = cacheOf((id) => tenants.findById(id));
  const bySlug = cacheOf((slug) => tenants.findBySlug(slug));
  const byKey = createDirectoryCache({
    read: (digest) => tenants.findByKeyDigest(Buffer.from(digest, 'hex'), clock()),
    changes,
    clock,
    tenantOf: (found) => found?.tenant.id,
    endOf: (found) => found?.key.expiresAt,
  });
  const origins = createDirectoryCache({
    read: () => tenants.listOrigins(),
    changes,
    clock,
    // Those of all tenants: read again every few seconds.
    tenantOf: () => undefined,
    max: 1,
  });

  return {
    findByKey: (digest) => byKey.find(digest.toString('hex')),
    forgetKey: (digest) => byKey.forget(digest.toString('hex')),
    findById: async (id) => ifActive(await byId.find(id)),
    findBySlug: async (slug) => ifActive(await bySlug.find(slug)),
    listOrigins: () => origins.find('all'),
  };
}

const ifActive = (tenant: Tenant | undefined) => (tenant?.status === 'active' ? tenant : undefined);
