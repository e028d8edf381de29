import type { ServiceImpl } from '@connectrpc/connect';
import type { AdminService } from '../../gen/manam/admin/v1/admin_service_pb.js';
import type { MemberRole } from '../domain/member.ts';
import { manamSlug } from '../domain/tenant.ts';
import type { Invitations } from '../flows/manage/invitations.ts';
import type { Members } from '../flows/manage/members.ts';
import type { createTenantAdmin } from '../flows/manage/tenants.ts';
import type { createUserAdmin } from '../flows/manage/users.ts';
import { operatorOf } from './context.ts';
import { toMember } from './management-people.ts';

export type MemberAdminFlows = {
  readonly tenants: ReturnType<typeof createTenantAdmin>;
  readonly users: ReturnType<typeof createUserAdmin>;
  readonly members: Members;
  readonly invitations: Pick<Invitations, 'inviteDeveloper'>;
};

/** The calls of the admin service about members of tenants. */
export function memberHandlers({ tenants, users, members, invitations }: MemberAdminFlows) {
  const idOf = async (user: string) => (await users.get({ tenant: manamSlug, user })).user.id;
  return {
    async listTenantMembers(request, context) {
      const found = await members.list(await tenants.get(request.tenant), operatorOf(context));
      return { members: found.members.map(toMember) };
    },
    async setTenantMember({ tenant, user, role }, context) {
      const found = await tenants.get(tenant);
      const member = await members.put(operatorOf(context), found, await idOf(user), role as MemberRole);
      return { member: toMember(member) };
    },
    async inviteDeveloper({ email }, context) {
      await invitations.inviteDeveloper(operatorOf(context), email);
      return {};
    },
    async removeTenantMember({ tenant, user }, context) {
      await members.remove(operatorOf(context), await tenants.get(tenant), await idOf(user));
      return {};
    },
  } satisfies Partial<ServiceImpl<typeof AdminService>>;
}
