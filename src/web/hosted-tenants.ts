import { digestApiKey, formatApiKey } from '../domain/api-key.ts';
import type { Clock } from '../domain/clock.ts';
import type { Random } from '../domain/random.ts';
import { DuplicateError, type Store } from '../domain/repositories.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { Vault } from '../domain/vault.ts';
import { type Actor, record, serviceActor } from '../flows/events/record.ts';
import type { TenantDirectory } from '../server/tenant-directory.ts';

export type HostedTenantDeps = {
  readonly store: Store<'tenants' | 'events'>;
  readonly directory: TenantDirectory;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** Limit of revoked keys that one lookup skips. */
const maxGenerations = 100;

/** A tenant with the publishable key that its hosted pages call with. */
export type HostedTenant = { readonly tenant: Tenant; readonly key: string };

/** Finds the active tenant of a name, for its hosted pages. */
export type HostedTenants = (slug: string) => Promise<HostedTenant | undefined>;

/**
 * The key of a tenant's hosted pages follows from the data key, so that every instance
 * knows the same one, and where it was revoked the next one replaces it.
 */
export function createHostedTenants(deps: HostedTenantDeps): HostedTenants {
  /** The generation of keys that a tenant has come to: the ones before were revoked. */
  const generations = new Map<string, number>();
  return async (slug) => {
    // Strangers can request any name at any rate: the directory caches both hits and misses.
    const tenant = await deps.directory.findBySlug(slug);
    return tenant && (await withKey(deps, tenant, generations));
  };
}

/** The actor of a key that the hosted pages make for themselves: neither a caller nor an operator. */
function hostedPages({ id }: Tenant, random: Random): Actor {
  return { ...serviceActor(id), requestId: random.uuid() };
}

async function withKey(
  { store, directory, vault, clock, random }: HostedTenantDeps,
  tenant: Tenant,
  generations: Map<string, number>,
): Promise<HostedTenant | undefined> {
  const first = generations.get(tenant.id) ?? 0;
  for (let generation = first; generation < first + maxGenerations; generation += 1) {
    generations.set(tenant.id, generation);
    const secret = vault.mac('hosted-page-key', Buffer.from(`${tenant.id} ${generation}`));
    const key = formatApiKey('publishable', secret);
    const digest = digestApiKey(key);
    if (digest === undefined) return undefined;
    if ((await directory.findByKey(digest)) !== undefined) return { tenant, key };
    try {
      const row = {
        id: random.uuid(),
        tenantId: tenant.id,
        kind: 'publishable',
        scopes: [],
        digest,
      } as const;
      await store.transaction(async (repositories) => {
        await repositories.tenants.insertKey(row, clock());
        const event = { type: 'key.created', details: { key: row.id } } as const;
        await record(repositories, { clock, random }, hostedPages(tenant, random), event);
      });
      directory.forgetKey(digest);
      return { tenant, key };
    } catch (error) {
      // Another instance has just made it, or it was revoked once.
      if (!(error instanceof DuplicateError)) throw error;
      directory.forgetKey(digest);
      if ((await store.tenants.findByKeyDigest(digest, clock())) !== undefined) return { tenant, key };
    }
  }
  return undefined;
}
