import { LRUCache } from 'lru-cache';
import type { Client, FindClient } from '../domain/client.ts';
import type { Clock } from '../domain/clock.ts';
import type { Store } from '../domain/repositories.ts';
import { isUuid } from '../domain/token.ts';

/** Time for which a changed or deleted application may still be taken as it was. */
const lifetimeMs = 5000;
const maxEntries = 10_000;

type Found<T> = { readonly value: T };

export type ApplicationDirectory = {
  readonly find: FindClient;
  /** The browser origins of a tenant's applications. */
  originsOf(tenantId: string): Promise<readonly string[]>;
};

/** Applications with their secrets, cached for seconds, each read once for any number of calls. */
export function createApplicationDirectory(
  { applications }: Store<'applications'>,
  findByMetadata: FindClient,
  clock: Clock,
): ApplicationDirectory {
  const cacheOf = <T>(read: (key: string) => Promise<T>) =>
    new LRUCache<string, Found<T>>({
      max: maxEntries,
      ttl: lifetimeMs,
      fetchMethod: async (key) => ({ value: await read(key) }),
    });

  const byId = cacheOf(async (key): Promise<Client | undefined> => {
    const [tenantId = '', clientId = ''] = key.split(' ');
    const application = await applications.find(tenantId, clientId);
    if (application?.settings.enabled !== true) return undefined;
    return { ...application, secrets: await applications.listSecrets(tenantId, clientId, clock()) };
  });
  const origins = cacheOf(async (tenantId) => {
    const all = await applications.list(tenantId);
    return all.flatMap(({ settings }) => (settings.enabled ? settings.origins : []));
  });

  return {
    async find(tenant, clientId, address) {
      if (clientId.startsWith('https:') || clientId.startsWith('http:'))
        return await findByMetadata(tenant, clientId, address);
      return isUuid(clientId) ? (await byId.fetch(`${tenant.id} ${clientId}`))?.value : undefined;
    },
    originsOf: async (tenantId) => (await origins.fetch(tenantId))?.value ?? [],
  };
}
