import { createPublicKey } from 'node:crypto';
import * as v from 'valibot';
import {
  type ApplicationKind,
  type ApplicationSettings,
  applicationKinds,
  authenticationMethods,
} from './application-settings.ts';
import { invalid, type Violation } from './errors.ts';
import { isRegistrable } from './registered-url.ts';
import {
  flag,
  isObject,
  listOf,
  logo,
  optional,
  parseSettings,
  patchSettings,
  strict,
  text,
} from './settings.ts';
import { signingAlgorithms } from './signing-algorithm.ts';
import { isUuid } from './token.ts';

/** The scopes that this service gives a meaning (OpenID Connect Core 1.0, section 5.4); `roles` is ours. */
export const standardScopes = [
  'openid',
  'profile',
  'email',
  'phone',
  'address',
  'offline_access',
  'roles',
] as const;

export const grantTypes = {
  code: 'authorization_code',
  refresh: 'refresh_token',
  client: 'client_credentials',
  device: 'urn:ietf:params:oauth:grant-type:device_code',
} as const;
export type GrantType = (typeof grantTypes)[keyof typeof grantTypes];

export type Application = {
  readonly tenantId: string;
  /** The `client_id`: an id, or the address of its metadata. */
  readonly clientId: string;
  readonly settings: ApplicationSettings;
  readonly createdAt: Date;
  readonly updatedAt: Date;
};

export type ApplicationSecret = {
  readonly id: string;
  readonly digest: Buffer;
  readonly createdAt: Date;
  /** Undefined: it has no end. */
  readonly expiresAt: Date | undefined;
};

export type ApplicationRepository = {
  list(tenantId: string): Promise<Application[]>;
  find(tenantId: string, clientId: string): Promise<Application | undefined>;
  /** The same with the secrets that are good at a time, in one read. */
  findWithSecrets(
    tenantId: string,
    clientId: string,
    now: Date,
  ): Promise<(Application & { readonly secrets: readonly ApplicationSecret[] }) | undefined>;
  insert(application: Application): Promise<void>;
  update(application: Pick<Application, 'tenantId' | 'clientId' | 'settings' | 'updatedAt'>): Promise<void>;
  /** Deletes one with its secrets; false where there is none. */
  delete(tenantId: string, clientId: string): Promise<boolean>;
  insertSecret(tenantId: string, clientId: string, secret: ApplicationSecret): Promise<void>;
  /** The secrets that are good at a time, the oldest first. */
  listSecrets(tenantId: string, clientId: string, now: Date): Promise<ApplicationSecret[]>;
  /** Ends those secrets at a time. */
  endOldest(
    tenantId: string,
    clientId: string,
    secrets: readonly Pick<ApplicationSecret, 'id'>[],
    at: Date,
  ): Promise<void>;
  /** Brings the end of every secret forward to a time, those aside that end before; returns their number. */
  endSecrets(tenantId: string, clientId: string, at: Date): Promise<number>;
};

export const maxApplications = 200;

const defaults: ApplicationSettings = {
  kind: 'web',
  name: '',
  enabled: true,
  logo: '',
  homeUrl: '',
  privacyUrl: '',
  termsUrl: '',
  redirectUris: [],
  postLogoutRedirectUris: [],
  backchannelLogoutUri: '',
  origins: [],
  authentication: 'client_secret_basic',
  jwks: { keys: [] },
  jwksUri: '',
  scopes: standardScopes,
  resources: [],
  serves: [],
  firstParty: false,
  deviceGrant: false,
  requirePkce: true,
  algorithm: 'RS256',
  accessTokenMinutes: 10,
  refreshIdleDays: 30,
  refreshDays: 365,
  claimsInIdToken: false,
  sector: '',
};

/** The settings of an application of which only the kind is known. */
export function defaultApplication(kind: ApplicationKind): ApplicationSettings {
  const isPublic = kind === 'spa' || kind === 'native';
  return {
    ...defaults,
    kind,
    authentication: isPublic ? 'none' : 'client_secret_basic',
    scopes: kind === 'machine' ? [] : standardScopes,
  };
}

/** Whether an application registered itself, by the address of its metadata: anyone may. */
export function isSelfRegistered({ clientId }: Pick<Application, 'clientId'>): boolean {
  return !isUuid(clientId);
}

/** Whether an application can keep no secret: its grants are protected by PKCE and rotation alone. */
export function isPublicClient({ authentication }: ApplicationSettings): boolean {
  return authentication === 'none';
}

export function grantTypesOf(settings: ApplicationSettings): GrantType[] {
  const { kind, deviceGrant } = settings;
  if (kind === 'machine') return [grantTypes.client];
  return [
    grantTypes.code,
    grantTypes.refresh,
    // For those alone that can prove who they are (RFC 6749, section 4.4).
    ...(kind === 'web' && !isPublicClient(settings) ? [grantTypes.client] : []),
    ...(deviceGrant ? [grantTypes.device] : []),
  ];
}

/** The scopes of a token, and the APIs that accept it. */
export type Extent = { readonly scopes: readonly string[]; readonly resources: readonly string[] };

/**
 * The part of an extent that is still registered for an application. Scopes and APIs that are taken away from it end in
 * earlier grants as well. Undefined where all scopes or all APIs of the extent are gone.
 */
export function remainderOf({ settings }: Pick<Application, 'settings'>, extent: Extent): Extent | undefined {
  const scopes = extent.scopes.filter((scope) => settings.scopes.includes(scope));
  const resources = extent.resources.filter((uri) => settings.resources.includes(uri));
  const isGone =
    (scopes.length === 0 && extent.scopes.length > 0) ||
    (resources.length === 0 && extent.resources.length > 0);
  return isGone ? undefined : { scopes, resources };
}

const httpUrl = (value: string) => URL.canParse(value) && isRegistrable(new URL(value));
const link = optional(v.pipe(text, v.maxLength(2048), v.check(httpUrl)), 'must be an https URL, or empty');
// RFC 3986, section 4.3: a URI has these characters only, and here no fragment. The kind of the application adds its own rules.
const redirect = v.pipe(
  text,
  v.maxLength(2048, 'must have at most 2048 characters'),
  v.check(
    (value) => /^[\w\-.~:/?[\]@!$&'()*+,;=%]+$/.test(value) && URL.canParse(value),
    'must be a URL without a fragment, its other characters percent-encoded',
  ),
);
const origin = v.pipe(
  text,
  v.check(
    (value) => httpUrl(value) && new URL(value).origin === value,
    'must be an origin such as https://example.com',
  ),
);
// RFC 6749, section 3.3.
const scope = v.pipe(text, v.regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, 'must be one scope'));
// RFC 8707, section 2: an absolute URI without a fragment.
const resource = v.pipe(
  text,
  v.maxLength(512, 'must have at most 512 characters'),
  v.check(
    (value) => /^[a-z][a-z0-9+.-]*:[\x21\x22\x24-\x7e]+$/i.test(value),
    'must be an absolute URI without a fragment',
  ),
);
const few = <T extends v.GenericSchema>(item: T, most: number) =>
  v.pipe(listOf(item), v.maxLength(most, `must have at most ${most} entries`));
const whole = (least: number, most: number) =>
  v.pipe(
    v.number('must be a number'),
    v.integer('must be a whole number'),
    v.minValue(least, `must be at least ${least}`),
    v.maxValue(most, `must be at most ${most}`),
  );
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const publicKey = v.pipe(
  v.record(v.string(), v.unknown(), 'must be a JWK'),
  v.check((key) => !privateMembers.some((name) => Object.hasOwn(key, name)), 'must be a public key'),
  v.check(isUsableKey, 'must be a key that signatures can be verified with'),
);

/** Whether a JWK can be read; one of RSA has at least 2048 bits (RFC 7518, section 3.3). */
function isUsableKey(jwk: Readonly<Record<string, unknown>>): boolean {
  try {
    const { asymmetricKeyDetails } = createPublicKey({ key: jwk, format: 'jwk' });
    return (asymmetricKeyDetails?.modulusLength ?? 2048) >= 2048;
  } catch {
    return false;
  }
}

const schema = strict({
  kind: v.picklist(applicationKinds, `must be one of ${applicationKinds.join(', ')}`),
  name: v.pipe(
    text,
    v.minLength(1, 'must not be empty'),
    v.maxLength(60, 'must have at most 60 characters'),
    v.regex(/^[^<>\p{Cc}\p{Cf}]*$/u, 'must be one line without < and >'),
  ),
  enabled: flag,
  logo,
  homeUrl: link,
  privacyUrl: link,
  termsUrl: link,
  redirectUris: few(redirect, 50),
  postLogoutRedirectUris: few(redirect, 50),
  backchannelLogoutUri: link,
  origins: few(origin, 50),
  authentication: v.picklist(authenticationMethods, `must be one of ${authenticationMethods.join(', ')}`),
  jwks: strict({ keys: few(publicKey, 10) }),
  jwksUri: link,
  scopes: few(scope, 100),
  resources: few(resource, 50),
  serves: few(resource, 50),
  firstParty: flag,
  deviceGrant: flag,
  requirePkce: flag,
  algorithm: v.picklist(signingAlgorithms, `must be one of ${signingAlgorithms.join(', ')}`),
  accessTokenMinutes: whole(1, 60),
  refreshIdleDays: whole(1, 365),
  refreshDays: whole(1, 3650),
  claimsInIdToken: flag,
  sector: v.pipe(text, v.regex(/^(?:[a-z0-9][a-z0-9-]{0,62})?$/, 'must be the slug of a tenant, or empty')),
}) as v.GenericSchema<unknown, ApplicationSettings>;

/** Whether a URI may be registered for an application of that kind (RFC 8252, section 7, for native ones). */
function mayReturnTo(kind: ApplicationKind, uri: string): boolean {
  const url = new URL(uri);
  if (kind !== 'native') return isRegistrable(url);
  // A private-use scheme is a reverse domain name, so that it is its owner's (section 7.1).
  const isPrivateUse = /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:$/.test(url.protocol);
  return isPrivateUse || isRegistrable(url) || isLoopback(url);
}

/** An address of the loopback interface itself, whose port a native application chooses when it runs (RFC 8252, section 7.3). */
function isLoopback({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && (hostname === '127.0.0.1' || hostname === '[::1]');
}

/** Contradictions between settings that are valid by themselves. */
function contradictions(settings: ApplicationSettings): Violation[] {
  const found: Violation[] = [];
  const add = (field: string, description: string) =>
    found.push({ field: `settings.${field}`, reason: 'FIELD_INVALID', description });
  const { kind, authentication, jwks, jwksUri } = settings;
  for (const field of ['redirectUris', 'postLogoutRedirectUris'] as const)
    settings[field].forEach((uri, index) => {
      if (kind === 'machine' || !mayReturnTo(kind, uri))
        add(
          `${field}.${index}`,
          kind === 'machine'
            ? 'a machine has none'
            : kind === 'native'
              ? 'must be https, a private-use scheme such as com.example.app:/, or http on 127.0.0.1 or [::1]'
              : 'must be an https URL without user, fragment or IP address; http only on localhost',
        );
    });
  const isPublicKind = kind === 'spa' || kind === 'native';
  if (kind === 'machine' && authentication === 'none') add('authentication', 'a machine has to authenticate');
  if (kind === 'spa' && authentication !== 'none')
    add('authentication', 'must be none: a page keeps no secret');
  const hasKeys = jwks.keys.length > 0 || jwksUri !== '';
  if ((authentication === 'private_key_jwt') !== hasKeys)
    add(
      'jwks',
      authentication === 'private_key_jwt' ? 'needs keys here or in jwksUri' : 'is for private_key_jwt',
    );
  if (jwks.keys.length > 0 && jwksUri !== '') add('jwksUri', 'must be empty beside jwks');
  if (!settings.requirePkce && (isPublicKind || authentication === 'none'))
    add('requirePkce', 'must be true for an application without a secret');
  if (
    kind === 'machine' &&
    settings.scopes.some((each) => (standardScopes as readonly string[]).includes(each))
  )
    add('scopes', 'a machine has no scopes that are about a user');
  if (kind !== 'machine' && !settings.scopes.includes('openid')) add('scopes', 'must have openid');
  if (settings.deviceGrant && kind !== 'native' && kind !== 'web')
    add('deviceGrant', 'is for native and web');
  return found;
}

/**
 * Changes settings by a JSON merge patch and validates the whole of them; `current` undefined: they are new. Throws
 * REQUEST_INVALID with the path of everything that is wrong, such as `settings.redirectUris.0`.
 */
export function patchApplication(
  current: ApplicationSettings | undefined,
  patch: unknown,
): ApplicationSettings {
  const asked = isObject(patch) ? patch['kind'] : undefined;
  const kind = current?.kind ?? applicationKinds.find((each) => each === asked) ?? 'web';
  const base = defaultApplication(kind);
  const settings = parseSettings(schema, patchSettings(current ?? base, patch, base, 'settings'), 'settings');
  const found = contradictions(settings);
  if (current !== undefined && settings.kind !== current.kind)
    found.push({
      field: 'settings.kind',
      reason: 'FIELD_INVALID',
      description: 'stays: make another application',
    });
  if (found.length > 0) throw invalid(...found);
  return settings;
}

/**
 * The registered redirect URI that a request names (RFC 9700, section 2.1): the same string, or for a native application on
 * the loopback interface the same but for its port. Undefined: it is none.
 */
export function matchRedirectUri(
  { kind }: Pick<ApplicationSettings, 'kind'>,
  registered: readonly string[],
  asked: string,
): string | undefined {
  if (registered.includes(asked)) return asked;
  if (kind !== 'native' || /[\s\\#]|\p{Cc}/u.test(asked) || !URL.canParse(asked)) return undefined;
  const withoutPort = (uri: string) =>
    uri.replace(/^(http:\/\/(?:127\.0\.0\.1|\[::1\])):\d{1,5}(?=[/?]|$)/, '$1');
  const isSame = registered.some(
    (uri) => isLoopback(new URL(uri)) && withoutPort(uri) === withoutPort(asked),
  );
  return isSame && isLoopback(new URL(asked)) ? asked : undefined;
}
