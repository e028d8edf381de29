import { formatApiKey } from '../../domain/api-key.ts';
import { type Application, maxApplications, patchApplication } from '../../domain/application.ts';
import type { ApplicationSettings } from '../../domain/application-settings.ts';
import { issuerOf } from '../../domain/application-token.ts';
import type { Manager } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { parseOverlap } from '../../domain/overlap.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import { manamSlug, type Tenant } from '../../domain/tenant.ts';
import { sha256 } from '../../domain/token.ts';
import { record } from '../events/record.ts';
import { asActor, findTenant } from './manager.ts';

export type ApplicationAdminDeps = {
  readonly store: Store<'tenants' | 'applications' | 'grants' | 'logoutCursors' | 'events'>;
  readonly clock: Clock;
  readonly random: Random;
  /** MANAM_ISSUER. */
  readonly deployment: string;
};

export type ManagedApplication = Application & { readonly secrets: number; readonly issuer: string };

const hasSecret = ({ authentication }: ApplicationSettings) => authentication.startsWith('client_secret');

/** Makes, changes and deletes the applications of tenants, and their secrets. */
export function createApplicationAdmin(deps: ApplicationAdminDeps) {
  const { store, clock, random, deployment } = deps;

  async function complete(tenant: Tenant, application: Application): Promise<ManagedApplication> {
    const { tenantId, clientId } = application;
    const secrets = await store.applications.listSecrets(tenantId, clientId, clock());
    return { ...application, secrets: secrets.length, issuer: issuerOf(deployment, tenant.slug) };
  }

  /** Users of Manam alone are known by subjects of a sector, and there every application has one. */
  async function assertSector(tenant: Tenant, { kind, sector }: ApplicationSettings): Promise<void> {
    const isManam = tenant.slug === manamSlug;
    const found = sector === '' ? undefined : await store.tenants.findBySlug(sector);
    const isRight = isManam ? kind === 'machine' || found !== undefined : sector === '';
    if (isRight) return;
    const description = isManam
      ? 'must be the slug of the tenant that it is for'
      : 'is for applications of Manam itself';
    throw invalid({ field: 'settings.sector', reason: 'FIELD_INVALID', description });
  }

  async function addSecret(
    { applications }: Pick<Repositories, 'applications'>,
    { tenantId, clientId }: Application,
  ): Promise<string> {
    const text = formatApiKey('application', random.bytes(32));
    const secret = { id: random.uuid(), digest: sha256(text), createdAt: clock(), expiresAt: undefined };
    await applications.insertSecret(tenantId, clientId, secret);
    return text;
  }

  async function find(tenant: Tenant, clientId: string): Promise<Application> {
    const found = await store.applications.find(tenant.id, clientId.slice(0, 64));
    if (found === undefined) throw new DomainError('NOT_FOUND');
    return found;
  }

  return {
    async list(reference: string): Promise<ManagedApplication[]> {
      const tenant = await findTenant(store, reference);
      const completed: ManagedApplication[] = [];
      // One after the other: a call takes one connection, however many applications there are.
      for (const each of await store.applications.list(tenant.id))
        completed.push(await complete(tenant, each));
      return completed;
    },

    /** Makes one; its secret is in the answer alone, and empty where it has none. */
    async create(
      manager: Manager,
      command: { readonly tenant: string; readonly settings?: unknown },
    ): Promise<{ readonly application: ManagedApplication; readonly secret: string }> {
      const tenant = await findTenant(store, command.tenant);
      const settings = patchApplication(undefined, command.settings ?? {});
      await assertSector(tenant, settings);
      const now = clock();
      const application = {
        tenantId: tenant.id,
        clientId: random.uuid(),
        settings,
        createdAt: now,
        updatedAt: now,
      };
      const details = { application: application.clientId };
      const secret = await store.transaction(async (repositories) => {
        const { applications, tenants, logoutCursors } = repositories;
        await tenants.findForUpdate(tenant.id);
        if ((await applications.list(tenant.id)).length >= maxApplications)
          throw new DomainError('APPLICATION_LIMIT', { metadata: { most: String(maxApplications) } });
        await applications.insert(application);
        if (settings.backchannelLogoutUri !== '') await logoutCursors.begin(tenant.id);
        const actor = asActor(manager, tenant);
        await record(repositories, deps, actor, { type: 'application.created', details });
        if (!hasSecret(settings)) return '';
        await record(repositories, deps, actor, { type: 'application.secret_created', details });
        return await addSecret(repositories, application);
      });
      return { application: await complete(tenant, application), secret };
    },

    async update(
      manager: Manager,
      command: { readonly tenant: string; readonly clientId: string; readonly settings?: unknown },
    ): Promise<ManagedApplication> {
      const tenant = await findTenant(store, command.tenant);
      const { clientId } = await find(tenant, command.clientId);
      const changed = await store.transaction(async (repositories) => {
        const { applications, tenants, logoutCursors } = repositories;
        // Two changes do not undo each other.
        await tenants.findForUpdate(tenant.id);
        const known = await applications.find(tenant.id, clientId);
        if (known === undefined) throw new DomainError('NOT_FOUND');
        const settings = patchApplication(known.settings, command.settings ?? {});
        await assertSector(tenant, settings);
        const next = { ...known, settings, updatedAt: clock() };
        await applications.update(next);
        if (settings.backchannelLogoutUri !== '') await logoutCursors.begin(tenant.id);
        const details = { application: clientId };
        await record(repositories, deps, asActor(manager, tenant), { type: 'application.updated', details });
        return next;
      });
      return await complete(tenant, changed);
    },

    async delete(
      manager: Manager,
      command: { readonly tenant: string; readonly clientId: string },
    ): Promise<void> {
      const tenant = await findTenant(store, command.tenant);
      const { clientId } = await find(tenant, command.clientId);
      await store.transaction(async (repositories) => {
        if (!(await repositories.applications.delete(tenant.id, clientId)))
          throw new DomainError('NOT_FOUND');
        await repositories.grants.endOfClient(tenant.id, clientId, clock());
        const details = { application: clientId };
        await record(repositories, deps, asActor(manager, tenant), { type: 'application.deleted', details });
      });
    },

    /** Makes a further secret, and ends those before after the overlap. */
    async rotateSecret(
      manager: Manager,
      command: {
        readonly tenant: string;
        readonly clientId: string;
        readonly overlapMs: number | undefined;
      },
    ): Promise<string> {
      const overlapMs = parseOverlap(command.overlapMs);
      const tenant = await findTenant(store, command.tenant);
      const application = await find(tenant, command.clientId);
      const { clientId, settings } = application;
      if (!hasSecret(settings))
        throw invalid({
          field: 'client_id',
          reason: 'FIELD_INVALID',
          description: `authenticates with ${settings.authentication} and has no secret`,
        });
      return await store.transaction(async (repositories) => {
        const { applications, tenants } = repositories;
        await tenants.findForUpdate(tenant.id);
        const now = clock();
        const live = await applications.listSecrets(tenant.id, clientId, now);
        // Two are live while one is rotated: an older one ends at once.
        const details = { application: clientId };
        const actor = asActor(manager, tenant);
        if (live.length > 1) await applications.endOldest(tenant.id, clientId, live.slice(0, -1), now);
        if (live.length > 1 || overlapMs === 0)
          await record(repositories, deps, actor, { type: 'application.secret_revoked', details });
        await applications.endSecrets(tenant.id, clientId, new Date(now.getTime() + overlapMs));
        await record(repositories, deps, actor, { type: 'application.secret_created', details });
        return await addSecret(repositories, application);
      });
    },
  };
}
