import type { Manager } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { beginningOfEmail } from '../../domain/email.ts';
import type { ReceiptSigner } from '../../domain/erasure.ts';
import { digestOfUser } from '../../domain/erasure.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { readIdentifier } from '../../domain/identifier.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { isUuid } from '../../domain/token.ts';
import { foldDigits } from '../../domain/typed-text.ts';
import type { UserView } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import { eraseUser } from '../accounts/erase-user.ts';
import { endAccess } from '../after-change.ts';
import { record } from '../events/record.ts';
import type { SubjectOf } from '../provider/subject.ts';
import { asActor, createPages, findTenant, onBehalfOf, type PageRequest } from './manager.ts';

type UserStores =
  | 'tenants'
  | 'users'
  | 'authenticators'
  | 'recoveryCodes'
  | 'sessions'
  | 'grants'
  | 'applications'
  | 'trustedDevices'
  | 'factorResets'
  | 'challenges'
  | 'attempts'
  | 'outbox'
  | 'events'
  | 'members'
  | 'idempotency';

export type UserAdminDeps = {
  readonly store: Store<UserStores>;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  readonly signReceipt: ReceiptSigner;
  readonly subjectOf: SubjectOf;
};

/** How a request names a user of a tenant: by id, e-mail address or mobile number. */
export type UserOfTenant = { readonly tenant: string; readonly user: string };

const maxQueryLength = 254;

/** Locks the user's row for a change. Throws NOT_FOUND if the user was erased after they were read. */
export async function hold(
  { users }: Pick<Repositories, 'users'>,
  { user: { tenantId, id } }: UserView,
): Promise<void> {
  if (!(await users.lock(tenantId, id))) throw new DomainError('NOT_FOUND');
}

/** Finds users, and acts on them for operators. */
export function createUserAdmin(deps: UserAdminDeps) {
  const { store, vault, clock } = deps;
  const pages = createPages(vault);

  async function find({ tenant: tenantReference, user }: UserOfTenant) {
    const tenant = await findTenant(store, tenantReference);
    const identifier = isUuid(user) ? undefined : readIdentifier(user, tenant.policy);
    const held = identifier && (await store.users.findIdentifier(tenant.id, identifier));
    const id = held?.userId ?? user;
    const view = isUuid(id) ? await store.users.findById(tenant.id, id) : undefined;
    if (view === undefined) throw new DomainError('NOT_FOUND');
    return { tenant, view };
  }

  /** Changes a user and records it; returns the user as changed. */
  async function change(
    manager: Manager,
    reference: UserOfTenant,
    type: 'user.confirmed' | 'user.disabled' | 'user.enabled' | 'user.roles_changed',
    work: (repositories: Pick<Repositories, UserStores>, view: UserView, tenant: Tenant) => Promise<void>,
  ): Promise<UserView> {
    const { tenant, view } = await find(reference);
    const { id: userId } = view.user;
    return await store.transaction(async (repositories) => {
      await hold(repositories, view);
      await work(repositories, view, tenant);
      await record(repositories, deps, asActor(manager, tenant), { type, userId });
      return (await repositories.users.findById(tenant.id, userId)) ?? view;
    });
  }

  return {
    async get(reference: UserOfTenant): Promise<UserView> {
      return (await find(reference)).view;
    },

    async search(
      request: PageRequest & { readonly tenant: string; readonly query: string },
    ): Promise<{ users: UserView[]; nextPageToken: string }> {
      if (request.query.length > maxQueryLength) throw invalid({ field: 'query', reason: 'FIELD_TOO_LONG' });
      const tenant = await findTenant(store, request.tenant);
      const typed = foldDigits(request.query);
      const prefix = typed.includes('@') ? beginningOfEmail(typed) : typed.trim().toLowerCase();
      const list = `users ${tenant.id} ${prefix}`;
      const { after, size } = pages.parse(list, request);
      const users = await store.users.search(tenant.id, { prefix, afterId: after }, size + 1);
      const page = users.slice(0, size);
      const last = users.length > size ? page.at(-1)?.user.id : undefined;
      return { users: page, nextPageToken: pages.next(list, last) };
    },

    confirm: (manager: Manager, reference: UserOfTenant) =>
      change(manager, reference, 'user.confirmed', async ({ users }, { user, email, mobile }) => {
        for (const identifier of [email, mobile]) {
          if (identifier === undefined) continue;
          await users.confirmIdentifier(user.tenantId, user.id, identifier, clock());
        }
      }),

    disable: (manager: Manager, reference: UserOfTenant) =>
      change(manager, reference, 'user.disabled', async (repositories, { user }, tenant) => {
        await repositories.users.setStatus(user.tenantId, user.id, 'disabled');
        await endAccess(deps, repositories, asActor(manager, tenant), user, undefined);
      }),

    enable: (manager: Manager, reference: UserOfTenant) =>
      change(manager, reference, 'user.enabled', async ({ users }, { user }) =>
        users.setStatus(user.tenantId, user.id, 'active'),
      ),

    /** Erases a user, as their own DeleteAccount does; returns the receipt. */
    async delete(manager: Manager, reference: UserOfTenant): Promise<string> {
      const { tenant, view } = await find(reference);
      return await store.transaction(async (repositories) => {
        const receipt = await eraseUser(repositories, deps, onBehalfOf(tenant), view);
        await record(repositories, deps, asActor(manager, tenant), {
          type: 'user.deleted',
          details: { user: digestOfUser(view.user.id) },
        });
        return receipt;
      });
    },

    find,

    setRoles: (manager: Manager, reference: UserOfTenant, roles: readonly string[]) =>
      change(manager, reference, 'user.roles_changed', async ({ users }, { user }, { policy }) => {
        const unknown = roles.filter((role) => !Object.hasOwn(policy.roles, role));
        if (unknown.length > 0) {
          const description = `the tenant declares ${Object.keys(policy.roles).join(', ') || 'no role'}`;
          throw invalid({ field: 'roles', reason: 'ROLE_UNKNOWN', description });
        }
        // A role opens more than the account: no password opens it that was set before a proof (R71).
        if (roles.length > 0) await users.adopt(user.tenantId, user.id);
        await users.update(user.tenantId, user.id, { roles: [...new Set(roles)] });
      }),
  };
}
