import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { MemberInvitationSchema, MyTenantSchema } from '../../gen/manam/v1/management_people_pb.js';
import type { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { managerOf } from '../domain/caller.ts';
import { DomainError, invalid } from '../domain/errors.ts';
import type { Invitation, MemberRole } from '../domain/member.ts';
import { manamSlug, purgeTimeOf, type Tenant } from '../domain/tenant.ts';
import type { createCreateTenant } from '../flows/manage/create-tenant.ts';
import type { Invitations } from '../flows/manage/invitations.ts';
import type { KnownMember, Members } from '../flows/manage/members.ts';
import type { createTenantAdmin } from '../flows/manage/tenants.ts';
import { ownSession } from '../flows/sessions/own-session.ts';
import { callerOf } from './context.ts';

export type PeopleFlows = {
  readonly members: Members;
  readonly invitations: Invitations;
  readonly createTenant: ReturnType<typeof createCreateTenant>;
  readonly tenants: Pick<ReturnType<typeof createTenantAdmin>, 'giveUp'>;
};

/** The calls of the management service about the people who run a tenant. */
export function peopleHandlers({ members, invitations, createTenant, tenants }: PeopleFlows) {
  return {
    async listMembers(_, context) {
      const caller = callerOf(context);
      const found = await members.list(caller.tenant, managerOf(caller));
      return {
        members: found.members.map(toMember),
        invitations: found.invitations.map(toInvitation),
      };
    },

    async inviteMember({ email, role }, context) {
      const caller = callerOf(context);
      const command = { email, role: role as MemberRole };
      return { invitation: toInvitation(await invitations.invite(caller, managerOf(caller), command)) };
    },

    async revokeInvitation({ invitationId }, context) {
      const caller = callerOf(context);
      await invitations.revoke(managerOf(caller), caller.tenant, invitationId);
      return {};
    },

    async setMemberRole({ userId, role }, context) {
      const caller = callerOf(context);
      const { tenant } = caller;
      const changed = await members.changeRole(managerOf(caller), tenant, userId, role as MemberRole);
      return { member: toMember(changed) };
    },

    async removeMember({ userId }, context) {
      const caller = callerOf(context);
      await members.remove(managerOf(caller), caller.tenant, userId);
      return {};
    },

    async leaveTenant(_, context) {
      const caller = callerOf(context);
      await members.leave(managerOf(caller), caller.tenant);
      return {};
    },

    async transferOwnership({ userId }, context) {
      const caller = callerOf(context);
      const next = await members.transferOwnership(managerOf(caller), caller.tenant, userId);
      return { member: toMember(next) };
    },

    async deleteTenant({ slug }, context) {
      const caller = callerOf(context);
      if (slug !== caller.tenant.slug) throw invalid({ field: 'slug', reason: 'FIELD_INVALID' });
      const { deletedAt } = await tenants.giveUp(managerOf(caller), caller.tenant.id);
      return deletedAt === undefined ? {} : { purgeTime: timestampFromDate(purgeTimeOf(deletedAt)) };
    },

    async acceptInvitation({ token }, context) {
      return { tenant: toMyTenant(await invitations.accept(callerOf(context), token)) };
    },

    async createTenant(request, context) {
      const { tenant, ...keys } = await createTenant(callerOf(context), request);
      return { tenant: toMyTenant({ tenant, role: 'owner' }), ...keys };
    },

    async listMyTenants(_, context) {
      const caller = callerOf(context);
      const { userId } = ownSession(caller);
      // Users of other tenants run none.
      if (caller.tenant.slug !== manamSlug) throw new DomainError('NOT_FOUND');
      return { tenants: (await members.listTenants(userId)).map(toMyTenant) };
    },
  } satisfies Partial<ServiceImpl<typeof ManagementService>>;
}

/** A member, in the form that operators and members see alike. */
export function toMember({ member, view }: KnownMember) {
  const { firstName = '', lastName = '' } = view?.user.profile ?? {};
  return {
    userId: member.userId,
    role: member.role,
    name: `${firstName} ${lastName}`.trim(),
    email: view?.email?.address ?? '',
    createTime: timestampFromDate(member.createdAt),
  };
}

function toInvitation(invitation: Invitation): MessageInitShape<typeof MemberInvitationSchema> {
  const { id: invitationId, email, role, invitedBy = '', createdAt, expiresAt } = invitation;
  const times = { createTime: timestampFromDate(createdAt), expireTime: timestampFromDate(expiresAt) };
  return { invitationId, email, role, invitedBy, ...times };
}

function toMyTenant({
  tenant: { id: tenantId, slug, name },
  role,
}: {
  readonly tenant: Tenant;
  readonly role: MemberRole;
}): MessageInitShape<typeof MyTenantSchema> {
  return { tenantId, slug, name, role };
}
