import { type Access, MemberRole } from '../../gen/manam/options/v1/access_pb.js';
import type { Clock } from '../domain/clock.ts';
import { DomainError } from '../domain/errors.ts';
import { isFresh } from '../domain/freshness.ts';
import type { CallingMember, MemberRepository, MemberRole as Role } from '../domain/member.ts';
import type { CallerSession } from '../domain/session.ts';
import { manamSlug, type Tenant } from '../domain/tenant.ts';
import type { TenantDirectory } from './tenant-directory.ts';

const roles: Readonly<Record<Role, MemberRole>> = {
  viewer: MemberRole.VIEWER,
  support: MemberRole.SUPPORT,
  developer: MemberRole.DEVELOPER,
  admin: MemberRole.ADMIN,
  owner: MemberRole.OWNER,
};

/** A member whom a call may be made by. */
export type AdmittedMember = {
  readonly tenant: Tenant;
  readonly caller: CallingMember;
  /** The session at Manam. */
  readonly session: CallerSession;
};

/** A call of someone who says to be a member. */
export type MemberCall = {
  /** The tenant of the session. */
  readonly tenantId: string;
  readonly session: CallerSession | undefined;
  /** The tenant that the call is about. */
  readonly slug: string;
  readonly rule: Access;
};

export type MemberGateDeps = {
  readonly directory: TenantDirectory;
  readonly members: Pick<MemberRepository, 'find'>;
  readonly clock: Clock;
};

/**
 * Admits members, by a session at Manam and a membership that is read at every call: a role ends with its next call. A
 * tenant that does not exist and one that the caller has no part in are the same to them.
 */
export function createMemberGate({ directory, members, clock }: MemberGateDeps) {
  return async function admitMember({ tenantId, session, slug, rule }: MemberCall): Promise<AdmittedMember> {
    const manam = await directory.findBySlug(manamSlug);
    if (session === undefined || tenantId !== manam?.id) throw new DomainError('TOKEN_INVALID');
    const tenant = /^[a-z0-9-]{1,63}$/.test(slug) ? await directory.findBySlug(slug) : undefined;
    // Read for an unknown tenant as well: the same work.
    const member = await members.find(tenant?.id ?? manam.id, session.userId);
    if (tenant === undefined || member === undefined || tenant.id === manam.id)
      throw new DomainError('NOT_FOUND');
    const { role } = member;
    if (!rule.members.includes(roles[role])) {
      const permitted = Object.keys(roles).filter((name) => rule.members.includes(roles[name as Role]));
      throw new DomainError('MEMBER_ROLE_REQUIRED', { metadata: { roles: permitted.join(', ') } });
    }
    if (tenant.policy.members.requireSecondFactor && !session.amr.includes('mfa'))
      throw new DomainError('MEMBER_FACTOR_REQUIRED');
    const fresh = isFresh(session, clock());
    const caller = { userId: session.userId, role, sessionId: session.id, isFresh: fresh };
    return { tenant, session, caller };
  };
}

export type MemberGate = ReturnType<typeof createMemberGate>;
