import { digestApiKey, formatApiKey } from '../domain/api-key.ts';
import type { Clock, Random, Vault } from '../domain/ports.ts';
import { DuplicateError, type Store } from '../domain/repositories.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { TenantDirectory } from './tenant-directory.ts';

export type HostedTenantDeps = {
  readonly store: Store<'tenants'>;
  readonly directory: TenantDirectory;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** How often such a key may have been revoked. */
const maxGenerations = 100;

/** A tenant with the publishable key that its hosted pages call with. */
export type HostedTenant = { readonly tenant: Tenant; readonly key: string };

/** Finds the active tenant of a name, for its hosted pages. */
export type HostedTenants = (slug: string) => Promise<HostedTenant | undefined>;

/**
 * The key of a tenant's hosted pages follows from the data key, so that every instance
 * knows the same one, and where it was revoked the next one takes its place.
 */
export function createHostedTenants({
  store,
  directory,
  vault,
  clock,
  random,
}: HostedTenantDeps): HostedTenants {
  return async (slug) => {
    const tenant = await store.tenants.findBySlug(slug);
    if (tenant === undefined || tenant.status !== 'active') return undefined;
    for (let generation = 0; generation < maxGenerations; generation += 1) {
      const secret = vault.mac('hosted-page-key', Buffer.from(`${tenant.id} ${generation}`));
      const text = formatApiKey('publishable', secret);
      const found = { tenant, key: text };
      const digest = digestApiKey(text);
      if (digest === undefined) return undefined;
      if ((await directory.findByKey(digest)) !== undefined) return found;
      try {
        const key = {
          id: random.uuid(),
          tenantId: tenant.id,
          kind: 'publishable',
          scopes: [],
          digest,
        } as const;
        await store.tenants.insertKey(key, clock());
        directory.forgetKey(digest);
        return found;
      } catch (error) {
        // Another instance has just made it, or it was revoked once.
        if (!(error instanceof DuplicateError)) throw error;
        if ((await store.tenants.findByKeyDigest(digest, clock())) !== undefined) return found;
      }
    }
    return undefined;
  };
}
