import type { IncomingMessage, ServerResponse } from 'node:http';
import { codeToHttpStatus } from '@connectrpc/connect/protocol-connect';
import type { Logger } from 'pino';
import type { Caller } from '../domain/caller.ts';
import { DomainError } from '../domain/errors.ts';
import type { ProviderAnswer } from '../domain/identity-provider.ts';
import { parseHandle } from '../domain/login-request.ts';
import { maskMobile } from '../domain/mobile.ts';
import { networkOf } from '../domain/network.ts';
import { permissionsOf, type Tenant } from '../domain/tenant.ts';
import type { ProviderLogin } from '../flows/federation/provider-login.ts';
import type { ProviderLogoutFlow } from '../flows/federation/provider-logout.ts';
import type { Limiter, Limits } from '../flows/limits.ts';
import type { SignInResult } from '../flows/sign-in/complete.ts';
import { accountPath } from '../pages/hosted-pages.ts';
import type { RequestInfo } from '../rpc/context.ts';
import type { ErrorMapper } from '../server/error-mapper.ts';
import { readForm } from '../server/form.ts';
import { pathOf, type Route, sendJson } from '../server/handler.ts';
import type { TenantDirectory } from '../server/tenant-directory.ts';
import { browserCaller, keyedCaller, sendFailure } from './browser-caller.ts';
import { findPlace, type Place } from './provider-places.ts';

export type ProviderLoginRouteDeps = {
  readonly login: ProviderLogin;
  readonly logout: ProviderLogoutFlow;
  readonly directory: TenantDirectory;
  /** An active tenant by its name. */
  readonly findTenant: (slug: string) => Promise<Tenant | undefined>;
  readonly limiter: Limiter;
  readonly limits: Limits;
  readonly mapError: ErrorMapper;
  readonly log: Logger;
  /** Where the REST routes are mounted. */
  readonly prefixes: readonly string[];
};

/** A form of a provider: a code and a name, or a logout token. */
const maxFormBytes = 16 * 1024;

/**
 * A browser's way into a sign-in with an identity provider, the page's links `GET /googlelogin/{publishable
 * key}` and `GET /login/{provider}/{publishable key}`; the callbacks that providers send it back to; and what
 * providers themselves say, that someone has signed out there.
 */
export function createProviderLoginRoute(deps: ProviderLoginRouteDeps): Route {
  const { login, logout, directory, findTenant, limiter, limits, mapError, prefixes } = deps;

  const chargeNetwork = (tenant: Tenant, info: RequestInfo) =>
    limiter.charge(tenant.id, limits.loginStartsPerNetwork, networkOf(info.client.address));

  async function callerOfState(
    request: IncomingMessage,
    info: RequestInfo,
    state: string,
    slug: string | undefined,
  ): Promise<Caller> {
    const tenantId = parseHandle(state)?.tenantId;
    const tenant = tenantId === undefined ? undefined : await directory.findById(tenantId);
    // The address of one tenant's provider takes no state of another's.
    if (tenant === undefined || (slug !== undefined && slug !== tenant.slug))
      throw new DomainError('LOGIN_STATE_INVALID');
    info.tenantId = tenant.id;
    await chargeNetwork(tenant, info);
    return browserCaller(request, info, tenant);
  }

  async function start(
    { provider, key }: Extract<Place, { at: 'start' }>,
    request: IncomingMessage,
    response: ServerResponse,
    info: RequestInfo,
  ): Promise<'answered'> {
    const query = queryOf(request);
    const caller = await keyedCaller(deps, request, info, key);
    const redirectUri = query['redirect_uri'] ?? '';
    const codeChallenge = query['code_challenge'] ?? '';
    const location = await login.start(caller, { provider, redirectUri, codeChallenge });
    response.writeHead(302, { location }).end();
    return 'answered';
  }

  async function callBack(
    { provider, slug }: Extract<Place, { at: 'callback' }>,
    answer: ProviderAnswer,
    request: IncomingMessage,
    response: ServerResponse,
    info: RequestInfo,
  ): Promise<'answered'> {
    const caller = await callerOfState(request, info, answer['state'] ?? '', slug);
    const outcome = await login.callback(caller, { provider, answer });
    if (outcome.kind === 'answer') return sendJson(response, 200, toAnswer(outcome.result, caller));
    redirect(response, outcome.url);
    return 'answered';
  }

  /** The hosted page that a person continues from, where a browser would show them an error in JSON. */
  async function pageFor(
    request: IncomingMessage,
    info: RequestInfo,
    { slug }: Extract<Place, { at: 'callback' }>,
    state: string,
    thrown: unknown,
  ): Promise<string | undefined> {
    if (!/\btext\/html\b/.test(String(request.headers.accept ?? ''))) return undefined;
    const tenantId = parseHandle(state)?.tenantId;
    const found = tenantId === undefined ? undefined : await directory.findById(tenantId);
    const tenant = found ?? (slug === undefined ? undefined : await findTenant(slug));
    if (tenant === undefined) return undefined;
    mapError(thrown, info);
    return `${accountPath}/${tenant.slug}/?error=${info.reason}`;
  }

  /** OpenID Connect Back-Channel Logout 1.0, sections 2.5 and 2.8. */
  async function signOut(
    { provider, slug }: Extract<Place, { at: 'logout' }>,
    request: IncomingMessage,
    response: ServerResponse,
    info: RequestInfo,
  ): Promise<'answered'> {
    const tenant = await findTenant(slug);
    if (tenant === undefined) throw new DomainError('NOT_FOUND');
    info.tenantId = tenant.id;
    const form = await readForm(request, maxFormBytes);
    try {
      const caller = { ...browserCaller(request, info, tenant), tenant };
      await logout(caller, { provider, logoutToken: form['logout_token'] ?? '' });
      response.writeHead(200).end();
      return 'answered';
    } catch (thrown) {
      const status = codeToHttpStatus(mapError(thrown, info).code);
      const isLater = status >= 500 || status === 429;
      return sendJson(response, isLater ? status : 400, {
        error: isLater ? 'temporarily_unavailable' : 'invalid_request',
        error_description: info.reason,
      });
    }
  }

  return async (request, response, info) => {
    const place = findPlace(request.method ?? '', pathOf(request), prefixes);
    if (place === undefined) return 'go on';
    info.procedure = place.procedure;
    let answer: ProviderAnswer = {};
    try {
      if (place.at === 'start') return await start(place, request, response, info);
      if (place.at === 'logout') return await signOut(place, request, response, info);
      answer = request.method === 'POST' ? await readForm(request, maxFormBytes) : queryOf(request);
      return await callBack(place, answer, request, response, info);
    } catch (thrown) {
      const page =
        place.at === 'callback'
          ? await pageFor(request, info, place, answer['state'] ?? '', thrown)
          : undefined;
      if (page !== undefined) {
        redirect(response, page);
        return 'answered';
      }
      return sendFailure(mapError, request, response, info, thrown);
    }
  };
}

/** 303: a browser that came with a form goes on without it. */
function redirect(response: ServerResponse, location: string): void {
  response.writeHead(response.req.method === 'POST' ? 303 : 302, { location }).end();
}

/** The parameters of a request; one that comes twice counts as none (RFC 6749, section 3.1). */
function queryOf(request: IncomingMessage): ProviderAnswer {
  const { searchParams } = new URL(request.url ?? '', 'http://localhost');
  const names = [...new Set(searchParams.keys())].filter((name) => searchParams.getAll(name).length === 1);
  return Object.fromEntries(names.map((name) => [name, searchParams.get(name) ?? '']));
}

/** The page's answer: the tokens, and the user flat beside them. */
function toAnswer(result: SignInResult, { tenant }: Caller): object {
  if (result.kind === 'pending') {
    const { token, methods, smsNumber } = result;
    return {
      access_token: '',
      two_factor_token: token,
      two_factor_methods: methods,
      masked_phone_number: smsNumber === undefined ? '' : maskMobile(smsNumber),
      location: `/auth/2fa/${methods[0]}/validate`,
      status: 'success',
    };
  }
  const { tokens, user, email, mobile } = result;
  const { firstName, lastName, picture } = user.profile;
  return {
    access_token: tokens.accessToken,
    refresh_token: tokens.refreshToken,
    expires_in: tokens.expiresInS,
    token_type: 'Bearer',
    user_id: user.id,
    username: email?.address ?? mobile?.address ?? '',
    fullname: `${firstName} ${lastName}`.trim(),
    email: email?.address ?? '',
    picture,
    roles: user.roles,
    permissions: permissionsOf(tenant.policy, user.roles),
    location: '/',
    status: 'success',
  };
}
