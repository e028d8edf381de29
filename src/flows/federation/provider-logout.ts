import type { Budget } from '../../domain/budget.ts';
import { DomainError } from '../../domain/errors.ts';
import { type FederatedSession, providerOrigin } from '../../domain/external-identity.ts';
import type { IdentityProviders, ProviderLogout } from '../../domain/identity-provider.ts';
import { networkOf } from '../../domain/network.ts';
import type { Store } from '../../domain/repositories.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { sha256 } from '../../domain/token.ts';
import type { Actor } from '../events/record.ts';
import { type RecordDeps, record } from '../events/record.ts';
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
 * Back-Channel Logout 1.0, section 2.7). Returns their number. A token counts once.
 */
export function createProviderLogout(deps: ProviderLogoutDeps) {
  const { store, providers, connections, limiter, budget, clock } = deps;

  /** The sessions of a subject, or of one session at the provider. */
  async function sessionsOf(
    tenantId: string,
    provider: string,
    { issuer, subject, sid }: ProviderLogout,
  ): Promise<Pick<FederatedSession, 'sessionId' | 'userId'>[]> {
    const origin = providerOrigin(provider, { issuer, subject, sid });
    const bytes = (digest: string) => Buffer.from(digest, 'base64url');
    return await store.identities.listSessions(tenantId, provider, {
      ...(subject !== '' && { subjectDigest: bytes(origin.subject) }),
      ...(sid !== '' && { sidDigest: bytes(origin.sid) }),
    });
  }

  return async function logout(
    caller: ProviderCaller,
    { provider, logoutToken }: { readonly provider: string; readonly logoutToken: string },
  ): Promise<number> {
    const tenantId = caller.tenant.id;
    // Counted before any work, and given back to who proves to be the provider.
    const network = networkOf(caller.client.address);
    await limiter.charge(tenantId, budget, network);
    const client = await connections.clientOf(caller.tenant, provider);
    const asked = await providers.verifyLogoutToken(client, logoutToken);
    await store.budgets.refund({ tenantId, name: budget.name, subject: sha256(network), amount: 1 });
    const sessions = await sessionsOf(tenantId, provider, asked);
    const identity =
      asked.subject === '' ? undefined : await store.identities.find(tenantId, asked.issuer, asked.subject);
    const id = sha256(`logout ${provider} ${asked.tokenId}`).toString('base64url');
    return await store.transaction(async (repositories) => {
      if (!(await repositories.proofs.spend(tenantId, { id, expiresAt: asked.expiresAt })))
        throw new DomainError('PROVIDER_TOKEN_INVALID');
      // A sign-in of theirs that is still on its way begins anew.
      if (identity !== undefined)
        await repositories.challenges.invalidate(tenantId, identity.userId, ['login-code', 'sign-in']);
      let ended = 0;
      for (const { sessionId, userId } of sessions) {
        if (!(await repositories.sessions.revoke(tenantId, userId, sessionId, clock()))) continue;
        const details = { cause: 'provider-logout' } as const;
        await record(repositories, deps, caller, { type: 'session.ended', userId, sessionId, details });
        ended += 1;
      }
      return ended;
    });
  };
}

export type ProviderLogoutFlow = ReturnType<typeof createProviderLogout>;
