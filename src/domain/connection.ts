import * as v from 'valibot';
import { invalid, type Violation } from './errors.ts';
import { type ProfileField, profileFields } from './profile.ts';
import { flag, listOf, logo, optional, parseSettings, patchSettings, strict, text } from './settings.ts';

/** Kinds of identity provider that are elsewhere: any that speaks OpenID, and those with a preset. */
export const foreignKinds = [
  'oidc',
  'google',
  'apple',
  'microsoft',
  'github',
  'facebook',
  'linkedin',
] as const;

export type ForeignKind = (typeof foreignKinds)[number];

/** Every kind: also the tenant `manam` of this service itself. */
export const connectionKinds = [...foreignKinds, 'manam'] as const;

export type ConnectionKind = (typeof connectionKinds)[number];

/** What a tenant says of an identity provider. */
export type ConnectionSettings = {
  readonly kind: ConnectionKind;
  readonly enabled: boolean;
  /** The name on the button; empty: that of the kind. */
  readonly displayName: string;
  /** An image for the button, as a `data:` URL; empty: that of the kind. */
  readonly logo: string;
  readonly clientId: string;
  /** Further client ids whose ID tokens apps may bring. */
  readonly audiences: readonly string[];
  /** The issuer; empty: that of the kind. */
  readonly issuer: string;
  /** Scopes beside those that the kind asks for. */
  readonly scopes: readonly string[];
  /** The claim that fills a field of the profile, where it is not the usual one. */
  readonly claims: Readonly<Partial<Record<'email' | 'emailVerified' | ProfileField, string>>>;
  /** The domains whose verified addresses may come; an OpenID provider answers for them. Empty: any. */
  readonly domains: readonly string[];
  /** Whether an address of these domains counts as verified where the provider says nothing of that. */
  readonly trustDomains: boolean;
  /** Whether only those come whose address the provider has verified. */
  readonly verifiedOnly: boolean;
  /** Whether a first sign-in makes an account. */
  readonly createAccounts: boolean;
  /** Whether the account's second factor is asked for, or the provider is trusted to have done so. */
  readonly secondFactor: 'ask' | 'trust';
  /** The team and the key of a client at Apple; empty for any other. */
  readonly teamId: string;
  readonly keyId: string;
};

/** A tenant's connection with an identity provider, without its secret. */
export type Connection = {
  readonly tenantId: string;
  /** Its name in addresses and calls, such as `github`. */
  readonly name: string;
  readonly settings: ConnectionSettings;
  readonly hasSecret: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
};

export type ConnectionRepository = {
  list(tenantId: string): Promise<Connection[]>;
  find(tenantId: string, name: string): Promise<Connection | undefined>;
  /** The client secret, or the private key at Apple; undefined: there is none. */
  findSecret(tenantId: string, name: string): Promise<string | undefined>;
  /** Keeps one, new or changed; its secret stays. */
  save(connection: Omit<Connection, 'hasSecret'>): Promise<void>;
  /** Keeps its secret, sealed; an empty one is forgotten. */
  setSecret(tenantId: string, name: string, secret: string): Promise<void>;
  /** Removes one; false where there is none. */
  delete(tenantId: string, name: string): Promise<boolean>;
};

/** The connections of a tenant at most. */
export const maxConnections = 50;

const nameForm = /^[a-z][a-z0-9-]{0,31}$/;
/** Names that mean something else in addresses, and the way that is no connection. */
const reserved: readonly string[] = ['callback', 'logout', 'manam', 'linked'];

export function isConnectionName(name: string): boolean {
  return nameForm.test(name) && !reserved.includes(name);
}

/** A connection of which nothing is said yet. */
export const defaultSettings: ConnectionSettings = {
  kind: 'oidc',
  enabled: true,
  displayName: '',
  logo: '',
  clientId: '',
  audiences: [],
  issuer: '',
  scopes: [],
  claims: {},
  domains: [],
  trustDomains: false,
  verifiedOnly: false,
  createAccounts: true,
  secondFactor: 'ask',
  teamId: '',
  keyId: '',
};

const printable = /^[\x21-\x7e]{1,255}$/;
const clientId = v.pipe(text, v.regex(printable, 'must be 1 to 255 printable characters'));
// RFC 6749, section 3.3.
const scope = v.pipe(text, v.regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,255}$/, 'must be one scope'));
const domain = v.pipe(
  text,
  v.regex(
    /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/,
    'must be a domain such as example.com',
  ),
);
const claim = v.pipe(text, v.regex(/^[\w:./-]{1,100}$/, 'must be the name of a claim'));
const appleId = optional(
  v.pipe(text, v.regex(/^[A-Z0-9]{10}$/)),
  'must be the 10 characters that Apple shows',
);

/** OpenID Connect Discovery 1.0, section 3: a URL without query or fragment. Whether it can be reached is another question. */
function isIssuer(text: string): boolean {
  if (text.length > 255 || !URL.canParse(text)) return false;
  const { protocol, search, hash, username, password } = new URL(text);
  return (
    (protocol === 'https:' || protocol === 'http:') &&
    `${search}${hash}${username}${password}` === '' &&
    !/[?#]/.test(text)
  );
}

const schema: v.GenericSchema<unknown, ConnectionSettings> = strict({
  kind: v.picklist(connectionKinds, `must be one of ${connectionKinds.join(', ')}`),
  enabled: flag,
  displayName: v.pipe(
    text,
    v.maxLength(50, 'must have at most 50 characters'),
    v.regex(/^[^<>\p{Cc}\p{Cf}]*$/u, 'must be one line without < and >'),
  ),
  logo,
  clientId,
  audiences: v.pipe(listOf(clientId), v.maxLength(20, 'must have at most 20 entries')),
  issuer: optional(v.pipe(text, v.check(isIssuer)), 'must be the URL of an issuer, or empty'),
  scopes: v.pipe(listOf(scope), v.maxLength(30, 'must have at most 30 entries')),
  claims: v.record(
    v.picklist(['email', 'emailVerified', ...profileFields], 'must be a field of the profile'),
    claim,
    'must be an object',
  ) as v.GenericSchema<unknown, ConnectionSettings['claims']>,
  domains: v.pipe(listOf(domain), v.maxLength(200, 'must have at most 200 entries')),
  trustDomains: flag,
  verifiedOnly: flag,
  createAccounts: flag,
  secondFactor: v.picklist(['ask', 'trust'], 'must be ask or trust'),
  teamId: appleId,
  keyId: appleId,
});

/** Kinds whose second factor a tenant cannot vouch for. */
const untrusted: readonly ConnectionKind[] = ['github', 'facebook', 'linkedin'];

/** Validates the issuer: required for oidc, optional for Microsoft, otherwise empty. */
function issuerViolation({ kind, issuer }: ConnectionSettings): Violation | undefined {
  const field = 'settings.issuer';
  if (kind === 'oidc' && issuer === '') return { field, reason: 'FIELD_REQUIRED' };
  const isMicrosofts = /^https:\/\/login\.microsoftonline\.com\/[a-z0-9.-]+\/v2\.0$/.test(issuer);
  if (kind === 'microsoft' && issuer !== '' && !isMicrosofts)
    return {
      field,
      reason: 'FIELD_INVALID',
      description: 'must be https://login.microsoftonline.com/{tenant}/v2.0, or empty',
    };
  if (kind !== 'oidc' && kind !== 'microsoft' && issuer !== '')
    return { field, reason: 'FIELD_INVALID', description: `must be empty: ${kind} has one of its own` };
  return undefined;
}

/**
 * Changes settings by a JSON merge patch and validates the whole of them. What the patch sets to null goes
 * back to the default. Throws REQUEST_INVALID with the path of everything that is wrong, such as `settings.issuer`.
 */
export function patchConnection(current: ConnectionSettings, patch: unknown): ConnectionSettings {
  const settings = parseSettings(
    schema,
    patchSettings(current, patch, defaultSettings, 'settings'),
    'settings',
  );
  const violations: Violation[] = [];
  const issuer = issuerViolation(settings);
  const { kind, claims, domains, trustDomains, secondFactor } = settings;
  // What they say of an address is said of one claim.
  if (kind !== 'oidc')
    for (const field of ['email', 'emailVerified'] as const)
      if (claims[field] !== undefined)
        violations.push({
          field: `settings.claims.${field}`,
          reason: 'FIELD_INVALID',
          description: 'is for a provider of kind oidc',
        });
  if (trustDomains && (kind !== 'oidc' || domains.length === 0))
    violations.push({
      field: 'settings.trustDomains',
      reason: 'FIELD_INVALID',
      description: 'needs domains, and a provider of kind oidc',
    });
  const isUnverified = kind === 'facebook' || (kind === 'microsoft' && settings.issuer === '');
  if (isUnverified && (domains.length > 0 || settings.verifiedOnly))
    violations.push({
      field: domains.length > 0 ? 'settings.domains' : 'settings.verifiedOnly',
      reason: 'FIELD_INVALID',
      description: 'would keep everyone out: no address is verified there',
    });
  if (secondFactor === 'trust' && untrusted.includes(kind))
    violations.push({
      field: 'settings.secondFactor',
      reason: 'FIELD_INVALID',
      description: `must be ask: ${kind} does not say how its users signed in`,
    });
  if (issuer !== undefined) violations.push(issuer);
  if (kind === 'apple')
    for (const field of ['teamId', 'keyId'] as const)
      if (settings[field] === '') violations.push({ field: `settings.${field}`, reason: 'FIELD_REQUIRED' });
  if (violations.length > 0) throw invalid(...violations);
  return settings;
}
