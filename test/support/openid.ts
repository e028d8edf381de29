import { AuthorizationService } from '../../gen/manam/v1/authorization_service_pb.js';
import { systemRandom } from '../../src/adapters/random.ts';
import { codeChallengeOf } from '../../src/domain/pkce.ts';
import { createApplicationAdmin } from '../../src/flows/manage/applications.ts';
import type { TestApp } from './app.ts';
import { bearer, type SignedIn, signUp } from './journey.ts';

const operator = { requestId: 'test', keyId: undefined, client: { address: '', userAgent: '' } };

/** The issuer of a tenant at a test server. */
export const issuerAt = (test: TestApp, slug = 'dev') => `${test.issuer}/t/${slug}`;

export type TestApplication = {
  readonly clientId: string;
  readonly secret: string;
  readonly redirectUri: string;
};

export const callback = 'https://app.example/callback';

/** The operators' flows about applications, over the store of a test server. */
export function applicationsOf(test: TestApp) {
  const { store } = test.app;
  return createApplicationAdmin({ store, clock: test.now, random: systemRandom, deployment: test.issuer });
}

/** Makes an application of a tenant: by default a first-party web application with a secret. */
export async function makeApplication(
  test: TestApp,
  settings: Readonly<Record<string, unknown>> = {},
  tenant = 'dev',
): Promise<TestApplication> {
  const standard = { kind: 'web', name: 'Shop', redirectUris: [callback], firstParty: true };
  const { application, secret } = await applicationsOf(test).create(operator, {
    tenant,
    settings: { ...standard, ...settings },
  });
  const [redirectUri = ''] = application.settings.redirectUris;
  return { clientId: application.clientId, secret, redirectUri };
}

export const verifier = 'a-verifier-of-forty-three-characters-or-more-47';

/** The parameters of a sound authorization request. */
export function requestOf(
  { clientId, redirectUri }: TestApplication,
  changes: Readonly<Record<string, string | undefined>> = {},
): URLSearchParams {
  const parameters = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    scope: 'openid',
    state: 'a-state',
    nonce: 'a-nonce',
    code_challenge: codeChallengeOf(verifier),
    code_challenge_method: 'S256',
    ...changes,
  };
  return new URLSearchParams(
    Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Sends a browser to the authorization endpoint; returns where it is sent on to. */
export async function visit(
  test: TestApp,
  parameters: URLSearchParams,
  { slug = 'dev', method = 'GET', headers = {} }: { slug?: string; method?: string; headers?: object } = {},
): Promise<{ readonly status: number; readonly location: string; readonly body: string }> {
  const endpoint = `${test.url}/t/${slug}/oauth/authorize`;
  const response =
    method === 'GET'
      ? await fetch(`${endpoint}?${parameters}`, { redirect: 'manual', headers: { ...headers } })
      : await fetch(endpoint, { method, body: parameters, redirect: 'manual', headers: { ...headers } });
  return {
    status: response.status,
    location: response.headers.get('location') ?? '',
    body: await response.text(),
  };
}

/** The handle that the hosted page gets. */
export async function handleOf(test: TestApp, parameters: URLSearchParams, slug = 'dev'): Promise<string> {
  const { location, body } = await visit(test, parameters, { slug });
  // The page that answers prompt=none has it inside.
  if (location === '') return /&quot;request&quot;:&quot;([\w-]+)&quot;/.exec(body)?.[1] ?? '';
  return new URL(location, test.url).searchParams.get('request') ?? '';
}

/** The client of the hosted pages, as a signed-in user. */
export function pagesOf(
  test: TestApp,
  { accessToken }: Pick<SignedIn, 'accessToken'>,
  slug: 'dev' | 'manam' = 'dev',
) {
  return test.client(AuthorizationService, { ...bearer(accessToken), apieco_key: test[slug].publishable });
}

/** Goes through the whole of an authorization; returns the parameters that the application gets. */
export async function authorize(
  test: TestApp,
  user: Pick<SignedIn, 'accessToken'>,
  parameters: URLSearchParams,
  slug: 'dev' | 'manam' = 'dev',
): Promise<URLSearchParams> {
  const request = await handleOf(test, parameters, slug);
  const { location } = await pagesOf(test, user, slug).continueAuthorization({ request, consent: true });
  return new URL(location).searchParams;
}

export type OAuthAnswer = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
};

/** Calls an endpoint of an issuer with a form. */
export async function post(
  test: TestApp,
  path: string,
  form: Readonly<Record<string, string>>,
  { slug = 'dev', headers = {} }: { slug?: string; headers?: Record<string, string> } = {},
): Promise<OAuthAnswer> {
  const response = await fetch(`${test.url}/t/${slug}/oauth/${path}`, {
    method: 'POST',
    body: new URLSearchParams(form),
    headers,
  });
  const text = await response.text();
  const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  return { status: response.status, headers: response.headers, body };
}

export function basic({
  clientId,
  secret,
}: Pick<TestApplication, 'clientId' | 'secret'>): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}` };
}

/** Exchanges a code as an application with a secret does. */
export const exchange = (test: TestApp, application: TestApplication, code: string, more: object = {}) =>
  post(
    test,
    'token',
    {
      grant_type: 'authorization_code',
      code,
      redirect_uri: application.redirectUri,
      code_verifier: verifier,
      ...more,
    },
    { headers: basic(application) },
  );

/** A user who has signed in to an application, with its tokens. */
export async function signInTo(
  test: TestApp,
  application: TestApplication,
  changes: Readonly<Record<string, string | undefined>> = {},
  user?: SignedIn,
): Promise<{
  readonly user: SignedIn;
  readonly tokens: Readonly<Record<string, string>>;
  readonly code: string;
}> {
  const someone = user ?? (await signUp(test));
  const code = (await authorize(test, someone, requestOf(application, changes))).get('code') ?? '';
  const { body } = await exchange(test, application, code);
  return { user: someone, tokens: body as Record<string, string>, code };
}
