import { type Application, defaultApplication, isSelfRegistered } from '../../domain/application.ts';
import type { Caller } from '../../domain/caller.ts';
import type { FindClient } from '../../domain/client.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import { record } from '../events/record.ts';
import { ownSession } from '../sessions/own-session.ts';
import { manamScopes } from './new-grant.ts';

export type ConnectedDeps = {
  readonly store: Store<'grants' | 'identities' | 'tenants' | 'events'>;
  readonly findClient: FindClient;
  readonly clock: Clock;
  readonly random: Random;
};

/** An application that a user has let in. */
export type ConnectedApplication = {
  readonly application: Application;
  readonly scopes: readonly string[];
  readonly since: Date;
};

/** Lists the applications that a user has let in, and disconnects them. */
export function createConnected(deps: ConnectedDeps) {
  const { store, findClient, clock } = deps;

  /** The tenants that a user of Manam has consented to, each as an application whose id is the tenant's. */
  async function listTenants({ tenant }: Caller, userId: string) {
    const ids = await store.identities.listConsents(tenant.id, userId);
    // One after the other: together they would take a connection each.
    const found = [];
    for (const id of ids) found.push((await store.tenants.findById(id)) ?? []);
    return found.flat().map(({ id, slug, name, createdAt }) => ({
      slug,
      application: {
        tenantId: tenant.id,
        clientId: id,
        settings: { ...defaultApplication('web'), name },
        createdAt,
        updatedAt: createdAt,
      },
      scopes: manamScopes,
      since: createdAt,
    }));
  }

  /** The id of the tenant that a consent is to, from its own or from that of its application; empty: none. */
  async function tenantBehind({ tenant, client }: Caller, clientId: string): Promise<string> {
    if (isSelfRegistered({ clientId })) return '';
    const sector = (await findClient(tenant, clientId, client.address))?.settings.sector ?? '';
    return sector === '' ? clientId : ((await store.tenants.findBySlug(sector))?.id ?? '');
  }

  /** The application of a consent. One whose metadata cannot be read now is named by its host, so that it can be let go. */
  async function applicationOf(
    { tenant, client }: Caller,
    clientId: string,
  ): Promise<Application | undefined> {
    const found = await findClient(tenant, clientId, client.address).catch((error: unknown) => {
      if (!(error instanceof DomainError)) throw error;
      return undefined;
    });
    if (found !== undefined || !isSelfRegistered({ clientId })) return found;
    const settings = { ...defaultApplication('native'), name: new URL(clientId).host };
    const now = clock();
    return { tenantId: tenant.id, clientId, settings, createdAt: now, updatedAt: now };
  }

  return {
    async list(caller: Caller): Promise<ConnectedApplication[]> {
      const { userId } = ownSession(caller);
      const { tenant } = caller;
      const consents = await store.grants.listConsents(tenant.id, userId);
      const grants = await store.grants.listLive(tenant.id, userId, clock());
      const held = new Map<string, { scopes: Set<string>; since: Date }>();
      for (const { clientId, scopes, createdAt } of [...consents, ...grants]) {
        const known = held.get(clientId) ?? { scopes: new Set<string>(), since: createdAt };
        for (const scope of scopes) known.scopes.add(scope);
        if (createdAt < known.since) known.since = createdAt;
        held.set(clientId, known);
      }
      const tenants = await listTenants(caller, userId);
      const found: ConnectedApplication[] = [];
      for (const [clientId, { scopes, since }] of held) {
        const application = await applicationOf(caller, clientId);
        if (application !== undefined) found.push({ application, scopes: [...scopes], since });
      }
      const sectors = new Set(found.map(({ application }) => application.settings.sector));
      return [...found, ...tenants.filter(({ slug }) => !sectors.has(slug))].sort((a, b) =>
        a.application.settings.name.localeCompare(b.application.settings.name),
      );
    },

    /** Throws NOT_FOUND where the user has let no such application in. */
    async disconnect(caller: Caller, command: { readonly clientId: string }): Promise<void> {
      const { userId } = ownSession(caller);
      const { id: tenantId } = caller.tenant;
      const { clientId } = command;
      const consented = await tenantBehind(caller, clientId);
      await store.transaction(async (repositories) => {
        const { grants, identities } = repositories;
        const hadConsent = await grants.withdraw(tenantId, userId, clientId);
        const ended = await grants.endOfUser(tenantId, userId, { clientId }, clock());
        const hadTenant = consented !== '' && (await identities.withdrawConsent(tenantId, userId, consented));
        if (!hadConsent && !hadTenant && ended === 0) throw new DomainError('NOT_FOUND');
        const details = { application: clientId };
        await record(repositories, deps, caller, { type: 'application.disconnected', details });
      });
    },
  };
}

export type Connected = ReturnType<typeof createConnected>;
