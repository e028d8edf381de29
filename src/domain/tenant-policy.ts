import { isSupportedCountry } from 'libphonenumber-js/mobile';
import * as v from 'valibot';
import { isConnectionName, maxConnections } from './connection.ts';
import { customClaimsSchema } from './custom-claims.ts';
import { parseEmail } from './email.ts';
import { invalid, type Violation } from './errors.ts';
import { locales } from './locale.ts';
import { googleScopes, type TenantPolicy, workModes } from './policy.ts';
import { isRegistrable, isRegistrableOrigin } from './registered-url.ts';
import { flag, isObject, listOf, logo, parseSettings, patchSettings, strict, text } from './settings.ts';
import { passkeyModes, passwordlessModes, signInWays } from './sign-in-way.ts';
import { templatesSchema } from './templates/override.ts';
import { defaultBranding, type ThemeFont, themeFonts } from './theme.ts';

const dayMinutes = 1440;
/** Characters of a whole policy: every call reads it. */
const maxPolicyLength = 262_144;
const maxRoles = 200;

/** The policy of a tenant that has said nothing yet, whose pages are the hosted ones at that origin. */
export function defaultPolicy(origin: string, slug: string): TenantPolicy {
  const page = (name: string) => `${origin}/account/${slug}/${name}`;
  return {
    pages: {
      confirm: page('confirm'),
      recover: page('recover'),
      twoFactor: page('two-factor'),
      signIn: '',
      reportSignIn: '',
      undoChange: '',
      cancelReset: '',
    },
    confirmUrls: [],
    redirectUris: [],
    senders: { default: '', addresses: [] },
    origins: [],
    defaultCountry: '',
    countries: [],
    defaultLocale: 'en',
    password: { minLength: 8, minStrength: 2 },
    requireSecondFactor: false,
    sessions: {
      idleMinutes: 7 * dayMinutes,
      absoluteMinutes: 30 * dayMinutes,
      remembered: { idleMinutes: 30 * dayMinutes, absoluteMinutes: 30 * dayMinutes },
    },
    terms: { url: '', version: '' },
    rememberDeviceDays: 0,
    newSignInNotice: true,
    proofOfWork: 'off',
    roles: { admin: ['users.read', 'users.write'], user: [] },
    discloseRegistration: false,
    codeSignIn: { enabled: true, createAccounts: false },
    passkeys: {
      mode: 'allowed',
      rpId: '',
      origins: [],
      userVerification: 'preferred',
      assurance: 'two-factors',
      counterFall: 'refuse',
      passwordless: 'never',
    },
    factorResetHours: 0,
    eventRetentionDays: 0,
    signInOrder: ['passkey', 'password', 'code'],
    providerOrder: [],
    google: { enabled: false, clientId: '', audiences: [], scopes: [] },
    manam: { enabled: false },
    sms: { dailyMessages: 1000, dailyBudget: 0, prices: {} },
    claims: {},
    metadataClients: false,
    members: { requireSecondFactor: false },
    branding: defaultBranding,
    templates: {},
  };
}

const host = /^(?:localhost|(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9])$/;
const rpId = v.pipe(v.string(), v.regex(host));
const ceremonyOrigin = v.pipe(
  v.string('must be a text'),
  v.check(
    (text) => isCeremonyOrigin(text),
    'must be an https origin such as https://example.com, or android:apk-key-hash: with the hash of an app',
  ),
);

function isCeremonyOrigin(text: string): boolean {
  if (/^android:apk-key-hash:[A-Za-z0-9_-]{43}$/.test(text)) return true;
  if (!URL.canParse(text)) return false;
  const { origin, protocol, hostname } = new URL(text);
  return origin === text && (protocol === 'https:' || (protocol === 'http:' && hostname === 'localhost'));
}

/** Browsers look at no more than five sites of related origins (WebAuthn Level 3, section 5.11). */
function hasFewLabels(origins: string[]): boolean {
  const sites = origins
    .filter((origin) => origin.startsWith('http'))
    .map((origin) => new URL(origin).hostname.split('.').slice(-2)[0]);
  return new Set(sites).size <= 5;
}

const url = (text: string) => URL.canParse(text) && isRegistrable(new URL(text));
function isEmail(text: string): boolean {
  try {
    return parseEmail(text).address === text;
  } catch {
    return false;
  }
}

const page = v.pipe(text, v.check(url, 'must be an https URL without user, fragment or IP address'));
/** Empty: the hosted page. */
const pageOrHosted = v.union(
  [v.literal(''), page],
  'must be an https URL without user, fragment or IP address, or empty',
);
const email = v.pipe(text, v.check(isEmail, 'must be a plain e-mail address'));
const origin = v.pipe(
  text,
  v.check(isRegistrableOrigin, 'must be an origin such as https://example.com, or http://localhost:*'),
);
const country = v.pipe(
  text,
  v.check(isSupportedCountry, 'must be the ISO 3166 code of a country, such as IR'),
);
const wholeNumber = (least: number, most: number) =>
  v.pipe(
    v.number('must be a number'),
    v.integer('must be a whole number'),
    v.minValue(least, `must be at least ${least}`),
    v.maxValue(most, `must be at most ${most}`),
  );
/** Five minutes to a year. */
const lifetime = {
  idleMinutes: wholeNumber(5, 365 * dayMinutes),
  absoluteMinutes: wholeNumber(5, 365 * dayMinutes),
};
const clientIdForm = /^[\w.-]{0,255}$/;
const clientIdRule = 'must be a client id such as 1234.apps.googleusercontent.com';
const color = v.pipe(text, v.regex(/^(?:#[0-9a-fA-F]{6})?$/, 'must be a colour such as #0a7c66'));
const role = v.pipe(text, v.regex(/^[A-Za-z][\w.-]{0,63}$/, 'must be named in letters, digits, . _ and -'));
const permission = v.pipe(text, v.regex(/^[\w.:-]{1,100}$/, 'must be letters, digits, . : _ and -'));

const fonts = Object.keys(themeFonts) as ThemeFont[];

/** The schema of a policy: the only validation of its fields. */
const schema: v.GenericSchema<unknown, TenantPolicy> = strict({
  pages: strict({
    confirm: page,
    recover: page,
    twoFactor: page,
    signIn: pageOrHosted,
    reportSignIn: pageOrHosted,
    undoChange: pageOrHosted,
    cancelReset: pageOrHosted,
  }),
  confirmUrls: listOf(page),
  redirectUris: listOf(page),
  senders: strict({ default: email, addresses: listOf(email) }),
  origins: listOf(origin),
  defaultCountry: v.union(
    [v.literal(''), country],
    'must be the ISO 3166 code of a country, such as IR, or empty',
  ),
  countries: listOf(country),
  defaultLocale: v.picklist(locales, `must be one of ${locales.join(', ')}`),
  password: strict({
    minLength: wholeNumber(8, 256),
    minStrength: wholeNumber(0, 4),
  }),
  requireSecondFactor: flag,
  sessions: strict({ ...lifetime, remembered: strict(lifetime) }),
  terms: strict({
    url: v.union(
      [v.literal(''), page],
      'must be an https URL without user, fragment or IP address, or empty',
    ),
    version: v.pipe(text, v.regex(/^[\w.-]{0,64}$/, 'must be letters, digits, . _ and -')),
  }),
  rememberDeviceDays: wholeNumber(0, 365),
  newSignInNotice: flag,
  proofOfWork: v.picklist(workModes, `must be one of ${workModes.join(', ')}`),
  roles: v.pipe(
    v.record(role, listOf(permission), 'must be an object'),
    v.check((roles) => Object.keys(roles).length <= maxRoles, `must have at most ${maxRoles} entries`),
  ),
  discloseRegistration: flag,
  codeSignIn: strict({ enabled: flag, createAccounts: flag }),
  passkeys: strict({
    mode: v.picklist(passkeyModes, `must be one of ${passkeyModes.join(', ')}`),
    rpId: v.union([v.literal(''), rpId], 'must be the name of a host, such as example.com, or empty'),
    origins: v.pipe(listOf(ceremonyOrigin), v.check(hasFewLabels, 'must have at most five different sites')),
    userVerification: v.picklist(['preferred', 'required'], 'must be preferred or required'),
    assurance: v.picklist(['two-factors', 'one-factor'], 'must be two-factors or one-factor'),
    counterFall: v.picklist(['refuse', 'accept'], 'must be refuse or accept'),
    passwordless: v.picklist(passwordlessModes, `must be one of ${passwordlessModes.join(', ')}`),
  }),
  factorResetHours: wholeNumber(0, 720),
  eventRetentionDays: wholeNumber(0, 36_500),
  signInOrder: v.pipe(
    v.array(v.picklist(signInWays, `must be one of ${signInWays.join(', ')}`), 'must be a list'),
    v.minLength(1, 'must not be empty'),
    v.check((ways) => new Set(ways).size === ways.length, 'must not repeat a way'),
  ),
  providerOrder: v.pipe(
    listOf(v.pipe(text, v.check(isConnectionName, 'must be the name of a connection'))),
    v.maxLength(maxConnections, `must have at most ${maxConnections} entries`),
  ),
  google: strict({
    enabled: flag,
    clientId: v.pipe(text, v.regex(clientIdForm, clientIdRule)),
    audiences: listOf(v.pipe(text, v.minLength(1, 'must not be empty'), v.regex(clientIdForm, clientIdRule))),
    scopes: listOf(v.picklist(googleScopes, `must be one of ${googleScopes.join(', ')}`)),
  }),
  manam: strict({ enabled: flag }),
  sms: strict({
    dailyMessages: wholeNumber(0, 1_000_000_000),
    dailyBudget: wholeNumber(0, 1_000_000_000),
    prices: v.record(country, wholeNumber(1, 1_000_000_000), 'must be an object'),
  }),
  claims: customClaimsSchema,
  metadataClients: flag,
  members: strict({ requireSecondFactor: flag }),
  branding: strict({
    color,
    background: color,
    logo,
    logoDark: logo,
    radius: wholeNumber(0, 24),
    font: v.picklist(fonts, `must be one of ${fonts.join(', ')}`),
  }),
  templates: templatesSchema,
});

function crossViolations(policy: TenantPolicy): Violation[] {
  const violations: Violation[] = [];
  const add = (path: string, description: string) =>
    violations.push({ field: `policy.${path}`, reason: 'FIELD_INVALID', description });
  if (policy.passkeys.assurance === 'one-factor' && policy.passkeys.passwordless !== 'never')
    add('passkeys.passwordless', 'must be never where a passkey is one factor alone');
  if (!policy.senders.addresses.includes(policy.senders.default))
    add('senders.addresses', 'must contain senders.default');
  if (policy.defaultCountry !== '' && !policy.countries.includes(policy.defaultCountry))
    add('countries', 'must contain defaultCountry, whose numbers need no calling code');
  if ((policy.terms.url === '') !== (policy.terms.version === ''))
    add('terms', 'must have both a url and a version, or neither');
  const unpriced = policy.countries.filter((code) => policy.sms.prices[code] === undefined);
  if (policy.sms.dailyBudget > 0 && unpriced.length > 0)
    add('sms.prices', `must have a price for ${unpriced.join(', ')}, because there is a daily budget`);
  return violations;
}

/**
 * Changes a policy by a JSON merge patch and validates the whole of it. What the patch
 * sets to null goes back to the default. Throws REQUEST_INVALID with the path of
 * everything that is wrong, such as `policy.origins.2`.
 */
export function patchPolicy(current: TenantPolicy, patch: unknown, defaults: TenantPolicy): TenantPolicy {
  const merged = patchSettings(current, patch, defaults, 'policy') as TenantPolicy;
  // The default sender is one of the senders without being named twice.
  const senders = isObject(merged.senders) ? (merged.senders as TenantPolicy['senders']) : undefined;
  const addresses = senders?.addresses;
  const completed =
    senders !== undefined && Array.isArray(addresses) && addresses.length === 0 && senders.default !== ''
      ? { ...merged, senders: { ...senders, addresses: [senders.default] } }
      : merged;
  if (JSON.stringify(completed).length > maxPolicyLength)
    throw invalid({ field: 'policy', reason: 'FIELD_TOO_LONG' });
  const policy = parseSettings(schema, completed, 'policy');
  const violations = crossViolations(policy);
  if (violations.length > 0) throw invalid(...violations);
  return policy;
}
