import { LRUCache } from 'lru-cache';
import type { Client, FindClient } from '../domain/client.ts';
import type { Clock } from '../domain/clock.ts';
import { isRegisteredOrigin } from '../domain/registered-url.ts';
import type { Store } from '../domain/repositories.ts';
import type { Tenant } from '../domain/tenant.ts';
import { isUuid } from '../domain/token.ts';

/** Time for which a changed or deleted application may still be taken as it was. */
const lifetimeMs = 5000;
/** Time between two readings for origins that were not found, so that strangers cause no storm of them. */
const rereadMs = 1000;
const maxEntries = 10_000;

type Found<T> = { readonly value: T };

export type ApplicationDirectory = {
  readonly find: FindClient;
  /** Whether an application of the tenant has the browser origin. A new one is accepted within a second. */
  hasOrigin(tenantId: string, origin: string): Promise<boolean>;
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
    const found = await applications.findWithSecrets(tenantId, clientId, clock());
    return found?.settings.enabled === true ? found : undefined;
  });
  /** What the enabled applications of a tenant have together. */
  const together = cacheOf(async (tenantId) => {
    const enabled = (await applications.list(tenantId)).filter(({ settings }) => settings.enabled);
    return {
      origins: enabled.flatMap(({ settings }) => settings.origins),
      served: enabled.flatMap(({ settings }) => settings.serves),
    };
  });

  /** Nobody has registered what such a client may reach: it is every API of the tenant, as the user consents to it. */
  async function findMetadataClient(
    tenant: Tenant,
    clientId: string,
    address: string,
  ): Promise<Client | undefined> {
    const found = await findByMetadata(tenant, clientId, address);
    if (found === undefined) return undefined;
    const resources = (await together.fetch(tenant.id))?.value.served ?? [];
    return { ...found, settings: { ...found.settings, resources } };
  }

  return {
    async find(tenant, clientId, address, options) {
      if (clientId.startsWith('https:') || clientId.startsWith('http:'))
        return await findMetadataClient(tenant, clientId, address);
      const forceRefresh = options?.afresh === true;
      if (!isUuid(clientId)) return undefined;
      return (await byId.fetch(`${tenant.id} ${clientId}`, { forceRefresh }))?.value;
    },
    async hasOrigin(tenantId, origin) {
      const isKnown = async (forceRefresh: boolean) =>
        isRegisteredOrigin(origin, (await together.fetch(tenantId, { forceRefresh }))?.value.origins ?? []);
      if (await isKnown(false)) return true;
      return lifetimeMs - together.getRemainingTTL(tenantId) >= rereadMs && (await isKnown(true));
    },
  };
}
