import {
  type Application,
  grantTypes,
  grantTypesOf,
  isPublicClient,
  matchRedirectUri,
} from './application.ts';
import { DomainError, invalid, type Reason } from './errors.ts';
import { parseScope } from './grant.ts';
import { type Locale, parseLocale } from './locale.ts';
import { isCodeChallenge } from './pkce.ts';

/** The parameters of an authorization request as they came; undefined: absent. A list came more than once. */
export type AuthorizationParameters = Readonly<Record<string, string | readonly string[] | undefined>>;

export const prompts = ['none', 'login', 'consent', 'select_account'] as const;
export type Prompt = (typeof prompts)[number];

/** A validated authorization request (OpenID Connect Core 1.0, section 3.1.2.1). */
export type AuthorizationRequest = {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly responseMode: 'query' | 'form_post';
  readonly scopes: readonly string[];
  readonly resources: readonly string[];
  readonly state: string | undefined;
  readonly nonce: string;
  /** Empty: none. */
  readonly codeChallenge: string;
  readonly prompts: readonly Prompt[];
  /** How old the sign-in may be, in seconds; undefined: as it is. */
  readonly maxAgeS: number | undefined;
  readonly acrValues: readonly string[];
  readonly loginHint: string;
  readonly locale: Locale | undefined;
  /** The user who is expected, by the subject of an ID token; empty: anyone. */
  readonly expectedSubject: string;
  /** When the browser came. */
  readonly startedAtMs: number;
};

/** An answer to the application in place of a code (RFC 6749, section 4.1.2.1; OpenID Connect Core 1.0, section 3.1.2.6). */
export class AuthorizationError extends Error {
  readonly code: string;
  constructor(code: string, description: string) {
    super(description);
    this.name = 'AuthorizationError';
    this.code = code;
  }
}

/** The codes that a call fails with by themselves; whatever else is wrong with a request is `invalid_request`. */
const reasonsOfCodes: Readonly<Partial<Record<string, Reason>>> = {
  invalid_scope: 'INVALID_SCOPE',
  invalid_target: 'INVALID_TARGET',
  unauthorized_client: 'UNAUTHORIZED_CLIENT',
  unsupported_response_type: 'UNSUPPORTED_RESPONSE_TYPE',
};

/** The same as the failure of a call, for a request that comes from the application itself (RFC 9126, section 2.3). */
export function asFailure({ code, message }: AuthorizationError): DomainError {
  const reason = reasonsOfCodes[code];
  if (reason !== undefined) return new DomainError(reason, { metadata: { detail: message } });
  return invalid({ field: 'request', reason: 'FIELD_INVALID', description: message });
}

const maxTextLength = 2048;

/** The only value of a parameter (RFC 6749, section 3.1); one that is empty counts as absent. Throws AuthorizationError. */
export function singleParameter(parameters: AuthorizationParameters, name: string): string {
  const value = parameters[name];
  if (typeof value === 'object') throw new AuthorizationError('invalid_request', `${name} comes twice`);
  if ((value ?? '').length > maxTextLength && name !== 'id_token_hint')
    throw new AuthorizationError('invalid_request', `${name} is too long`);
  return value ?? '';
}

/**
 * The page that an answer goes to, which is settled before anything else: without it nothing leaves this service. Undefined
 * where the request names none that is registered.
 */
export function redirectUriOf(
  { settings }: Application,
  parameters: AuthorizationParameters,
): string | undefined {
  const asked = parameters['redirect_uri'];
  if (typeof asked === 'object') return undefined;
  const { redirectUris } = settings;
  // One that is registered alone may be left out by OAuth 2.0 (RFC 6749, section 3.1.2.3), and not by OpenID Connect.
  if (asked === undefined || asked === '') return undefined;
  return matchRedirectUri(settings, redirectUris, asked);
}

export function responseModeOf(parameters: AuthorizationParameters): 'query' | 'form_post' {
  return parameters['response_mode'] === 'form_post' ? 'form_post' : 'query';
}

/**
 * The scopes of an application among those that it asks for; others are ignored (OpenID Connect Core 1.0, section 3.1.2.1), and the
 * token endpoint says which it has. Throws `invalid_scope` where none is left.
 */
export function scopesOf({ settings }: Application, asked: readonly string[]): readonly string[] {
  const scopes = asked.filter((scope) => settings.scopes.includes(scope));
  if (scopes.length === 0 && asked.length > 0)
    throw new AuthorizationError('invalid_scope', 'no such scope is registered for this application');
  return scopes;
}

/** The resources that an application asks for (RFC 8707). Throws `invalid_target` for those that are not its own. */
export function resourcesOf(
  { settings }: Application,
  asked: AuthorizationParameters[string],
): readonly string[] {
  const resources = [...new Set([asked ?? []].flat().filter((uri) => uri !== ''))];
  if (resources.length > 10 || resources.some((uri) => !settings.resources.includes(uri)))
    throw new AuthorizationError('invalid_target', 'a resource is not registered for this application');
  return resources;
}

/** Reads an authorization request whose redirect URI is settled. Throws AuthorizationError. */
export function parseAuthorizationRequest(
  application: Application,
  redirectUri: string,
  parameters: AuthorizationParameters,
  expectedSubject: string,
  now: Date,
): AuthorizationRequest {
  const { settings } = application;
  const text = (name: string) => singleParameter(parameters, name);
  const refuse = (code: string, description: string) => new AuthorizationError(code, description);
  if (text('request') !== '') throw refuse('request_not_supported', 'request objects are not supported');
  if (text('request_uri') !== '')
    throw refuse('request_uri_not_supported', 'request_uri must come from the pushed authorization endpoint');
  if (text('registration') !== '')
    throw refuse('registration_not_supported', 'registration is not supported');
  const responseType = text('response_type');
  if (responseType === '') throw refuse('invalid_request', 'response_type is missing');
  if (responseType !== 'code') throw refuse('unsupported_response_type', 'response_type must be code');
  if (!grantTypesOf(settings).includes(grantTypes.code))
    throw refuse('unauthorized_client', 'this application has no authorization code grant');
  const mode = text('response_mode');
  if (!['', 'query', 'form_post'].includes(mode))
    throw refuse('invalid_request', 'response_mode must be query or form_post');
  const asked = parseScope(text('scope'));
  const scopes = scopesOf(application, asked.length > 0 ? asked : settings.scopes);
  const codeChallenge = challengeOf(application, parameters);
  const nonce = text('nonce');
  if (codeChallenge === '' && nonce === '')
    throw refuse('invalid_request', 'without code_challenge a nonce is required');
  return {
    clientId: application.clientId,
    redirectUri,
    responseMode: responseModeOf(parameters),
    scopes,
    resources: resourcesOf(application, parameters['resource']),
    // A parameter without a value is treated as omitted (RFC 6749, section 3.1).
    state: text('state') || undefined,
    nonce,
    codeChallenge,
    prompts: promptsOf(text('prompt')),
    maxAgeS: maxAgeOf(text('max_age')),
    acrValues: parseScope(text('acr_values')).slice(0, 10),
    loginHint: text('login_hint').slice(0, 320),
    locale: parseScope(text('ui_locales'))
      .map(parseLocale)
      .find((locale) => locale !== undefined),
    expectedSubject,
    startedAtMs: now.getTime(),
  };
}

function challengeOf({ settings }: Application, parameters: AuthorizationParameters): string {
  const challenge = singleParameter(parameters, 'code_challenge');
  const method = singleParameter(parameters, 'code_challenge_method');
  if (challenge === '') {
    if (method !== '') throw new AuthorizationError('invalid_request', 'code_challenge is missing');
    if (settings.requirePkce || isPublicClient(settings))
      throw new AuthorizationError('invalid_request', 'PKCE is required: code_challenge is missing');
    return '';
  }
  // Without a method it is `plain` (RFC 7636, section 4.3).
  if (method !== 'S256')
    throw new AuthorizationError('invalid_request', 'code_challenge_method must be S256');
  if (!isCodeChallenge(challenge))
    throw new AuthorizationError('invalid_request', 'code_challenge must be a SHA-256 in Base64url');
  return challenge;
}

function promptsOf(text: string): Prompt[] {
  const asked = parseScope(text);
  const known = asked.map((each) => prompts.find((prompt) => prompt === each));
  if (known.includes(undefined))
    throw new AuthorizationError('invalid_request', 'prompt has an unknown value');
  if (asked.includes('none') && asked.length > 1)
    throw new AuthorizationError('invalid_request', 'prompt=none stands alone');
  return known as Prompt[];
}

function maxAgeOf(text: string): number | undefined {
  if (text === '') return undefined;
  if (!/^\d{1,15}$/.test(text))
    throw new AuthorizationError('invalid_request', 'max_age must be a number of seconds');
  return Number(text);
}
