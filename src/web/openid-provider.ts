import type { IncomingMessage, ServerResponse } from 'node:http';
import { codeToHttpStatus } from '@connectrpc/connect/protocol-connect';
import { issuerPaths } from '../domain/application-token.ts';
import type { AuthorizationParameters } from '../domain/authorization-request.ts';
import { DomainError } from '../domain/errors.ts';
import { type Locale, negotiateLocale } from '../domain/locale.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { LocationOf } from '../flows/provider/answer.ts';
import type { Authorize } from '../flows/provider/authorize.ts';
import type { RequestHandles } from '../flows/provider/request-handle.ts';
import type { SignOut } from '../flows/provider/sign-out.ts';
import { hostedPagePath, renderSilentPage } from '../pages/hosted-pages.ts';
import { type PlainPage, renderFormPost, renderProblem } from '../pages/openid.ts';
import type { RequestInfo } from '../rpc/context.ts';
import type { ErrorMapper } from '../server/error-mapper.ts';
import { readParameters } from '../server/form.ts';
import { pathOf, type Route, sendJson } from '../server/handler.ts';
import type { TenantDirectory } from '../server/tenant-directory.ts';
import type { HostedTenants } from './hosted-tenants.ts';
import { issuerMetadata } from './issuer-metadata.ts';

export type OpenIdProviderDeps = {
  readonly authorize: Authorize;
  readonly signOut: SignOut;
  readonly handles: RequestHandles;
  readonly directory: TenantDirectory;
  readonly mapError: ErrorMapper;
  readonly locationOf: LocationOf;
  readonly hostedTenants: HostedTenants;
  readonly jwks: () => object;
  /** MANAM_ISSUER. */
  readonly deployment: string;
};

/** The script of the page and its calls, and nothing else. */
const silentPolicy =
  "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Cache lifetime of keys and metadata: a new key is published longer ahead. */
const documentS = 60;
const maxFormBytes = 32 * 1024;

type Visit = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly info: RequestInfo;
  readonly tenant: Tenant;
  readonly locale: Locale;
};

/** The places of issuers that browsers and verifiers visit; those that applications call are OAuthService. */
const places = {
  '/.well-known/openid-configuration': 'metadata',
  '/.well-known/oauth-authorization-server': 'metadata',
  [issuerPaths.jwks]: 'jwks',
  [issuerPaths.authorization]: 'authorize',
  [issuerPaths.endSession]: 'end-session',
  [issuerPaths.formPost]: 'form-post',
} as const;

type Place = (typeof places)[keyof typeof places];

/** The issuer and the place of a path. RFC 8414, section 3.1, puts the issuer behind the well-known name. */
function findPlace(path: string): { readonly slug: string; readonly place: Place } | undefined {
  const behind =
    /^(\/\.well-known\/(?:openid-configuration|oauth-authorization-server))\/t\/([a-z0-9-]{1,63})$/.exec(
      path,
    );
  const [, rest = '', slug = ''] = behind ?? [];
  if (behind !== null) return { slug, place: places[rest as keyof typeof places] };
  const before = /^\/t\/([a-z0-9-]{1,63})(\/.+)$/.exec(path);
  const place = places[(before?.[2] ?? '') as keyof typeof places];
  return before === null || place === undefined ? undefined : { slug: before[1] ?? '', place };
}

/** Serves what browsers and verifiers visit of a tenant's OpenID provider. */
export function createOpenIdProviderRoute(deps: OpenIdProviderDeps): Route {
  const { authorize, signOut, handles, directory, hostedTenants, mapError, locationOf, jwks, deployment } =
    deps;

  function redirect(response: ServerResponse, location: string): 'answered' {
    // Redirect URIs registered before this check existed may have characters that a header must not contain.
    const written = location.replaceAll(/[^\x21-\x7e]+/g, encodeURIComponent);
    // 303: whatever came by POST goes on by GET.
    response.writeHead(303, { location: written }).end();
    return 'answered';
  }

  function send({ response }: Visit, status: number, { html, policy }: PlainPage): 'answered' {
    response.setHeader('content-security-policy', policy);
    response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(html);
    return 'answered';
  }

  function publish({ response }: Visit, document: object): 'answered' {
    // Any page may read it: it is the same for everyone.
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('cache-control', `public, max-age=${documentS}`);
    return sendJson(response, 200, document);
  }

  async function beginAuthorization(visit: Visit): Promise<'answered'> {
    const { request, response, info, tenant } = visit;
    const isFrame = ['iframe', 'frame', 'embed', 'object'].includes(
      String(request.headers['sec-fetch-dest'] ?? ''),
    );
    const browser = { address: info.client.address, isFrame };
    const begun = await authorize.begin(tenant, await parametersOf(request), browser);
    if (begun.kind === 'page' && begun.request.prompts.includes('none'))
      return await answerSilently(visit, begun.handle);
    if (begun.kind === 'page') {
      const page = `${hostedPagePath(tenant.slug, 'authorize')}?request=${begun.handle}`;
      return redirect(
        response,
        begun.request.locale === undefined ? page : `${page}&lang=${begun.request.locale}`,
      );
    }
    return redirect(response, locationOf(tenant, begun.answer));
  }

  /** Nobody may be asked anything: a page looks for a session in this browser and goes on. */
  async function answerSilently(visit: Visit, handle: string): Promise<'answered'> {
    const hosted = await hostedTenants(visit.tenant.slug);
    if (hosted === undefined) throw new DomainError('UNAVAILABLE', { retryAfterMs: 1000 });
    const html = renderSilentPage(visit.tenant, hosted.key, handle);
    return send(visit, 200, { html, policy: silentPolicy });
  }

  async function beginSignOut({ request, response, info, tenant }: Visit): Promise<'answered'> {
    const handle = await signOut.begin(tenant, await parametersOf(request), info.client.address);
    return redirect(response, `${hostedPagePath(tenant.slug, 'sign-out')}?request=${handle}`);
  }

  function postForm(visit: Visit): 'answered' {
    const { request, tenant, locale } = visit;
    const handle = new URL(request.url ?? '', 'http://localhost').searchParams.get('request') ?? '';
    const { redirectUri } = handles.open('form-post', tenant.id, handle);
    return send(visit, 200, renderFormPost(locale, redirectUri));
  }

  const serve: Readonly<Record<Place, (visit: Visit) => 'answered' | Promise<'answered'>>> = {
    metadata: (visit) => publish(visit, issuerMetadata(deployment, visit.tenant)),
    jwks: (visit) => publish(visit, jwks()),
    authorize: beginAuthorization,
    'end-session': beginSignOut,
    'form-post': postForm,
  };

  function fail(visit: Visit, thrown: unknown): 'answered' {
    const { request, response, info, locale } = visit;
    const error = mapError(thrown, info, locale);
    const detail = thrown instanceof DomainError ? (thrown.details.metadata?.['detail'] ?? '') : '';
    const status =
      thrown instanceof DomainError && thrown.reason === 'AUTHORIZATION_INVALID'
        ? 400
        : codeToHttpStatus(error.code);
    for (const [name, value] of error.metadata) response.setHeader(name, value);
    if (!/\btext\/html\b/.test(String(request.headers.accept ?? '')))
      return sendJson(response, status, {
        error: 'invalid_request',
        error_description: detail || error.rawMessage,
      });
    return send(visit, status, renderProblem(locale, detail || error.rawMessage));
  }

  return async (request, response, info) => {
    const found = findPlace(pathOf(request));
    if (found === undefined) return 'go on';
    const { slug, place } = found;
    const takesForms = place === 'authorize' || place === 'end-session';
    // A HEAD would use a pushed request up (RFC 9110, section 9.2.1: it is safe).
    const methods = takesForms ? ['GET', 'POST'] : ['GET', 'HEAD'];
    if (!methods.includes(request.method ?? '')) {
      response.writeHead(405, { allow: methods.join(', ') }).end();
      return 'answered';
    }
    info.procedure = `openid/${place}`;
    const tenant = await directory.findBySlug(slug).catch(() => 'unavailable' as const);
    if (tenant === undefined) return refuseIssuer(request, response);
    if (tenant === 'unavailable') {
      response.writeHead(503).end();
      return 'answered';
    }
    info.tenantId = tenant.id;
    const locale = negotiateLocale(request.headers['accept-language'] ?? null) ?? tenant.policy.defaultLocale;
    const visit = { request, response, info, tenant, locale };
    try {
      return await serve[place](visit);
    } catch (thrown) {
      return fail(visit, thrown);
    }
  };
}

/** The parameters of a request, from the query or from the form; one that comes twice is a list. */
async function parametersOf(request: IncomingMessage): Promise<AuthorizationParameters> {
  if (request.method === 'POST') return await readParameters(request, maxFormBytes);
  const { searchParams } = new URL(request.url ?? '', 'http://localhost');
  return Object.fromEntries(
    [...new Set(searchParams.keys())].map((name) => {
      const values = searchParams.getAll(name);
      return [name, values.length === 1 ? values[0] : values];
    }),
  );
}

/** A misspelt tenant is the most common mistake with a library, and the library shows this text. */
function refuseIssuer(request: IncomingMessage, response: ServerResponse): 'answered' {
  const detail = 'there is no such issuer: check the name of the tenant in the address';
  const { headers } = request;
  if (!/\btext\/html\b/.test(String(headers.accept ?? '')))
    return sendJson(response, 404, { error: 'invalid_request', error_description: detail });
  const { html, policy } = renderProblem(negotiateLocale(headers['accept-language'] ?? null) ?? 'en', detail);
  response.setHeader('content-security-policy', policy);
  response.writeHead(404, { 'content-type': 'text/html; charset=utf-8' }).end(html);
  return 'answered';
}
