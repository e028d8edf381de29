import type { Budget } from '../../domain/budget.ts';
import { DomainError } from '../../domain/errors.ts';
import { type ProviderOrigin, providerOrigin } from '../../domain/external-identity.ts';
import type { IdentityProviders } from '../../domain/identity-provider.ts';
import { networkOf } from '../../domain/network.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { sha256 } from '../../domain/token.ts';
import { type Actor, type RecordDeps, record } from '../events/record.ts';
import type { Limiter } from '../limits.ts';
import type { Connections } from './connections.ts';

export type ProviderLogoutDeps = RecordDeps & {
  readonly store: Store<'identities' | 'sessions' | 'challenges' | 'proofs' | 'budgets' | 'events'>;
  readonly limiter: Limiter;
  /** Tokens of one network that prove nothing. */
  readonly budget: Budget;
  readonly providers: IdentityProviders;
  readonly connections: Connections;
};

/** A tenant, reached by its provider: no user calls. */
type ProviderCaller = Actor & { readonly tenant: Tenant };

/**
 * A provider says that someone has signed out there: the sessions that began there end (OpenID Connect
 * Back-Channel Logout 1.0, section 2.7), also where the tenant has switched the connection off. A token counts once.
 */
export function createProviderLogout(deps: ProviderLogoutDeps) {
  const { store, providers, connections, limiter, budget, clock } = deps;

  /** Takes away the steps of a sign-in that is still on its way, so that it begins anew. */
  async function endPending(
    { challenges }: Pick<Repositories, 'challenges'>,
    tenantId: string,
    userId: string,
    ended: ProviderOrigin,
  ): Promise<void> {
    for (const { id, data } of await challenges.listPending(tenantId, userId, ['login-code', 'sign-in'])) {
      const { origin } = JSON.parse(data?.toString() ?? '{}') as { readonly origin?: ProviderOrigin };
      const isOfSession = ended.sid === '' || origin?.sid === ended.sid;
      if (origin?.subject === ended.subject && isOfSession) await challenges.consume(tenantId, id, clock());
    }
  }

  return async function logout(
    caller: ProviderCaller,
    { provider, logoutToken }: { readonly provider: string; readonly logoutToken: string },
  ): Promise<void> {
    const tenantId = caller.tenant.id;
    // Counted before any work, and given back to who proves to be the provider.
    const network = networkOf(caller.client.address);
    const countedAt = await limiter.charge(tenantId, budget, network);
    const client = await connections.formerClientOf(caller.tenant, provider);
    const asked = await providers.verifyLogoutToken(client, logoutToken);
    await store.budgets.refund({ tenantId, name: budget.name, subject: sha256(network), uses: [countedAt] });
    const { issuer, subject, sid, tokenId, expiresAt } = asked;
    const ended = providerOrigin(provider, asked);
    const identity = subject === '' ? undefined : await store.identities.find(tenantId, issuer, subject);
    const id = sha256(`logout ${provider} ${tokenId}`).toString('base64url');
    await store.transaction(async (repositories) => {
      const { proofs, identities, sessions } = repositories;
      if (!(await proofs.spend(tenantId, { id, expiresAt }))) throw new DomainError('PROVIDER_TOKEN_INVALID');
      // Steps first: one that becomes a session meanwhile has its session among those that follow.
      if (identity !== undefined) await endPending(repositories, tenantId, identity.userId, ended);
      const bytes = (digest: string) => Buffer.from(digest, 'base64url');
      const begun = await identities.listSessions(tenantId, provider, {
        ...(subject !== '' && { subjectDigest: bytes(ended.subject) }),
        ...(sid !== '' && { sidDigest: bytes(ended.sid) }),
      });
      for (const { sessionId, userId } of begun) {
        if (!(await sessions.revoke(tenantId, userId, sessionId, clock()))) continue;
        const details = { cause: 'provider-logout' } as const;
        await record(repositories, deps, caller, { type: 'session.ended', userId, sessionId, details });
      }
    });
  };
}

export type ProviderLogoutFlow = ReturnType<typeof createProviderLogout>;
