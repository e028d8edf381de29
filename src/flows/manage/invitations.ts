import type { Caller, Manager } from '../../domain/caller.ts';
import { dayMs } from '../../domain/duration.ts';
import { parseEmail } from '../../domain/email.ts';
import { DomainError } from '../../domain/errors.ts';
import {
  type Invitation,
  type MemberRole,
  maxMembers,
  maxMembersConfined,
  rolesGivenBy,
} from '../../domain/member.ts';
import { DuplicateError, type Store } from '../../domain/repositories.ts';
import { manamSlug, type Tenant } from '../../domain/tenant.ts';
import { bytesToUuid, decodeBase64url, isUuid, sha256, uuidToBytes } from '../../domain/token.ts';
import { cleanTyped } from '../../domain/typed-text.ts';
import type { RecipientCharge } from '../charges.ts';
import { record } from '../events/record.ts';
import type { Limiter } from '../limits.ts';
import { composeEmail } from '../messages.ts';
import { ownSession } from '../sessions/own-session.ts';
import { asActor, asPerson, findManam } from './manager.ts';
import type { MembersDeps } from './members.ts';

export type InvitationDeps = Pick<MembersDeps, 'clock' | 'random'> & {
  readonly store: Store<'members' | 'tenants' | 'users' | 'events' | 'outbox'>;
  readonly chargeRecipient: RecipientCharge;
  readonly limiter: Pick<Limiter, 'charge'>;
  /** The hosted page that an invitation leads to, of a tenant by its slug. */
  readonly invitationPage: (slug: string) => string;
  /** The hosted page on which someone makes a tenant. */
  readonly newTenantPage: string;
};

/** Anyone can make a confined tenant, and Manam sends its invitations: so revoked invitations count as well. */
const confinedBudget = { name: 'invitation.confined', max: 3 * maxMembersConfined, windowMs: dayMs };

const lifetimeMs = 7 * dayMs;
const secretBytes = 32;

/** The token of an invitation: the tenant, the row, and a secret of which the row holds the digest. */
function formatToken({ tenantId, id }: Pick<Invitation, 'tenantId' | 'id'>, secret: Uint8Array): string {
  return Buffer.concat([uuidToBytes(tenantId), uuidToBytes(id), secret]).toString('base64url');
}

function parseToken(text: string) {
  const bytes = decodeBase64url(cleanTyped(text), 32 + secretBytes);
  return (
    bytes && {
      tenantId: bytesToUuid(bytes.subarray(0, 16)),
      id: bytesToUuid(bytes.subarray(16, 32)),
      digest: sha256(bytes.subarray(32)),
    }
  );
}

/** Invites people to run a tenant. An invitation names an address, and only its proved owner at Manam can take it. */
export function createInvitations(deps: InvitationDeps) {
  const { store, clock, random, chargeRecipient, limiter, invitationPage, newTenantPage } = deps;

  return {
    async invite(
      caller: Caller,
      manager: Manager,
      command: { readonly email: string; readonly role: MemberRole },
    ): Promise<Invitation> {
      const { tenant } = caller;
      const { role } = command;
      const { address, canonical } = parseEmail(command.email);
      if (manager.member !== undefined && !rolesGivenBy(manager.member.role).includes(role))
        throw new DomainError('GRANT_EXCEEDED', { metadata: { grant: role } });
      const manam = await findManam(store);
      if (tenant.confined) await limiter.charge(tenant.id, confinedBudget, '');
      await chargeRecipient({ ...caller, tenant: manam }, 'invitation', canonical);
      const secret = random.bytes(secretBytes);
      const createdAt = clock();
      const invitation: Invitation = {
        tenantId: tenant.id,
        id: random.uuid(),
        email: address,
        role,
        invitedBy: manager.member?.userId,
        digest: sha256(secret),
        createdAt,
        expiresAt: new Date(createdAt.getTime() + lifetimeMs),
      };
      const held = await store.users.findIdentifier(manam.id, { kind: 'email', canonical });
      const link = new URL(invitationPage(manamSlug));
      link.searchParams.set('token', formatToken(invitation, secret));
      // The mail has the branding of Manam and names the tenant; a confined tenant is named by its slug.
      const name = tenant.confined ? tenant.slug : tenant.name;
      const context = { tenant: { ...manam, name }, locale: caller.locale };
      const to = { kind: 'email', address, userLocale: held?.locale ?? '', senderEmail: '' } as const;
      const order = { template: 'member-invitation', link: link.href, code: '', lifetimeMs } as const;
      const message = composeEmail(deps, context, to, order);
      await store.transaction(async (repositories) => {
        const { tenants, members, outbox } = repositories;
        await tenants.findForUpdate(tenant.id);
        const [all, open] = [
          await members.list(tenant.id),
          await members.listInvitations(tenant.id, createdAt),
        ];
        if (held !== undefined && all.some(({ userId }) => userId === held.userId))
          throw new DomainError('MEMBER_EXISTS');
        // A new invitation of an address takes the place of the one before.
        const former = open.filter(({ email }) => email.toLowerCase() === canonical);
        const most = tenant.confined ? maxMembersConfined : maxMembers;
        if (all.length + open.length - former.length >= most)
          throw new DomainError('MEMBER_LIMIT', { metadata: { most: String(most) } });
        for (const { id } of former) await members.deleteInvitation(tenant.id, id);
        await members.insertInvitation(invitation);
        await outbox.add(message);
        await record(repositories, deps, asActor(manager, tenant), {
          type: 'member.invited',
          details: { invitation: invitation.id, role },
        });
      });
      return invitation;
    },

    /** Invites someone to make a tenant: the invitation is spent by the person who has proved the address. */
    async inviteDeveloper(manager: Manager, email: string): Promise<void> {
      const { address, canonical } = parseEmail(email);
      const manam = await findManam(store);
      const createdAt = clock();
      const expiresAt = new Date(createdAt.getTime() + lifetimeMs);
      const held = await store.users.findIdentifier(manam.id, { kind: 'email', canonical });
      const to = { kind: 'email', address, userLocale: held?.locale ?? '', senderEmail: '' } as const;
      const link = newTenantPage;
      const order = { template: 'developer-invitation', link, code: '', lifetimeMs } as const;
      const message = composeEmail(deps, { tenant: manam, locale: undefined }, to, order);
      const id = random.uuid();
      await store.transaction(async (repositories) => {
        const { members, outbox } = repositories;
        // No secret opens it: the proved address does.
        const digest = sha256(random.bytes(secretBytes));
        const row = { tenantId: manam.id, id, email: address, role: 'owner', digest } as const;
        await members.insertInvitation({ ...row, invitedBy: undefined, createdAt, expiresAt });
        await outbox.add(message);
        const event = { type: 'developer.invited', details: { invitation: id } } as const;
        await record(repositories, deps, asActor(manager, manam), event);
      });
    },

    async revoke(manager: Manager, tenant: Tenant, id: string): Promise<void> {
      if (!isUuid(id)) throw new DomainError('NOT_FOUND');
      await store.transaction(async (repositories) => {
        const found = await repositories.members.findInvitation(tenant.id, id);
        if (found === undefined) throw new DomainError('NOT_FOUND');
        // A member revokes only invitations to roles that they may give.
        if (manager.member !== undefined && !rolesGivenBy(manager.member.role).includes(found.role))
          throw new DomainError('GRANT_EXCEEDED', { metadata: { grant: found.role } });
        if (!(await repositories.members.deleteInvitation(tenant.id, id))) throw new DomainError('NOT_FOUND');
        await record(repositories, deps, asActor(manager, tenant), {
          type: 'member.invitation_revoked',
          details: { invitation: id },
        });
      });
    },

    /** Makes the caller a member of the tenant that invited their address; one caller wins. */
    async accept(caller: Caller, text: string): Promise<{ tenant: Tenant; role: MemberRole }> {
      const { userId, holder } = ownSession(caller);
      const invalid = () => new DomainError('INVITATION_INVALID');
      const token = caller.tenant.slug === manamSlug ? parseToken(text) : undefined;
      if (token === undefined) throw invalid();
      const { tenantId, id } = token;
      const now = clock();
      try {
        return await store.transaction(async (repositories) => {
          const { tenants, members, users } = repositories;
          const tenant = await tenants.findForUpdate(tenantId);
          // The account may be on its way out.
          await users.lock(caller.tenant.id, userId);
          if ((await users.findById(caller.tenant.id, userId)) === undefined) throw invalid();
          const found = await members.findInvitation(tenantId, id);
          const { email } = holder;
          const isOwn = email?.confirmedAt !== undefined && email.canonical === found?.email.toLowerCase();
          // The inviter must still be allowed to give the role.
          const maker = found?.invitedBy && (await members.find(tenantId, found.invitedBy));
          const mayGive =
            found?.invitedBy === undefined || (maker && rolesGivenBy(maker.role).includes(found.role));
          const isGood = found?.digest.equals(token.digest) && found.expiresAt > now && isOwn && mayGive;
          if (tenant?.status !== 'active' || found === undefined || !isGood) throw invalid();
          if (!(await members.deleteInvitation(tenantId, id))) throw invalid();
          await members.insert({ tenantId, userId, role: found.role, createdAt: now });
          const actor = asPerson(caller, tenant);
          await record(repositories, deps, actor, {
            type: 'member.joined',
            details: { person: userId, role: found.role },
          });
          return { tenant, role: found.role };
        });
      } catch (error) {
        throw error instanceof DuplicateError ? new DomainError('MEMBER_EXISTS') : error;
      }
    },
  };
}

export type Invitations = ReturnType<typeof createInvitations>;
