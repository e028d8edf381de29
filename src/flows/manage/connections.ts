import type { Manager } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import {
  type Connection,
  defaultSettings,
  isConnectionName,
  maxConnections,
  patchConnection,
} from '../../domain/connection.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { record } from '../events/record.ts';
import { callbackOf, logoutOf } from '../federation/connections.ts';
import { asActor, findTenant } from './manager.ts';

export type ConnectionAdminDeps = {
  readonly store: Store<'tenants' | 'connections' | 'events'>;
  /** Whether a text can be the private key of a client at Apple. */
  readonly isApplePrivateKey: (text: string) => Promise<boolean>;
  readonly clock: Clock;
  readonly random: Random;
  /** The origin that browsers come back to. */
  readonly origin: string;
};

/** A connection, with what has to be registered at the provider. */
export type ManagedConnection = Connection & { readonly redirectUri: string; readonly logoutUri: string };

const maxSecretLength = 4096;

/** Makes, changes and deletes the connections of tenants with identity providers. */
export function createConnectionAdmin(deps: ConnectionAdminDeps) {
  const { store, isApplePrivateKey, clock, origin } = deps;

  const complete = (tenant: Tenant, connection: Connection): ManagedConnection => ({
    ...connection,
    redirectUri: callbackOf(origin, tenant, connection.name),
    logoutUri: logoutOf(origin, tenant, connection.name),
  });

  /** The connection under the lock of its tenant, so that two changes do not undo each other. */
  async function findForUpdate(
    { tenants, connections }: Pick<Repositories, 'tenants' | 'connections'>,
    { id }: Tenant,
    name: string,
  ): Promise<Connection | undefined> {
    await tenants.findForUpdate(id);
    return await connections.find(id, name);
  }

  return {
    async list(reference: string): Promise<ManagedConnection[]> {
      const tenant = await findTenant(store, reference);
      return (await store.connections.list(tenant.id)).map((each) => complete(tenant, each));
    },

    async set(
      manager: Manager,
      command: { readonly tenant: string; readonly name: string; readonly settings: unknown },
    ): Promise<ManagedConnection> {
      const { name } = command;
      const tenant = await findTenant(store, command.tenant);
      if (!isConnectionName(name))
        throw invalid({
          field: 'name',
          reason: 'FIELD_INVALID',
          description:
            'must be up to 32 lower-case letters, digits and dashes, a letter first, and no reserved name',
        });
      const changed = await store.transaction(async (repositories) => {
        const { connections } = repositories;
        const known = await findForUpdate(repositories, tenant, name);
        const settings = patchConnection(known?.settings ?? defaultSettings, command.settings ?? {});
        if (known !== undefined && known.settings.kind !== settings.kind)
          throw invalid({
            field: 'settings.kind',
            reason: 'FIELD_INVALID',
            description: 'stays: make another connection',
          });
        if (known === undefined && (await connections.list(tenant.id)).length >= maxConnections)
          throw new DomainError('CONNECTION_LIMIT', { metadata: { most: String(maxConnections) } });
        const now = clock();
        const row = {
          tenantId: tenant.id,
          name,
          settings,
          createdAt: known?.createdAt ?? now,
          updatedAt: now,
        };
        await connections.save(row);
        const type = known === undefined ? 'connection.created' : 'connection.updated';
        await record(repositories, deps, asActor(manager, tenant), { type, details: { connection: name } });
        return { ...row, hasSecret: known?.hasSecret ?? false };
      });
      return complete(tenant, changed);
    },

    /** Keeps the secret of a connection; an empty one is forgotten. */
    async setSecret(
      manager: Manager,
      command: { readonly tenant: string; readonly name: string; readonly value: string },
    ): Promise<void> {
      const { name, value } = command;
      const tenant = await findTenant(store, command.tenant);
      const found = await store.connections.find(tenant.id, name);
      if (found === undefined) throw new DomainError('NOT_FOUND');
      if (value.length > maxSecretLength) throw invalid({ field: 'value', reason: 'FIELD_TOO_LONG' });
      if (found.settings.kind === 'apple' && value !== '' && !(await isApplePrivateKey(value)))
        throw invalid({
          field: 'value',
          reason: 'FIELD_INVALID',
          description: 'must be the private key that Apple gave, in PEM',
        });
      await store.transaction(async (repositories) => {
        await repositories.connections.setSecret(tenant.id, name, value);
        const event = { type: 'connection.secret_changed', details: { connection: name } } as const;
        await record(repositories, deps, asActor(manager, tenant), event);
      });
    },

    async delete(
      manager: Manager,
      command: { readonly tenant: string; readonly name: string },
    ): Promise<void> {
      const tenant = await findTenant(store, command.tenant);
      await store.transaction(async (repositories) => {
        if (!(await repositories.connections.delete(tenant.id, command.name)))
          throw new DomainError('NOT_FOUND');
        const event = { type: 'connection.deleted', details: { connection: command.name } } as const;
        await record(repositories, deps, asActor(manager, tenant), event);
      });
    },
  };
}
