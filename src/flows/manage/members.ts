import type { Manager } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import {
  type CallingMember,
  type Invitation,
  type Member,
  type MemberRole,
  rolesGivenBy,
} from '../../domain/member.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { isUuid } from '../../domain/token.ts';
import type { UserView } from '../../domain/user.ts';
import { record } from '../events/record.ts';
import { asActor, findManam } from './manager.ts';

export type MembersDeps = {
  readonly store: Store<'members' | 'tenants' | 'users' | 'events'>;
  readonly clock: Clock;
  readonly random: Random;
};

/** A member with the account at Manam. */
export type KnownMember = { readonly member: Member; readonly view: UserView | undefined };

/** The member who calls; the calls of members alone have one. */
export function memberOf({ member }: Manager): CallingMember {
  if (member === undefined) throw new DomainError('INTERNAL', { cause: new Error('not a call of a member') });
  return member;
}

/** Throws LAST_OWNER where no owner of the tenant, which is locked, is left without this member. */
export async function assertOwnerLeft(
  { members }: Pick<Repositories, 'members'>,
  { tenantId, userId, role }: Member,
): Promise<void> {
  if (role !== 'owner') return;
  const isOwned = (await members.list(tenantId)).some(
    (each) => each.userId !== userId && each.role === 'owner',
  );
  if (!isOwned) throw new DomainError('LAST_OWNER');
}

/** The members of tenants. Every change of a role locks the tenant, so that one owner is left at the end. */
export function createMembers(deps: MembersDeps) {
  const { store } = deps;

  const know = async (manam: Tenant, member: Member): Promise<KnownMember> => ({
    member,
    view: await store.users.findById(manam.id, member.userId),
  });

  /** Runs a change of one member under the lock of the tenant. */
  async function change<T>(
    tenant: Tenant,
    userId: string,
    work: (repositories: Pick<Repositories, 'members' | 'events'>, member: Member) => Promise<T>,
  ): Promise<T> {
    if (!isUuid(userId)) throw new DomainError('NOT_FOUND');
    return await store.transaction(async (repositories) => {
      const { tenants, members } = repositories;
      await tenants.findForUpdate(tenant.id);
      const member = await members.find(tenant.id, userId);
      if (member === undefined) throw new DomainError('NOT_FOUND');
      return await work(repositories, member);
    });
  }

  async function setRole(
    repositories: Pick<Repositories, 'members' | 'events'>,
    manager: Manager,
    tenant: Tenant,
    member: Member,
    role: MemberRole,
  ): Promise<Member> {
    if (!(await repositories.members.changeRole(member, role))) throw new DomainError('CONFLICT');
    await record(repositories, deps, asActor(manager, tenant), {
      type: 'member.role_changed',
      details: { person: member.userId, role },
    });
    return { ...member, role };
  }

  const remove = (manager: Manager, tenant: Tenant, userId: string) =>
    change(tenant, userId, async (repositories, member) => {
      await assertOwnerLeft(repositories, member);
      await repositories.members.delete(tenant.id, userId);
      await record(repositories, deps, asActor(manager, tenant), {
        type: 'member.removed',
        details: { person: userId },
      });
    });

  return {
    /** The members, and the open invitations for those who may make some. */
    async list(
      tenant: Tenant,
      manager: Manager,
    ): Promise<{ members: KnownMember[]; invitations: Invitation[] }> {
      // One after the other: a call takes one connection, however many members there are.
      const manam = await findManam(store);
      const members: KnownMember[] = [];
      for (const member of await store.members.list(tenant.id)) members.push(await know(manam, member));
      const mayInvite = manager.member === undefined || rolesGivenBy(manager.member.role).length > 0;
      return {
        members,
        invitations: mayInvite ? await store.members.listInvitations(tenant.id, deps.clock()) : [],
      };
    },

    /** Gives a user of Manam a role, whether they are a member or not; operators do so. */
    async put(manager: Manager, tenant: Tenant, userId: string, role: MemberRole): Promise<KnownMember> {
      const manam = await findManam(store);
      if (tenant.id === manam.id || (await store.users.findById(manam.id, userId)) === undefined)
        throw new DomainError('NOT_FOUND');
      const member = await store.transaction(async (repositories) => {
        const { tenants, members } = repositories;
        await tenants.findForUpdate(tenant.id);
        const known = await members.find(tenant.id, userId);
        if (known !== undefined) {
          if (role !== 'owner') await assertOwnerLeft(repositories, known);
          return await setRole(repositories, manager, tenant, known, role);
        }
        const made = { tenantId: tenant.id, userId, role, createdAt: deps.clock() };
        await members.insert(made);
        await record(repositories, deps, asActor(manager, tenant), {
          type: 'member.joined',
          details: { person: userId, role },
        });
        return made;
      });
      return await know(manam, member);
    },

    async changeRole(
      manager: Manager,
      tenant: Tenant,
      userId: string,
      role: MemberRole,
    ): Promise<KnownMember> {
      const changed = await change(tenant, userId, async (repositories, member) => {
        if (role !== 'owner') await assertOwnerLeft(repositories, member);
        return await setRole(repositories, manager, tenant, member, role);
      });
      return await know(await findManam(store), changed);
    },

    remove,
    leave: (manager: Manager, tenant: Tenant) => remove(manager, tenant, memberOf(manager).userId),

    /** Makes another member an owner and the caller an administrator. */
    async transferOwnership(manager: Manager, tenant: Tenant, userId: string): Promise<KnownMember> {
      const own = memberOf(manager);
      if (userId === own.userId) throw new DomainError('NOT_FOUND');
      const next = await change(tenant, userId, async (repositories, member) => {
        const former = await repositories.members.find(tenant.id, own.userId);
        if (former?.role !== 'owner') throw new DomainError('CONFLICT');
        const promoted = await setRole(repositories, manager, tenant, member, 'owner');
        await setRole(repositories, manager, tenant, former, 'admin');
        return promoted;
      });
      return await know(await findManam(store), next);
    },

    /** The tenants of a user of Manam, with their role in each. */
    async listTenants(userId: string): Promise<{ tenant: Tenant; role: MemberRole }[]> {
      const found: { tenant: Tenant; role: MemberRole }[] = [];
      for (const { tenantId, role } of await store.members.listOfUser(userId)) {
        const tenant = await store.tenants.findById(tenantId);
        if (tenant?.status === 'active') found.push({ tenant, role });
      }
      return found;
    },
  };
}

export type Members = ReturnType<typeof createMembers>;
