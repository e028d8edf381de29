import type { AuthenticationMethod } from '../../domain/authentication.ts';
import type { Caller } from '../../domain/caller.ts';
import { isOfDomains } from '../../domain/email.ts';
import { DomainError } from '../../domain/errors.ts';
import { type ProviderOrigin, providerOrigin } from '../../domain/external-identity.ts';
import type {
  IdentityProviders,
  ProviderAccount,
  ProviderAnswer,
  ProviderClient,
} from '../../domain/identity-provider.ts';
import type { LoginRequest } from '../../domain/login-request.ts';
import { withParameters } from '../../domain/registered-url.ts';
import type { Store } from '../../domain/repositories.ts';
import { type RecordDeps, recordingFailure } from '../events/record.ts';
import { ownSession } from '../sessions/own-session.ts';
import type { CompleteSignIn, SignInResult } from '../sign-in/complete.ts';
import type { Connections } from './connections.ts';
import { type LoginRequests, parseReturn, type Return } from './login-requests.ts';
import { type Arrival, emailIdentifier, type ResolveIdentity } from './resolve-identity.ts';
import { type CodeContent, makeLoginCode } from './return-code.ts';

export type ProviderLoginDeps = RecordDeps & {
  readonly store: Store<'challenges' | 'events'>;
  readonly providers: IdentityProviders;
  readonly connections: Connections;
  readonly requests: LoginRequests;
  readonly resolveIdentity: ResolveIdentity;
  readonly signIn: CompleteSignIn;
  /** The hosted page of a tenant that browsers may return to. */
  readonly returnPage: (slug: string) => string;
};

/** The result of a callback: a redirect, or the response of the sign-in. */
export type CallbackResult =
  | { readonly kind: 'redirect'; readonly url: string }
  | { readonly kind: 'answer'; readonly result: SignInResult };

/** An ID token of an app, and whether its user asked to stay signed in. */
export type ProviderTokenCommand = {
  readonly provider: string;
  readonly idToken: string;
  readonly remember: boolean;
};

/** The way into a connection: its name, and the page that the browser returns to. */
export type ProviderStart = Return & { readonly provider: string };

/** Sign-in with an identity provider: authorization code with PKCE, state and nonce (R47), and ID tokens of apps. */
export function createProviderLogin(deps: ProviderLoginDeps) {
  const { store, providers, connections, requests, resolveIdentity, signIn, returnPage } = deps;

  async function authorizationUrl(
    caller: Caller,
    kind: LoginRequest['kind'],
    provider: string,
    fields: Parameters<LoginRequests['begin']>[2],
  ): Promise<string> {
    const client = await connections.clientOf(caller.tenant, provider);
    if (!client.isForBrowsers) throw new DomainError('PROVIDER_DISABLED');
    const { handle, data, challenge } = await requests.begin(caller, kind, { ...fields, provider });
    const { nonce } = data;
    return await providers.authorizationUrl(client, { state: handle, nonce, codeChallenge: challenge });
  }

  const refusal = () => new DomainError('CREDENTIALS_INVALID');
  const findActive = (caller: Caller, userId: string) => signIn.activeAccount(caller, userId, refusal);

  const complete = async (
    caller: Caller,
    client: ProviderClient,
    userId: string,
    account: ProviderAccount,
    remember: boolean,
  ): Promise<SignInResult> =>
    await signIn.complete(caller, await findActive(caller, userId), {
      method: methodOf(client),
      amr: amrOf(client),
      origin: originAt(client, account),
      remember,
      refusal,
    });

  /** Who came, after every check of R49 and the tenant's rules. */
  async function arrive(
    client: ProviderClient,
    request: LoginRequest,
    answer: ProviderAnswer,
  ): Promise<ProviderAccount> {
    const { nonce, codeVerifier } = request.data;
    const expected = { state: answer['state'] ?? '', nonce, codeVerifier };
    const account = await providers.arrive(client, answer, expected);
    assertMayCome(client, account);
    return account;
  }

  async function comeBack(
    caller: Caller,
    client: ProviderClient,
    request: LoginRequest,
    answer: ProviderAnswer,
  ): Promise<CallbackResult> {
    const { codeChallenge, redirectUri, userId, sessionId } = request.data;
    const account = await arrive(client, request, answer);
    const { name: provider } = client;
    const returnWith = async (
      user: string,
      purpose: 'login-code' | 'provider-link',
      content: Partial<CodeContent>,
    ) => {
      const owner = { tenantId: caller.tenant.id, userId: user };
      const whole = { codeChallenge, amr: [], ...content };
      const code = await store.transaction((repositories) =>
        makeLoginCode(repositories, deps, owner, purpose, whole),
      );
      return { kind: 'redirect', url: withParameters(redirectUri, { code }) } as const;
    };
    if (request.kind === 'provider-link') {
      const { issuer, subject } = account.claims;
      const email = emailIdentifier(account.claims.email)?.address ?? '';
      return await returnWith(userId, 'provider-link', { sessionId, provider, issuer, subject, email });
    }
    const resolved = await resolveIdentity(caller, arrivalOf(client, account));
    if (redirectUri === '')
      return { kind: 'answer', result: await complete(caller, client, resolved, account, false) };
    await findActive(caller, resolved);
    const content = { amr: amrOf(client), origin: originAt(client, account) };
    return await returnWith(resolved, 'login-code', content);
  }

  return {
    /** Begins in a browser. Returns the URL to open. */
    start: async (caller: Caller, { provider, ...asked }: ProviderStart): Promise<string> => {
      const rules = { isOptional: true, hostedPage: returnPage(caller.tenant.slug) };
      return authorizationUrl(caller, 'provider', provider, parseReturn(caller, asked, rules));
    },

    /** Begins in an app. Returns the nonce that its token has to carry. */
    async startNative(caller: Caller, { provider }: { readonly provider: string }): Promise<string> {
      await connections.clientOf(caller.tenant, provider);
      return (await requests.begin(caller, 'provider-native', { provider })).handle;
    },

    /** Begins to connect the caller's account. */
    startLink: async (caller: Caller, { provider, ...asked }: ProviderStart): Promise<string> => {
      const { userId, id: sessionId } = ownSession(caller);
      const rules = { isOptional: false, hostedPage: returnPage(caller.tenant.slug) };
      const fields = { ...parseReturn(caller, asked, rules), userId, sessionId };
      return await authorizationUrl(caller, 'provider-link', provider, fields);
    },

    /**
     * The browser is back, at the address of a connection. The state is used up first, whatever follows:
     * nothing that came with it can be tried twice. With a registered page the outcome goes there, a failure
     * too, so that the user is not stranded.
     */
    async callback(
      caller: Caller,
      { provider, answer }: { readonly provider: string; readonly answer: ProviderAnswer },
    ): Promise<CallbackResult> {
      // A reload, or one that comes too late, still knows where its browser came from.
      const request = await requests.recall(answer['state'] ?? '', ['provider', 'provider-link']);
      // The address of one provider takes no answer to what another was asked (RFC 9700, section 4.4).
      if (request.tenantId !== caller.tenant.id || request.data.provider !== provider)
        throw new DomainError('LOGIN_STATE_INVALID');
      const { redirectUri } = request.data;
      try {
        await requests.consume(request);
        const client = await connections.clientOf(caller.tenant, provider);
        const failed =
          request.kind === 'provider-link'
            ? ({ type: 'identity.link_failed', details: { provider } } as const)
            : ({ type: 'sign_in.failed', details: { method: methodOf(client) } } as const);
        return await recordingFailure(deps, caller, failed, async () => {
          const { error = '', code = '' } = answer;
          if (faults.includes(error)) throw providers.failed(client, error);
          if (error !== '' || code === '') throw new DomainError('PROVIDER_DENIED');
          return await comeBack(caller, client, request, answer);
        });
      } catch (error) {
        if (redirectUri === '' || !(error instanceof DomainError) || error.reason === 'INTERNAL') throw error;
        return { kind: 'redirect', url: withParameters(redirectUri, { error: error.reason }) };
      }
    },

    /** Signs in with an ID token that an app got on its device, under the same checks. */
    async loginWithToken(
      caller: Caller,
      { provider, ...command }: ProviderTokenCommand,
    ): Promise<SignInResult> {
      const client = await connections.clientOf(caller.tenant, provider);
      const failed = { type: 'sign_in.failed', details: { method: methodOf(client) } } as const;
      return await recordingFailure(deps, caller, failed, async () => {
        if ([client.clientId, ...client.audiences].every((id) => id === ''))
          throw new DomainError('PROVIDER_DISABLED');
        const account = await providers.verifyIdToken(client, command.idToken);
        const request = await requests.find(account.nonce, ['provider-native']).catch((error: unknown) => {
          throw error instanceof DomainError && error.reason === 'LOGIN_STATE_INVALID'
            ? new DomainError('PROVIDER_TOKEN_INVALID')
            : error;
        });
        if (request.tenantId !== caller.tenant.id || request.data.provider !== provider)
          throw new DomainError('PROVIDER_TOKEN_INVALID');
        await requests.consume(request);
        assertMayCome(client, account);
        const userId = await resolveIdentity(caller, arrivalOf(client, account));
        return await complete(caller, client, userId, account, command.remember);
      });
    },
  };
}

export type ProviderLogin = ReturnType<typeof createProviderLogin>;

/** Errors of a provider that are no decision of the person in front of it (RFC 6749, section 4.1.2.1). */
const faults: readonly string[] = [
  'invalid_request',
  'unauthorized_client',
  'unsupported_response_type',
  'invalid_scope',
  'server_error',
  'temporarily_unavailable',
];

/** The method of a sign-in, as events name it. */
function methodOf({ kind }: ProviderClient): 'google' | 'provider' {
  return kind === 'google' ? 'google' : 'provider';
}

/** With a provider that the tenant trusts with it, the second factor counts as proved. */
function amrOf({ secondFactor }: ProviderClient): readonly AuthenticationMethod[] {
  return secondFactor === 'trust' ? ['fed', 'mfa'] : ['fed'];
}

function originAt({ name }: ProviderClient, { claims, sid }: ProviderAccount): ProviderOrigin {
  return providerOrigin(name, { ...claims, sid });
}

/** The tenant's rules of who may come: at every sign-in, not at the first alone. */
function assertMayCome(client: ProviderClient, { claims }: ProviderAccount): void {
  const { email, isVerified } = claims;
  const { domains, verifiedOnly } = client;
  if (verifiedOnly && !isVerified) throw new DomainError('PROVIDER_ADDRESS_DENIED');
  if (domains.length > 0 && (!isVerified || !isOfDomains(email, domains)))
    throw new DomainError('PROVIDER_ADDRESS_DENIED');
}

/**
 * The address of a new account. Google's word counts where it hosts the mailbox (R51), that of others where
 * they have verified the address; only those that answer for it open an account that exists.
 */
function arrivalOf(client: ProviderClient, { claims, profile }: ProviderAccount): Arrival {
  const { isVerified, isAuthoritative, email } = claims;
  const counts = client.kind === 'google' ? isAuthoritative : isVerified;
  return {
    provider: client.name,
    claims,
    profile,
    identifier: counts ? emailIdentifier(email) : undefined,
    mayLink: isAuthoritative,
    mayCreate: client.createAccounts,
    isTrusted: client.secondFactor === 'trust',
    // No one can put an address of another into an account at Google.
    mayTell: isVerified || client.kind === 'google',
  };
}
