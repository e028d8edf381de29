import type { Client, FindClient } from '../domain/client.ts';
import type { Clock } from '../domain/clock.ts';
import { isRegisteredOrigin } from '../domain/registered-url.ts';
import type { Store } from '../domain/repositories.ts';
import type { Tenant } from '../domain/tenant.ts';
import { isUuid } from '../domain/token.ts';
import { createDirectoryCache } from './directory-cache.ts';
import type { DirectoryChanges } from './directory-changes.ts';

/** Time between two readings for origins that were not found, so that strangers cause no storm of them. */
const rereadMs = 1000;
export type ApplicationDirectory = {
  readonly find: FindClient;
  /** Whether an application of the tenant has the browser origin. A new one is accepted within a second. */
  hasOrigin(tenantId: string, origin: string): Promise<boolean>;
};

/** Applications with their secrets, kept until their tenant changes. */
export function createApplicationDirectory(
  { applications }: Store<'applications'>,
  findByMetadata: FindClient,
  changes: DirectoryChanges,
  clock: Clock,
): ApplicationDirectory {
  const byId = createDirectoryCache({
    read: async (key): Promise<Client | undefined> => {
      const [tenantId = '', clientId = ''] = key.split(' ');
      const found = await applications.findWithSecrets(tenantId, clientId, clock());
      return found?.settings.enabled === true ? found : undefined;
    },
    changes,
    clock,
    tenantOf: (_, key) => key.split(' ', 1)[0],
    endOf: firstEnd,
  });
  /** What the enabled applications of a tenant have together. */
  const together = createDirectoryCache({
    read: async (tenantId) => {
      const enabled = (await applications.list(tenantId)).filter(({ settings }) => settings.enabled);
      return {
        origins: enabled.flatMap(({ settings }) => settings.origins),
        served: enabled.flatMap(({ settings }) => settings.serves),
      };
    },
    changes,
    clock,
    tenantOf: (_, tenantId) => tenantId,
  });

  /** Nobody has registered what such a client may reach: it is every API of the tenant, as the user consents to it. */
  async function findMetadataClient(
    tenant: Tenant,
    clientId: string,
    address: string,
  ): Promise<Client | undefined> {
    const found = await findByMetadata(tenant, clientId, address);
    if (found === undefined) return undefined;
    const { served: resources } = await together.find(tenant.id);
    return { ...found, settings: { ...found.settings, resources } };
  }

  return {
    async find(tenant, clientId, address, options) {
      if (clientId.startsWith('https:') || clientId.startsWith('http:'))
        return await findMetadataClient(tenant, clientId, address);
      if (!isUuid(clientId)) return undefined;
      return await byId.find(`${tenant.id} ${clientId}`, options?.afresh);
    },
    async hasOrigin(tenantId, origin) {
      const isKnown = async (afresh: boolean) =>
        isRegisteredOrigin(origin, (await together.find(tenantId, afresh)).origins);
      if (await isKnown(false)) return true;
      return together.ageOf(tenantId) >= rereadMs && (await isKnown(true));
    },
  };
}

/** When the first of its secrets ends. */
function firstEnd(client: Client | undefined): Date | undefined {
  const ends = (client?.secrets ?? []).flatMap(({ expiresAt }) => expiresAt ?? []);
  return ends.reduce<Date | undefined>(
    (first, end) => (first === undefined || end < first ? end : first),
    undefined,
  );
}
