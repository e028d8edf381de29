import type { Caller } from '../../domain/caller.ts';
import { DomainError } from '../../domain/errors.ts';
import type { ExternalProfile, ProviderClaims } from '../../domain/external-identity.ts';
import { type GoogleClient, type GoogleProvider, googleIssuer } from '../../domain/google.ts';
import type { LoginRequest } from '../../domain/login-request.ts';
import { withParameters } from '../../domain/registered-url.ts';
import { DuplicateError, type Store } from '../../domain/repositories.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { Vault } from '../../domain/vault.ts';
import { afterChange, assertNotFrozenNow } from '../after-change.ts';
import { type RecordDeps, record, recordingFailure } from '../events/record.ts';
import { notifyUser } from '../messages.ts';
import { ownSession } from '../sessions/own-session.ts';
import type { CompleteSignIn, SignInResult } from '../sign-in/complete.ts';
import { type LoginRequests, parseReturn, type Return } from './login-requests.ts';
import { type Arrival, emailIdentifier, type ResolveIdentity } from './resolve-identity.ts';
import { makeLoginCode, takeLoginCode } from './return-code.ts';

export type GoogleDeps = RecordDeps & {
  readonly store: Store<
    | 'users'
    | 'identities'
    | 'tenants'
    | 'sessions'
    | 'trustedDevices'
    | 'factorResets'
    | 'challenges'
    | 'loginRequests'
    | 'budgets'
    | 'smsUsage'
    | 'outbox'
    | 'events'
  >;
  readonly google: GoogleProvider;
  /** The deployment's own client; undefined: it has none. */
  readonly defaultClient: GoogleClient | undefined;
  readonly requests: LoginRequests;
  readonly resolveIdentity: ResolveIdentity;
  readonly signIn: CompleteSignIn;
  readonly vault: Vault;
};

/** The result of a callback: a redirect, or the response of the sign-in. */
export type CallbackResult =
  | { readonly kind: 'redirect'; readonly url: string }
  | { readonly kind: 'answer'; readonly result: SignInResult };

/** The parameters of Google's redirect (OpenID Connect Core, section 3.1.2.5). */
export type CallbackCommand = { readonly state: string; readonly code: string; readonly error: string };

const secretName = 'google_client_secret';
const provider = 'google';
const signInFailed = { type: 'sign_in.failed', details: { method: 'google' } } as const;
const linkFailed = { type: 'identity.link_failed', details: { provider } } as const;

/** An id_token of an app, and whether its user asked to stay signed in. */
export type GoogleTokenCommand = { readonly idToken: string; readonly remember: boolean };

/** Sign-in with Google: authorization code with PKCE, state and nonce (R47), and tokens of apps. */
export function createGoogleLogin(deps: GoogleDeps) {
  const { store, google, defaultClient, requests, resolveIdentity, signIn, clock } = deps;

  /** The client that a tenant signs in with; PROVIDER_DISABLED where it has switched Google off (R52). */
  async function clientOf({ id, policy }: Tenant): Promise<GoogleClient> {
    const { enabled, clientId } = policy.google;
    if (!enabled) throw new DomainError('PROVIDER_DISABLED');
    if (clientId === '') {
      if (defaultClient === undefined) throw new DomainError('PROVIDER_DISABLED');
      return defaultClient;
    }
    const clientSecret = await store.tenants.findSecret(id, secretName);
    if (clientSecret === undefined) throw new DomainError('PROVIDER_DISABLED');
    return { clientId, clientSecret };
  }

  async function authorizationUrl(
    caller: Caller,
    kind: LoginRequest['kind'],
    fields: Parameters<LoginRequests['begin']>[2],
  ): Promise<string> {
    const { tenant } = caller;
    const client = await clientOf(tenant);
    const { handle, data, challenge } = await requests.begin(caller, kind, fields);
    const { scopes } = tenant.policy.google;
    const { nonce } = data;
    return await google.authorizationUrl(client, { state: handle, nonce, codeChallenge: challenge, scopes });
  }

  const findActive = (caller: Caller, userId: string) =>
    signIn.activeAccount(caller, userId, () => new DomainError('CREDENTIALS_INVALID'));

  const complete = async (caller: Caller, userId: string, remember: boolean): Promise<SignInResult> =>
    await signIn.complete(caller, await findActive(caller, userId), {
      method: 'google',
      amr: ['fed'],
      remember,
    });

  /** Google's claims, after every check of R49 and of the nonce. */
  async function arrive(
    caller: Caller,
    request: LoginRequest,
    command: CallbackCommand,
  ): Promise<{ claims: ProviderClaims; profile: ExternalProfile }> {
    const client = await clientOf(caller.tenant);
    const { scopes } = caller.tenant.policy.google;
    const tokens = await google.exchange(client, command.code, request.data.codeVerifier);
    const { claims, nonce } = await google.verify(tokens.idToken, [client.clientId]);
    if (nonce !== request.data.nonce) throw new DomainError('PROVIDER_TOKEN_INVALID');
    return { claims, profile: await google.profile(tokens.accessToken, scopes) };
  }

  async function comeBack(
    caller: Caller,
    request: LoginRequest,
    command: CallbackCommand,
  ): Promise<CallbackResult> {
    const { data } = request;
    const { claims, profile } = await arrive(caller, request, command);
    if (request.kind === 'google-link') return await comeBackToLink(caller, request, claims);
    const userId = await resolveIdentity(caller, arrivalOf(claims, profile));
    if (data.redirectUri === '') return { kind: 'answer', result: await complete(caller, userId, false) };
    await findActive(caller, userId);
    const user = { tenantId: caller.tenant.id, userId };
    const content = { codeChallenge: data.codeChallenge, amr: ['fed' as const], sessionId: '', subject: '' };
    const code = await store.transaction((repositories) =>
      makeLoginCode(repositories, deps, user, 'login-code', content),
    );
    return { kind: 'redirect', url: withParameters(data.redirectUri, { code }) };
  }

  async function comeBackToLink(
    caller: Caller,
    { data }: LoginRequest,
    { subject }: ProviderClaims,
  ): Promise<CallbackResult> {
    const { userId, sessionId, codeChallenge, redirectUri } = data;
    const user = { tenantId: caller.tenant.id, userId };
    const code = await store.transaction((repositories) =>
      makeLoginCode(repositories, deps, user, 'google-link', { codeChallenge, amr: [], sessionId, subject }),
    );
    return { kind: 'redirect', url: withParameters(redirectUri, { code }) };
  }

  return {
    /** Begins in a browser. Returns the URL to open. */
    start: async (caller: Caller, command: Return): Promise<string> =>
      authorizationUrl(caller, 'google', parseReturn(caller, command, true)),

    /** Begins in an app. Returns the nonce that its token has to carry. */
    async startNative(caller: Caller): Promise<string> {
      if (!caller.tenant.policy.google.enabled) throw new DomainError('PROVIDER_DISABLED');
      return (await requests.begin(caller, 'google-native', {})).handle;
    },

    /**
     * The browser is back. The state is used up first, whatever follows: nothing that came
     * with it can be tried twice. With a registered page the outcome goes there, a failure
     * too, so that the user is not stranded.
     */
    async callback(caller: Caller, command: CallbackCommand): Promise<CallbackResult> {
      // A reload, or one that comes too late, still knows where its browser came from.
      const request = await requests.recall(command.state, ['google', 'google-link']);
      if (request.tenantId !== caller.tenant.id) throw new DomainError('LOGIN_STATE_INVALID');
      try {
        await requests.consume(request);
        return await recordingFailure(deps, caller, signInFailed, async () => {
          if (command.error !== '' || command.code === '') throw new DomainError('PROVIDER_DENIED');
          return await comeBack(caller, request, command);
        });
      } catch (error) {
        const { redirectUri } = request.data;
        if (redirectUri === '' || !(error instanceof DomainError) || error.reason === 'INTERNAL') throw error;
        return { kind: 'redirect', url: withParameters(redirectUri, { error: error.reason }) };
      }
    },

    /** Signs in with a token that an app got on its device, under the same checks. */
    loginWithToken: (caller: Caller, command: GoogleTokenCommand): Promise<SignInResult> =>
      recordingFailure(deps, caller, signInFailed, async () => {
        const { enabled, clientId, audiences } = caller.tenant.policy.google;
        const own = clientId === '' ? (defaultClient?.clientId ?? '') : clientId;
        const accepted = [own, ...audiences].filter((audience) => audience !== '');
        if (!enabled || accepted.length === 0) throw new DomainError('PROVIDER_DISABLED');
        const { claims, nonce } = await google.verify(command.idToken, accepted);
        const request = await requests.find(nonce, ['google-native']).catch((error: unknown) => {
          throw error instanceof DomainError && error.reason === 'LOGIN_STATE_INVALID'
            ? new DomainError('PROVIDER_TOKEN_INVALID')
            : error;
        });
        if (request.tenantId !== caller.tenant.id) throw new DomainError('PROVIDER_TOKEN_INVALID');
        await requests.consume(request);
        const userId = await resolveIdentity(caller, arrivalOf(claims, profileOf(claims)));
        return await complete(caller, userId, command.remember);
      }),

    /** Begins to connect the caller's account. */
    startLink: async (caller: Caller, command: Return): Promise<string> => {
      const { userId, id: sessionId } = ownSession(caller);
      return await authorizationUrl(caller, 'google-link', {
        ...parseReturn(caller, command, false),
        userId,
        sessionId,
      });
    },

    /** Connects what the browser returned with, in the session that began it. */
    finishLink: (
      caller: Caller,
      command: { readonly code: string; readonly codeVerifier: string },
    ): Promise<void> =>
      recordingFailure(deps, caller, linkFailed, async () => {
        const { userId, id: sessionId } = ownSession(caller);
        const { challenge, content } = await takeLoginCode(deps, caller, 'google-link', command);
        if (challenge.userId !== userId || content.sessionId !== sessionId)
          throw new DomainError('CODE_INVALID');
        const { id: tenantId } = caller.tenant;
        const view = await store.users.findById(tenantId, userId);
        if (view === undefined) throw new DomainError('TOKEN_INVALID');
        const identity = { tenantId, issuer: googleIssuer, subject: content.subject, userId, profile: {} };
        try {
          await store.transaction(async (repositories) => {
            if (!(await repositories.challenges.consume(tenantId, challenge.id, clock())))
              throw new DomainError('CODE_INVALID');
            await assertNotFrozenNow(repositories, clock, view.user);
            await repositories.identities.insert(identity, clock());
            await notifyUser(deps, repositories, caller, view, 'identity-linked');
            await record(repositories, deps, caller, { type: 'identity.linked', details: { provider } });
          });
        } catch (error) {
          throw error instanceof DuplicateError ? new DomainError('IDENTITY_TAKEN') : error;
        }
      }),

    /** Takes the connection away, unless the user could not sign in any more without it. */
    async unlink(caller: Caller): Promise<void> {
      const { userId } = ownSession(caller);
      const { id: tenantId } = caller.tenant;
      const view = await store.users.findById(tenantId, userId);
      if (view === undefined) throw new DomainError('TOKEN_INVALID');
      if ((await store.users.findPasswordHash(tenantId, userId)) === undefined)
        throw new DomainError('LAST_SIGN_IN');
      await store.transaction(async (repositories) => {
        if ((await repositories.identities.remove(tenantId, userId, googleIssuer)) === 0)
          throw new DomainError('NOT_FOUND');
        const event = { type: 'identity.unlinked', details: { provider } } as const;
        await afterChange(deps, repositories, caller, view, { notice: 'identity-linked', event });
      });
    },
  };
}

export type GoogleLogin = ReturnType<typeof createGoogleLogin>;

/** Google is authoritative for the addresses that it hosts; any other opens no account by itself (R51). */
function arrivalOf(claims: ProviderClaims, profile: ExternalProfile): Arrival {
  const identifier = claims.isAuthoritative ? emailIdentifier(claims.email) : undefined;
  return { claims, profile, identifier, mayLink: claims.isAuthoritative };
}

/** The profile of an app's user: what their token says. */
function profileOf({ email, firstName, lastName, picture }: ProviderClaims): ExternalProfile {
  const displayName = `${firstName} ${lastName}`.trim();
  return { displayName, givenName: firstName, familyName: lastName, photos: picture, email };
}
