import { createClientMetadata } from '../adapters/client-metadata.ts';
import type { Config } from '../config/config.ts';
import { networkOf } from '../domain/network.ts';
import type { Store } from '../domain/repositories.ts';
import type { Adapters } from '../features/core.ts';
import type { Limiter } from '../flows/limits.ts';
import { createApplicationDirectory } from '../server/application-directory.ts';
import { createDirectoryChanges } from '../server/directory-changes.ts';
import { createTenantDirectory } from '../server/tenant-directory.ts';

export type DirectoryDeps = Pick<Adapters, 'store' | 'outgoingFetch' | 'clock'> & {
  /** Asks for what has changed, over connections that calls do not use. */
  readonly logStore: Pick<Store, 'tenants'>;
  readonly limiter: Limiter;
  readonly config: Pick<Config, 'limits'>;
};

/** The tenants and applications of this instance, kept until they change. */
export function createDirectories({ store, outgoingFetch, clock, logStore, limiter, config }: DirectoryDeps) {
  const changes = createDirectoryChanges((...asked) => logStore.tenants.listChanged(...asked));
  const fetchBudget = { ...config.limits.loginStartsPerNetwork, name: 'client.metadata' };
  const metadata = createClientMetadata({
    outgoingFetch,
    clock,
    chargeFetch: ({ id }, address) => limiter.charge(id, fetchBudget, networkOf(address)),
  });
  return {
    changes,
    directory: createTenantDirectory(store.tenants, changes, clock),
    applications: createApplicationDirectory(store, metadata, changes, clock),
  };
}
