import {
  type Application,
  isSelfRegistered,
  matchRedirectUri,
  remainderOf,
} from '../../domain/application.ts';
import { type ApplicationTokens, issuerOf } from '../../domain/application-token.ts';
import { demandsSecondFactor } from '../../domain/authenticator.ts';
import {
  AuthorizationError,
  type AuthorizationParameters,
  type AuthorizationRequest,
  parseAuthorizationRequest,
  redirectUriOf,
  responseModeOf,
  singleParameter,
} from '../../domain/authorization-request.ts';
import type { Caller } from '../../domain/caller.ts';
import type { FindClient } from '../../domain/client.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError } from '../../domain/errors.ts';
import { acrOf, type Consent } from '../../domain/grant.ts';
import type { Random } from '../../domain/random.ts';
import type { Store } from '../../domain/repositories.ts';
import type { CallerSession } from '../../domain/session.ts';
import { requiresSecondFactor, type Tenant } from '../../domain/tenant.ts';
import { formatChallengeToken, sha256 } from '../../domain/token.ts';
import { record } from '../events/record.ts';
import type { LoginRequests } from '../federation/login-requests.ts';
import { holdSession, ownSession } from '../sessions/own-session.ts';
import { type AuthorizationAnswer, answerWithError } from './answer.ts';
import { manamScopes, newGrant, noteConsent } from './new-grant.ts';
import type { RequestHandles } from './request-handle.ts';
import type { SubjectOf } from './subject.ts';

export type AuthorizeDeps = {
  readonly store: Store<
    'users' | 'sessions' | 'authenticators' | 'grants' | 'identities' | 'tenants' | 'terms' | 'events'
  >;
  readonly findClient: FindClient;
  readonly requests: LoginRequests;
  readonly handles: RequestHandles;
  readonly tokens: ApplicationTokens;
  readonly subjectOf: SubjectOf;
  readonly deployment: string;
  readonly clock: Clock;
  readonly random: Random;
};

/** Lifetime of a code (ASVS 10.4.3). */
const codeMs = 60_000;

/** The outcome of a request at the endpoint: the hosted pages take over, or the application gets its failure. */
export type Begun =
  | { readonly kind: 'page'; readonly handle: string; readonly request: AuthorizationRequest }
  | { readonly kind: 'answer'; readonly answer: AuthorizationAnswer };

/** The step that an authorization still needs. */
export type MissingStep =
  | { readonly step: 'reauthenticate' | 'other-user' }
  | { readonly step: 'consent'; readonly scopes: readonly string[]; readonly resources: readonly string[] };

/** The error for an application that sent `prompt=none` (OpenID Connect Core 1.0, section 3.1.2.6). */
const silentErrors = {
  'other-user': 'login_required',
  reauthenticate: 'login_required',
  consent: 'consent_required',
  interaction: 'interaction_required',
} as const;

export type Continued = { readonly answer: AuthorizationAnswer } | MissingStep;

/** The prefix of what the pushed authorization endpoint gives (RFC 9126, section 2.2). */
export const requestUriPrefix = 'urn:ietf:params:oauth:request_uri:';

function isRegistered(
  { settings }: Application,
  { redirectUri }: Pick<AuthorizationRequest, 'redirectUri'>,
): boolean {
  return matchRedirectUri(settings, settings.redirectUris, redirectUri) !== undefined;
}

/** A request that the person in front of the page is told about, because there is no application that could be. */
function pageError(detail: string): DomainError {
  return new DomainError('AUTHORIZATION_INVALID', { metadata: { detail } });
}

const unregistered = () => pageError('redirect_uri is not one of those that are registered');

/**
 * Authorization (RFC 6749, section 4.1; OpenID Connect Core 1.0, section 3.1.2): the endpoint checks what an application asks
 * for, the hosted pages ask the user, and a code leaves in the answer to the call of a signed-in user alone.
 */
export function createAuthorize(deps: AuthorizeDeps) {
  const { store, findClient, requests, handles, tokens, subjectOf, deployment, clock, random } = deps;

  /** The parameters that were pushed, once. */
  async function takePushed(tenant: Tenant, clientId: string, uri: string): Promise<AuthorizationRequest> {
    const refusal = () => pageError('request_uri is unknown, expired or used');
    try {
      const found = await requests.find(uri.slice(requestUriPrefix.length), ['pushed']);
      const pushed = found.data.authorization;
      if (pushed?.clientId !== clientId || found.tenantId !== tenant.id) throw refusal();
      await requests.consume(found);
      return { ...pushed, startedAtMs: clock().getTime() };
    } catch (error) {
      throw error instanceof DomainError && error.reason === 'LOGIN_STATE_INVALID' ? refusal() : error;
    }
  }

  /** The user of an `id_token_hint`, for whom alone the answer is. */
  async function expectedBy(tenant: Tenant, clientId: string, hint: string): Promise<string> {
    if (hint === '') return '';
    const known = await tokens.readHint(hint, issuerOf(deployment, tenant.slug));
    if (known?.clientId !== clientId)
      throw new AuthorizationError('invalid_request', 'id_token_hint is no ID token of this application');
    return known.subject;
  }

  async function parse(
    tenant: Tenant,
    application: Application,
    redirectUri: string,
    parameters: AuthorizationParameters,
  ): Promise<AuthorizationRequest> {
    const { clientId } = application;
    const expected = await expectedBy(tenant, clientId, singleParameter(parameters, 'id_token_hint'));
    return parseAuthorizationRequest(application, redirectUri, parameters, expected, clock());
  }

  function refuse(tenant: Tenant, request: AnsweredRequest, error: AuthorizationError): AuthorizationAnswer {
    return answerWithError(issuerOf(deployment, tenant.slug), request, error.code, error.message);
  }

  /** A request from a handle, with its application as it is now. */
  async function open(caller: Caller, handle: string) {
    const { tenant, client } = caller;
    const request = handles.open('authorization', tenant.id, handle);
    const application = await findClient(tenant, request.clientId, client.address);
    if (application === undefined) throw new DomainError('AUTHORIZATION_INVALID');
    const rest = remainderOf(application, request);
    if (rest === undefined || !isRegistered(application, request))
      throw new DomainError('AUTHORIZATION_INVALID');
    return { request: { ...request, ...rest }, application };
  }

  async function findMissing(
    caller: Caller,
    session: CallerSession,
    application: Application,
    request: AuthorizationRequest,
    hasConsented: boolean,
  ): Promise<MissingStep | undefined> {
    const { expectedSubject, prompts, scopes, resources } = request;
    if (expectedSubject !== '' && (await subjectOf(application, session.userId)) !== expectedSubject)
      return { step: 'other-user' };
    if (isTooOld(session, request) || (await lacksLevel(caller, session, request)))
      return { step: 'reauthenticate' };
    if (hasConsented) return undefined;
    const asksAlways = prompts.includes('consent') || isAnyones(application, session, request);
    if (asksAlways) return { step: 'consent', scopes, resources };
    if (application.settings.firstParty) return undefined;
    const known = await consentsOf(caller, session, application);
    const fresh = {
      scopes: scopes.filter((scope) => !known.scopes.includes(scope)),
      resources: resources.filter((resource) => !known.resources.includes(resource)),
    };
    const isKnown = fresh.scopes.length + fresh.resources.length === 0;
    return isKnown ? undefined : { step: 'consent', ...fresh };
  }

  /** The consents of a user, those of "Login with Manam" included, whose page names what it passes on. */
  async function consentsOf(
    { tenant }: Caller,
    { userId }: CallerSession,
    { clientId, settings }: Application,
  ): Promise<Pick<Consent, 'scopes' | 'resources'>> {
    const consents = await store.grants.listConsents(tenant.id, userId);
    const { scopes, resources } = consents.find((each) => each.clientId === clientId) ?? {
      scopes: [],
      resources: [],
    };
    const sector = settings.sector === '' ? undefined : await store.tenants.findBySlug(settings.sector);
    const isKnown =
      sector !== undefined && (await store.identities.hasConsented(tenant.id, userId, sector.id));
    return { scopes: isKnown ? [...scopes, ...manamScopes] : scopes, resources };
  }

  /** Whether the user has not accepted the tenant's terms as they are now, for which the hosted pages ask. */
  async function lacksTerms({ tenant }: Caller, { userId }: CallerSession): Promise<boolean> {
    const { version } = tenant.policy.terms;
    return version !== '' && (await store.terms.findAcceptance(tenant.id, userId, version)) === undefined;
  }

  /** Whether a second factor is wanted that the session lacks and its user has (`acr_values`, a voluntary claim). */
  async function lacksLevel(
    caller: Caller,
    { userId, amr }: CallerSession,
    { acrValues }: AuthorizationRequest,
  ) {
    if (acrValues[0] !== 'aal2' || acrOf(amr) === 'aal2') return false;
    const enrolled = await store.authenticators.findEnrolled(caller.tenant.id, userId);
    return demandsSecondFactor(enrolled, requiresSecondFactor(caller.tenant.policy));
  }

  async function approve(
    caller: Caller,
    session: CallerSession,
    application: Application,
    request: AuthorizationRequest,
    isNewConsent: boolean,
  ): Promise<AuthorizationAnswer> {
    const { tenant } = caller;
    const now = clock();
    const secret = random.bytes(32);
    const { redirectUri, codeChallenge, nonce, state, responseMode } = request;
    const expiresAt = new Date(now.getTime() + codeMs);
    const grant = newGrant(deps, tenant.id, session, application, request, expiresAt);
    await store.transaction(async (repositories) => {
      await holdSession(repositories, caller, session, clock);
      if (isNewConsent) await noteConsent(deps, repositories, caller, session.userId, application, request);
      await repositories.grants.insert(grant, {
        digest: sha256(secret),
        expiresAt,
        redirectUri,
        codeChallenge,
        nonce,
      });
      const details = { application: application.clientId };
      await record(repositories, deps, caller, { type: 'grant.approved', details });
    });
    const iss = issuerOf(deployment, tenant.slug);
    const code = formatChallengeToken(grant.id, secret);
    const parameters = { code, ...(state !== undefined && { state }), iss };
    return { redirectUri, responseMode, parameters };
  }

  return {
    /**
     * What an authorization request leads to. Throws AUTHORIZATION_INVALID for one without an application or without a
     * redirect URI of it, which never leaves this service (RFC 9700, section 4.11.2).
     */
    async begin(
      tenant: Tenant,
      parameters: AuthorizationParameters,
      browser: { readonly address: string; readonly isFrame: boolean },
    ): Promise<Begun> {
      const clientId = parameters['client_id'];
      if (typeof clientId !== 'string' || clientId === '')
        throw pageError('client_id is missing or comes twice');
      const application = await findClient(tenant, clientId, browser.address);
      if (application === undefined) throw pageError('client_id names no application of this tenant');
      const { request_uri: uri } = parameters;
      const isPushed = typeof uri === 'string' && uri.startsWith(requestUriPrefix);
      const pushed = isPushed ? await takePushed(tenant, clientId, uri) : undefined;
      // Its page may have been taken away from the application since.
      if (pushed !== undefined && !isRegistered(application, pushed)) throw unregistered();
      const redirectUri = pushed?.redirectUri ?? redirectUriOf(application, parameters);
      if (redirectUri === undefined) throw unregistered();
      const state = (typeof parameters['state'] === 'string' && parameters['state']) || undefined;
      const answered = pushed ?? { redirectUri, state, responseMode: responseModeOf(parameters) };
      try {
        const request = pushed ?? (await parse(tenant, application, redirectUri, parameters));
        // Without cookies a frame knows of no session, and a page in it could not be seen.
        if (request.prompts.includes('none') && isSelfRegistered(application))
          throw new AuthorizationError('interaction_required', 'prompt=none is for registered applications');
        if (request.prompts.includes('none') && browser.isFrame)
          throw new AuthorizationError('login_required', 'there is no session in a frame');
        return { kind: 'page', handle: handles.seal('authorization', tenant.id, request), request };
      } catch (error) {
        if (!(error instanceof AuthorizationError)) throw error;
        // Anyone can register an address by naming it; browsers are not sent there unasked.
        if (isSelfRegistered(application)) throw pageError(`${error.code}: ${error.message}`);
        return { kind: 'answer', answer: refuse(tenant, answered, error) };
      }
    },

    parse,

    async describe(caller: Caller, handle: string) {
      return await open(caller, handle);
    },

    /** Goes on as the signed-in user: to the application with a code, or with a failure for `prompt=none`. */
    async continue(
      caller: Caller,
      command: { readonly request: string; readonly consent: boolean },
    ): Promise<Continued> {
      const session = ownSession(caller);
      const { request, application } = await open(caller, command.request);
      const missing = await findMissing(caller, session, application, request, command.consent);
      const isSilent = request.prompts.includes('none');
      if (missing === undefined && !(isSilent && (await lacksTerms(caller, session))))
        return { answer: await approve(caller, session, application, request, command.consent) };
      // The application may ask for another account of the browser.
      if (missing !== undefined && (!isSilent || missing.step === 'other-user')) return missing;
      const code = silentErrors[missing?.step ?? 'interaction'];
      const error = new AuthorizationError(code, 'the user would have to be asked');
      return { answer: refuse(caller.tenant, request, error) };
    },

    /** Ends a request without a code; `needsInteraction`: its user is signed in, and has to do something first. */
    async refuse(caller: Caller, handle: string, needsInteraction = false): Promise<AuthorizationAnswer> {
      const { request } = await open(caller, handle);
      const refused = new AuthorizationError('access_denied', 'the user refused');
      const unasked = needsInteraction
        ? new AuthorizationError('interaction_required', 'the user would have to be asked')
        : new AuthorizationError('login_required', 'there is no session');
      return refuse(caller.tenant, request, request.prompts.includes('none') ? unasked : refused);
    },
  };
}

export type Authorize = ReturnType<typeof createAuthorize>;

type AnsweredRequest = Pick<AuthorizationRequest, 'redirectUri' | 'state' | 'responseMode'>;

/** Whether the user has to authenticate again for this request: `prompt=login`, or a sign-in older than `max_age`. */
function isTooOld(
  { authTime }: CallerSession,
  { prompts, maxAgeS, startedAtMs }: AuthorizationRequest,
): boolean {
  const oldest = prompts.includes('login') ? 0 : maxAgeS;
  // Both times are of this service, and one of them in whole milliseconds at rest.
  return oldest !== undefined && authTime.getTime() < startedAtMs - oldest * 1000;
}

/**
 * Whether another program could stand behind the redirect URI, and the user has done nothing for this very request: who
 * listens on a loopback port or has a scheme cannot be known (RFC 8252, section 8.6).
 */
function isAnyones(
  { settings: { kind, firstParty } }: Application,
  { authTime }: CallerSession,
  { redirectUri, startedAtMs }: AuthorizationRequest,
): boolean {
  if (kind !== 'native') return false;
  return !firstParty || (!redirectUri.startsWith('https:') && authTime.getTime() < startedAtMs);
}
