import type { Manager, Operator } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { deniedFields, isProvedSender } from '../../domain/policy-owner.ts';
import type { Random } from '../../domain/random.ts';
import { DuplicateError, type Repositories, type Store } from '../../domain/repositories.ts';
import { manamSlug, type Tenant, tenantSecretNames } from '../../domain/tenant.ts';
import { defaultPolicy, patchPolicy } from '../../domain/tenant-policy.ts';
import type { Vault } from '../../domain/vault.ts';
import { record } from '../events/record.ts';
import { asActor, createPages, findTenant, type PageRequest } from './manager.ts';

export type TenantAdminDeps = {
  readonly store: Store<'tenants' | 'domains' | 'events'>;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  /** The origin of the hosted pages. */
  readonly origin: string;
};

type Changes = Parameters<Repositories['tenants']['update']>[1];

/** Names that mean something else on the command line. */
const reservedSlugs = new Set(['deployment']);
/** Rows per DELETE statement, and the time after which a call stops. */
const batchRows = 500;
const deletionMs = 5000;

/** Reads the name of a tenant; throws REQUEST_INVALID. */
export function parseTenantName(name: string): string {
  const trimmed = name.trim();
  if (trimmed === '') throw invalid({ field: 'name', reason: 'FIELD_REQUIRED' });
  if ([...trimmed].length > 100) throw invalid({ field: 'name', reason: 'FIELD_TOO_LONG' });
  if (/[\p{Cc}<>]/u.test(trimmed)) throw invalid({ field: 'name', reason: 'NAME_INVALID' });
  return trimmed;
}

/** Makes, changes, suspends and deletes tenants. */
export function createTenantAdmin(deps: TenantAdminDeps) {
  const { store, vault, clock, random, origin } = deps;
  const defaultsOf = (slug: string) => defaultPolicy(origin, slug);
  const pages = createPages(vault);
  const list = 'tenants';

  /** Changes a tenant under a lock, and records it. */
  async function change(
    operator: Manager,
    reference: string,
    type: 'tenant.updated' | 'tenant.suspended' | 'tenant.resumed',
    changesOf: (tenant: Tenant, repositories: Pick<Repositories, 'domains'>) => Changes | Promise<Changes>,
  ): Promise<Tenant> {
    const { id } = await findTenant(store, reference);
    return await store.transaction(async (repositories) => {
      const { tenants } = repositories;
      const tenant = await tenants.findForUpdate(id);
      if (tenant === undefined) throw new DomainError('NOT_FOUND');
      const changes = await changesOf(tenant, repositories);
      if (Object.keys(changes).length > 0) await tenants.update(id, changes);
      await record(repositories, deps, asActor(operator, tenant), { type });
      return (await tenants.findById(id)) ?? tenant;
    });
  }

  return {
    async create(
      operator: Operator,
      command: { readonly slug: string; readonly name: string; readonly policy: unknown },
    ): Promise<Tenant> {
      const { slug } = command;
      if (reservedSlugs.has(slug)) throw invalid({ field: 'slug', reason: 'SLUG_INVALID' });
      const tenant: Tenant = {
        id: random.uuid(),
        slug,
        name: parseTenantName(command.name || slug),
        status: 'active',
        policy: patchPolicy(defaultsOf(slug), command.policy ?? {}, defaultsOf(slug)),
        createdAt: clock(),
      };
      try {
        await store.transaction(async (repositories) => {
          await repositories.tenants.insert(tenant);
          await record(repositories, deps, asActor(operator, tenant), { type: 'tenant.created' });
        });
      } catch (error) {
        throw error instanceof DuplicateError ? new DomainError('SLUG_TAKEN') : error;
      }
      return tenant;
    },

    async list(request: PageRequest): Promise<{ tenants: Tenant[]; nextPageToken: string }> {
      const { after, size } = pages.parse(list, request);
      const tenants = await store.tenants.list(after ?? '', size + 1);
      const page = tenants.slice(0, size);
      const last = tenants.length > size ? page.at(-1)?.slug : undefined;
      return { tenants: page, nextPageToken: pages.next(list, last) };
    },

    get: (reference: string) => findTenant(store, reference),

    update: (
      operator: Operator,
      command: {
        readonly tenant: string;
        readonly name: string | undefined;
        /** A JSON merge patch; undefined leaves the policy as it is. */
        readonly policy: unknown;
        /** Whether its messages reach its members alone; undefined leaves that as it is. */
        readonly confined?: boolean | undefined;
      },
    ): Promise<Tenant> =>
      change(operator, command.tenant, 'tenant.updated', ({ policy, slug }) => ({
        ...(command.name === undefined ? {} : { name: parseTenantName(command.name) }),
        ...(command.policy === undefined
          ? {}
          : { policy: patchPolicy(policy, command.policy, defaultsOf(slug)) }),
        ...(command.confined === undefined ? {} : { confined: command.confined }),
      })),

    /**
     * The same by the tenant itself, without the fields of operators, unless it has proved the domains in them. A
     * confined tenant is free with its first proved sender.
     */
    updateOwnPolicy: (manager: Manager, tenantId: string, patch: unknown): Promise<Tenant> =>
      change(manager, tenantId, 'tenant.updated', async (tenant, { domains }) => {
        const defaults = defaultsOf(tenant.slug);
        const proofs = await domains.list(tenantId);
        const proved = proofs.flatMap(({ name, verifiedAt }) => (verifiedAt === undefined ? [] : [name]));
        const fields = deniedFields(tenant, patch, defaults, proved).join(', ');
        if (fields !== '') throw new DomainError('POLICY_FIELD_DENIED', { metadata: { fields } });
        const policy = patchPolicy(tenant.policy, patch, defaults);
        const isFreed = tenant.confined && isProvedSender(policy.senders.default, proved);
        return { policy, ...(isFreed && { confined: false }) };
      }),

    /** Keeps a secret that a tenant has elsewhere; an empty one is forgotten. */
    async setSecret(
      operator: Operator,
      command: { readonly tenant: string; readonly name: string; readonly value: string },
    ): Promise<void> {
      const tenant = await findTenant(store, command.tenant);
      if (!(tenantSecretNames as readonly string[]).includes(command.name)) {
        const description = `must be one of ${tenantSecretNames.join(', ')}`;
        throw invalid({ field: 'name', reason: 'FIELD_INVALID', description });
      }
      if (command.value.length > 512) throw invalid({ field: 'value', reason: 'FIELD_TOO_LONG' });
      await store.transaction(async (repositories) => {
        await repositories.tenants.setSecret(tenant.id, command.name, command.value);
        const event = { type: 'tenant_secret.changed', details: { name: command.name } } as const;
        await record(repositories, deps, asActor(operator, tenant), event);
      });
    },

    suspend: (operator: Operator, reference: string): Promise<Tenant> =>
      change(operator, reference, 'tenant.suspended', ({ slug }) => {
        if (slug === manamSlug) throw new DomainError('TENANT_BUILT_IN');
        return { status: 'suspended' };
      }),

    resume: (operator: Operator, reference: string): Promise<Tenant> =>
      change(operator, reference, 'tenant.resumed', () => ({ status: 'active', deletedAt: undefined })),

    /** Gives a tenant up: it is closed at once and purged after a month, in which an operator can resume it. */
    giveUp: (manager: Manager, tenantId: string): Promise<Tenant> =>
      change(manager, tenantId, 'tenant.suspended', () => ({ status: 'suspended', deletedAt: clock() })),

    /** Deletes a suspended tenant batch by batch, as far as the time of a call allows. */
    async delete(
      operator: Operator,
      reference: string,
    ): Promise<{ readonly done: boolean; readonly deletedUsers: number }> {
      const tenant = await findTenant(store, reference);
      if (tenant.slug === manamSlug) throw new DomainError('TENANT_BUILT_IN');
      if (tenant.status !== 'suspended') throw new DomainError('TENANT_ACTIVE');
      const until = clock().getTime() + deletionMs;
      let deletedUsers = 0;
      for (let left = true; left; ) {
        if (clock().getTime() > until) return { done: false, deletedUsers };
        // It may have been resumed since.
        if ((await findTenant(store, tenant.id)).status !== 'suspended')
          throw new DomainError('TENANT_ACTIVE');
        const { users, rows } = await store.tenants.purge(tenant.id, batchRows);
        deletedUsers += users;
        left = users + rows > 0;
      }
      await store.transaction(async (repositories) => {
        await repositories.tenants.delete(tenant.id);
        const event = { type: 'tenant.deleted', details: { slug: tenant.slug } } as const;
        await record(repositories, deps, asActor(operator), event);
      });
      return { done: true, deletedUsers };
    },
  };
}
