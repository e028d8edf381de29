import type { IncomingMessage } from 'node:http';
import { codeToHttpStatus } from '@connectrpc/connect/protocol-connect';
import type { Logger } from 'pino';
import type { Caller } from '../domain/caller.ts';
import { DomainError } from '../domain/errors.ts';
import { negotiateLocale } from '../domain/locale.ts';
import { parseHandle } from '../domain/login-request.ts';
import { maskMobile } from '../domain/mobile.ts';
import { networkOf } from '../domain/network.ts';
import { permissionsOf } from '../domain/tenant.ts';
import type { GoogleLogin } from '../flows/federation/google.ts';
import type { Limiter, Limits } from '../flows/limits.ts';
import type { SignInResult } from '../flows/sign-in/complete.ts';
import { accountPath } from '../pages/account.ts';
import type { RequestInfo } from '../rpc/context.ts';
import type { ErrorMapper } from '../server/error-mapper.ts';
import { pathOf, type Route, sendJson } from '../server/handler.ts';
import { toFailure } from '../server/rest-dialect.ts';
import type { TenantDirectory } from '../server/tenant-directory.ts';
import { browserCaller, keyedCaller } from './browser-caller.ts';

export type GoogleLoginRouteDeps = {
  readonly google: GoogleLogin;
  readonly directory: TenantDirectory;
  readonly limiter: Limiter;
  readonly limits: Limits;
  readonly mapError: ErrorMapper;
  readonly log: Logger;
  /** Where the REST routes are mounted. */
  readonly prefixes: readonly string[];
};

/**
 * A browser's way into a sign-in with Google: the page's link
 * `GET /googlelogin/{publishable key}`, and the callback that Google sends it back to.
 */
export function createGoogleLoginRoute(deps: GoogleLoginRouteDeps): Route {
  const { google, directory, limiter, limits, mapError, prefixes } = deps;

  async function callerOfState(request: IncomingMessage, info: RequestInfo, state: string): Promise<Caller> {
    const tenantId = parseHandle(state)?.tenantId;
    const tenant = tenantId === undefined ? undefined : await directory.findById(tenantId);
    if (tenant === undefined) throw new DomainError('LOGIN_STATE_INVALID');
    info.tenantId = tenant.id;
    await limiter.charge(tenant.id, limits.loginStartsPerNetwork, networkOf(info.client.address));
    return browserCaller(request, info, tenant);
  }

  /** The hosted page that a person continues from, where a browser would show them an error in JSON. */
  async function pageFor(
    request: IncomingMessage,
    info: RequestInfo,
    state: string,
    thrown: unknown,
  ): Promise<string | undefined> {
    const isBrowser = /\btext\/html\b/.test(String(request.headers.accept ?? ''));
    const tenantId = isBrowser ? parseHandle(state)?.tenantId : undefined;
    const tenant = tenantId === undefined ? undefined : await directory.findById(tenantId);
    if (tenant === undefined) return undefined;
    mapError(thrown, info);
    return `${accountPath}/${tenant.slug}/?error=${info.reason}`;
  }

  return async (request, response, info) => {
    const name = nameIn(pathOf(request), prefixes);
    if (request.method !== 'GET' || name === undefined) return 'go on';
    info.procedure = name === 'callback' ? 'googlelogin/callback' : 'googlelogin';
    const query = new URL(request.url ?? '', 'http://localhost').searchParams;
    const text = (key: string) => query.get(key) ?? '';
    try {
      if (name !== 'callback') {
        const caller = await keyedCaller(deps, request, info, name);
        const wanted = { redirectUri: text('redirect_uri'), codeChallenge: text('code_challenge') };
        response.writeHead(302, { location: await google.start(caller, wanted) }).end();
        return 'answered';
      }
      const caller = await callerOfState(request, info, text('state'));
      const command = { state: text('state'), code: text('code'), error: text('error') };
      const outcome = await google.callback(caller, command);
      if (outcome.kind === 'answer') return sendJson(response, 200, toAnswer(outcome.result, caller));
      response.writeHead(302, { location: outcome.url }).end();
      return 'answered';
    } catch (thrown) {
      const page = name === 'callback' ? await pageFor(request, info, text('state'), thrown) : undefined;
      if (page !== undefined) {
        response.writeHead(302, { location: page }).end();
        return 'answered';
      }
      const error = mapError(thrown, info, negotiateLocale(request.headers['accept-language'] ?? null));
      const { status, body } = toFailure(error, codeToHttpStatus(error.code), 'unsuccess', (field) => field);
      return sendJson(response, status, body);
    }
  };
}

/** The segment after /googlelogin/ in a path; undefined where there is none. */
function nameIn(path: string, prefixes: readonly string[]): string | undefined {
  for (const prefix of prefixes) {
    const start = `${prefix}/googlelogin/`;
    const name = path.startsWith(start) ? path.slice(start.length) : '';
    if (/^[\w-]+$/.test(name)) return name;
  }
  return undefined;
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
