import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import { manamProvider } from '../../domain/external-identity.ts';
import type { LoginRequest } from '../../domain/login-request.ts';
import type { Random } from '../../domain/random.ts';
import { withParameters } from '../../domain/registered-url.ts';
import type { Store } from '../../domain/repositories.ts';
import { manamSlug, type Tenant } from '../../domain/tenant.ts';
import type { UserView } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import { record } from '../events/record.ts';
import { ownSession } from '../sessions/own-session.ts';
import { type LoginRequests, parseReturn, type Return } from './login-requests.ts';
import { pairwiseSubject } from './pairwise-subject.ts';
import type { Arrival, ResolveIdentity } from './resolve-identity.ts';
import { makeLoginCode } from './return-code.ts';

export type ManamLoginDeps = {
  readonly store: Store<'users' | 'identities' | 'tenants' | 'challenges' | 'events'>;
  readonly requests: LoginRequests;
  readonly resolveIdentity: ResolveIdentity;
  readonly vault: Vault;
  /** The `iss` under which tenants know the users of Manam. */
  readonly issuer: string;
  /** Where the hosted sign-in stands. */
  readonly pageUrl: string;
  readonly clock: Clock;
  readonly random: Random;
};

/** The question of the consent page. */
export type ConsentQuestion = {
  readonly tenantName: string;
  readonly consented: boolean;
  readonly name: string;
  /** Empty: the tenant learns their number. */
  readonly email: string;
};

/**
 * "Login with Manam": a user of Manam signs in here, consents once per tenant, and the
 * browser goes back to the tenant with a one-time code. The tenant gets a separate user,
 * known by a subject that is another one at every tenant (OpenID Connect Core, section
 * 8.1), and never a token of Manam.
 */
export function createManamLogin(deps: ManamLoginDeps) {
  const { store, requests, resolveIdentity, vault, issuer, pageUrl, clock } = deps;

  /** The user of Manam who calls, and the tenant that asks for them. */
  async function open(
    caller: Caller,
    handle: string,
  ): Promise<{ view: UserView; request: LoginRequest; tenant: Tenant }> {
    if (caller.tenant.slug !== manamSlug) throw new DomainError('NOT_FOUND');
    const request = await requests.find(handle, ['manam']);
    const tenant = await store.tenants.findById(request.tenantId);
    if (tenant?.status !== 'active' || !tenant.policy.manam.enabled)
      throw new DomainError('LOGIN_STATE_INVALID');
    return { view: ownSession(caller).holder, request, tenant };
  }

  function arrivalOf(view: UserView, tenant: Tenant): Arrival {
    const { firstName, lastName, picture } = view.user.profile;
    const proved = [view.email, view.mobile].find((held) => held?.confirmedAt !== undefined);
    const claims = {
      issuer,
      subject: pairwiseSubject(vault, view.user.id, tenant.id),
      email: view.email?.confirmedAt === undefined ? '' : view.email.address,
      isVerified: true,
      // Confirmed here, but maybe long ago: enough for a new account, not to open one that exists.
      isAuthoritative: false,
      fields: { firstName, lastName, picture },
    };
    const rules = { mayLink: false, mayCreate: true, isTrusted: false, mayTell: true };
    return { provider: manamProvider, claims, profile: {}, identifier: proved, ...rules };
  }

  return {
    /** Begins for a tenant. Returns the URL to open. */
    async start(caller: Caller, command: Return): Promise<string> {
      if (!caller.tenant.policy.manam.enabled) throw new DomainError('PROVIDER_DISABLED');
      const fields = parseReturn(caller, command, { isOptional: false });
      const { handle } = await requests.begin(caller, 'manam', fields);
      return withParameters(pageUrl, { request: handle });
    },

    async describe(caller: Caller, command: { readonly request: string }): Promise<ConsentQuestion> {
      const { view, tenant } = await open(caller, command.request);
      const { firstName, lastName } = view.user.profile;
      return {
        tenantName: tenant.name,
        consented: await store.identities.hasConsented(caller.tenant.id, view.user.id, tenant.id),
        name: `${firstName} ${lastName}`.trim(),
        email: view.email?.confirmedAt === undefined ? '' : view.email.address,
      };
    },

    /** Consents, or refuses; returns the tenant's page with a code, or with the reason why there is none. */
    async approve(
      caller: Caller,
      command: { readonly request: string; readonly deny: boolean },
    ): Promise<string> {
      const { view, request, tenant } = await open(caller, command.request);
      await requests.consume(request);
      const { redirectUri, codeChallenge } = request.data;
      if (command.deny) return withParameters(redirectUri, { error: 'PROVIDER_DENIED' });
      const { id: manamUserId } = view.user;
      // The account at the tenant is found or made as that tenant.
      const atTenant: Caller = {
        ...caller,
        tenant,
        key: undefined,
        session: undefined,
        idempotency: undefined,
      };
      try {
        const userId = await resolveIdentity(atTenant, arrivalOf(view, tenant));
        const code = await store.transaction(async (repositories) => {
          await repositories.identities.consent(caller.tenant.id, manamUserId, tenant.id, clock());
          const details = { tenant: tenant.slug };
          await record(repositories, deps, caller, { type: 'consent.granted', details });
          const approved = {
            type: 'sign_in.approved',
            userId,
            details: { provider: manamProvider },
          } as const;
          await record(repositories, deps, atTenant, approved);
          const user = { tenantId: tenant.id, userId };
          const content = { codeChallenge, amr: ['fed' as const] };
          return await makeLoginCode(repositories, deps, user, 'login-code', content);
        });
        return withParameters(redirectUri, { code });
      } catch (error) {
        if (!(error instanceof DomainError) || error.reason !== 'LOCAL_LOGIN_REQUIRED') throw error;
        return withParameters(redirectUri, { error: error.reason });
      }
    },
  };
}

export type ManamLogin = ReturnType<typeof createManamLogin>;
