import { LRUCache } from 'lru-cache';
import type { ApiKey } from '../domain/api-key.ts';
import type { Clock } from '../domain/clock.ts';
import type { Tenant, TenantRepository } from '../domain/tenant.ts';

/** Time for which a suspended tenant or a revoked key may still be accepted. */
const lifetimeMs = 5000;
/** Number of cached keys; unknown ones count, so that random keys cause no storm of queries. */
const maxEntries = 10_000;

type Found<T> = { readonly value: T | undefined };

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

/** Tenants and keys, cached for seconds, each read once for any number of callers. */
export function createTenantDirectory(tenants: TenantRepository, clock: Clock): TenantDirectory {
  const cacheOf = <T>(max: number, read: (id: string) => Promise<T | undefined>) =>
    new LRUCache<string, Found<T>>({
      max,
      ttl: lifetimeMs,
      fetchMethod: async (id) => ({ value: await read(id) }),
    });

  const byKey = cacheOf(maxEntries, (digest) => tenants.findByKeyDigest(Buffer.from(digest, 'hex'), clock()));
  const byId = cacheOf(maxEntries, async (id) => {
    const tenant = await tenants.findById(id);
    return tenant?.status === 'active' ? tenant : undefined;
  });
  const bySlug = cacheOf(maxEntries, async (slug) => {
    const tenant = await tenants.findBySlug(slug);
    return tenant?.status === 'active' ? tenant : undefined;
  });
  const origins = cacheOf(1, () => tenants.listOrigins());

  return {
    findByKey: async (digest) => (await byKey.fetch(digest.toString('hex')))?.value,
    forgetKey: (digest) => void byKey.delete(digest.toString('hex')),
    findById: async (id) => (await byId.fetch(id))?.value,
    findBySlug: async (slug) => (await bySlug.fetch(slug))?.value,
    listOrigins: async () => (await origins.fetch('all'))?.value ?? [],
  };
}
