import type { IncomingMessage, ServerResponse } from 'node:http';
import { codeToHttpStatus } from '@connectrpc/connect/protocol-connect';
import type { Logger } from 'pino';
import { DomainError } from '../domain/errors.ts';
import { type Locale, negotiateLocale } from '../domain/locale.ts';
import { manamSlug } from '../domain/tenant.ts';
import type { ManamLogin } from '../flows/federation/manam.ts';
import { manamLoginAssets, manamLoginPage, renderManamLogin } from '../pages/manam-login.ts';
import type { RequestInfo } from '../rpc/context.ts';
import type { ErrorMapper } from '../server/error-mapper.ts';
import { pathOf, type Route, sendJson } from '../server/handler.ts';
import { toFailure } from '../server/rest-dialect.ts';
import type { TenantDirectory } from '../server/tenant-directory.ts';
import { keyedCaller } from './browser-caller.ts';
import type { HostedTenants } from './hosted-tenants.ts';

export type ManamLoginRouteDeps = {
  readonly manamLogin: ManamLogin;
  readonly directory: TenantDirectory;
  readonly mapError: ErrorMapper;
  readonly log: Logger;
  readonly hostedTenants: HostedTenants;
  readonly prefixes: readonly string[];
};

/** No script, style or frame of anyone else, and no form that leaves the page. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * A browser's way into "Login with Manam":
 * `GET /manamlogin?client={publishable key}&redirect_uri=…&code_challenge=…` leads to the hosted
 * sign-in. Without `client` the path is the RPC's.
 */
export function createManamLoginRoute(deps: ManamLoginRouteDeps): Route {
  const { manamLogin, mapError, hostedTenants, prefixes } = deps;
  const entries = new Set(prefixes.map((prefix) => `${prefix}/manamlogin`));

  async function begin(request: IncomingMessage, info: RequestInfo, query: URLSearchParams): Promise<string> {
    const caller = await keyedCaller(deps, request, info, query.get('client') ?? '');
    return await manamLogin.start(caller, {
      redirectUri: query.get('redirect_uri') ?? '',
      codeChallenge: query.get('code_challenge') ?? '',
    });
  }

  async function showPage(response: ServerResponse, locale: Locale): Promise<'answered'> {
    const key = (await hostedTenants(manamSlug))?.key;
    if (key === undefined) throw new DomainError('PROVIDER_DISABLED');
    response.setHeader('content-security-policy', policy);
    response
      .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
      .end(renderManamLogin(locale, key));
    return 'answered';
  }

  return async (request, response, info) => {
    if (request.method !== 'GET') return 'go on';
    const path = pathOf(request);
    const asset = manamLoginAssets.get(path);
    if (asset !== undefined) {
      response.writeHead(200, { 'content-type': asset.type }).end(asset.body);
      return 'answered';
    }
    const query = new URL(request.url ?? '', 'http://localhost').searchParams;
    const isEntry = entries.has(path) && query.has('client');
    if (!isEntry && path !== manamLoginPage) return 'go on';
    info.procedure = 'manamlogin';
    const locale = negotiateLocale(request.headers['accept-language'] ?? null);
    try {
      if (!isEntry) return await showPage(response, locale ?? 'en');
      response.writeHead(302, { location: await begin(request, info, query) }).end();
      return 'answered';
    } catch (thrown) {
      const error = mapError(thrown, info, locale);
      const { status, body } = toFailure(error, codeToHttpStatus(error.code), 'unsuccess', (field) => field);
      return sendJson(response, status, body);
    }
  };
}
