import type { Caller } from '../../domain/caller.ts';
import { parseEmail } from '../../domain/email.ts';
import { DomainError } from '../../domain/errors.ts';
import type { ExternalProfile } from '../../domain/external-identity.ts';
import { googleIssuer } from '../../domain/google.ts';
import type { Store } from '../../domain/repositories.ts';
import { manamSlug, type Tenant } from '../../domain/tenant.ts';
import type { UserView } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import { pairwiseSubject } from '../federation/pairwise-subject.ts';
import { ownSession } from '../sessions/own-session.ts';
import { targetOf } from './target.ts';

export type ManamUserDeps = {
  readonly store: Store<'users' | 'identities' | 'tenants'>;
  readonly vault: Vault;
};

/**
 * A user of Manam itself: the whole of them for themselves, with what Google says of them where
 * they came in through it; for a tenant that they have consented to, what the consent page names.
 */
export type ManamUser =
  | (UserView & { readonly external: ExternalProfile | undefined; readonly isShared: false })
  | (UserView & { readonly subject: string; readonly isShared: true });

const notFound = () => new DomainError('NOT_FOUND');

/**
 * Shows the users of Manam itself: each to themselves, and to another tenant's secret key
 * those who have consented to that tenant. Everyone else does not exist.
 */
export function createManamUser({ store, vault }: ManamUserDeps) {
  async function show(tenantId: string, userId: string): Promise<ManamUser> {
    const view = await store.users.findById(tenantId, userId);
    if (view === undefined) throw notFound();
    const identity = await store.identities.findOfUser(tenantId, userId, googleIssuer);
    return { ...view, external: identity?.profile, isShared: false };
  }

  async function manamTenant(caller: Caller): Promise<Tenant> {
    if (caller.tenant.slug === manamSlug) return caller.tenant;
    const tenant = await store.tenants.findBySlug(manamSlug);
    if (tenant === undefined) throw notFound();
    return tenant;
  }

  return {
    /** The profile of the Manam user whose own session calls. */
    async loginWithManam(caller: Caller): Promise<ManamUser> {
      if (caller.tenant.slug !== manamSlug) throw notFound();
      return await show(caller.tenant.id, ownSession(caller).userId);
    },

    async getManamUserInfo(caller: Caller, command: { readonly email: string }): Promise<ManamUser> {
      const tenant = await manamTenant(caller);
      if (caller.session !== undefined && caller.tenant.id !== tenant.id) throw notFound();
      const userId = await targetOf(store, { ...caller, tenant }, { ...command, userId: '' });
      const isOwn = caller.tenant.id === tenant.id;
      if (!isOwn && !(await store.identities.hasConsented(tenant.id, userId, caller.tenant.id)))
        throw notFound();
      const own = await show(tenant.id, userId);
      const subject = pairwiseSubject(vault, userId, caller.tenant.id);
      const user: ManamUser = isOwn ? own : { ...own, subject, isShared: true };
      const named = command.email === '' ? undefined : parseEmail(command.email).canonical;
      if (named !== undefined && named !== user.email?.canonical) throw notFound();
      return user;
    },
  };
}
