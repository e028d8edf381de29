import * as v from 'valibot';
import { type CodeKind, codeKinds } from './authenticator.ts';
import { parseBirthday } from './birthday.ts';
import { isConnectionName } from './connection.ts';
import { parseEmail } from './email.ts';
import { createViolations, invalid, type Violation } from './errors.ts';
import { type ExternalProfile, manamProvider } from './external-identity.ts';
import { googleIssuer, googleProvider } from './google.ts';
import type { ParsedIdentifier } from './identifier.ts';
import { parseLocale } from './locale.ts';
import { parseMobile } from './mobile.ts';
import type { TenantPolicy } from './policy.ts';
import {
  emptyProfile,
  type Json,
  type Profile,
  type ProfileField,
  parseCustomFields,
  parseProfileText,
  profileFields,
  profileTexts,
} from './profile.ts';
import { isUnknownField, pathOf, wordsOf } from './settings.ts';
import { bytesToUuid, isUuid, sha256 } from './token.ts';
import { isUsableSeed } from './totp.ts';
import { cleanTyped } from './typed-text.ts';
import type { User } from './user.ts';

// The form in which users come and go: a line of NDJSON a user.

type TextName = (typeof profileTexts)[ProfileField]['name'];

import { type PasskeyRecord, passkeysSchema } from './passkey-record.ts';

/** An object with something for every text of a profile, by its name in a record. */
function mapTexts<T>(make: (field: ProfileField) => T): Record<TextName, T> {
  return Object.fromEntries(profileFields.map((field) => [profileTexts[field].name, make(field)])) as Record<
    TextName,
    T
  >;
}

function isProvider(name: string): boolean {
  return isConnectionName(name) || name === manamProvider;
}

/** Size of the columns of hashes and identity names. */
const maxColumnBytes = 255;

// Other systems write null for an empty field.
const text = v.nullish(v.string('must be a text'), '');
const flag = v.nullish(v.boolean('must be true or false'), false);
const texts_ = (most: number) =>
  v.nullish(
    v.pipe(
      v.array(v.string('must be a text'), 'must be a list'),
      v.maxLength(most, `must have at most ${most} entries`),
    ),
    [],
  );

const name = v.pipe(v.string('must be a text'), v.minLength(1), v.maxBytes(maxColumnBytes));

/** How a record writes the data of each kind of authenticator. */
const authenticatorForms = {
  totp: { field: 'totp_secret', parse: parseSeed },
  sms: {
    field: 'sms_factor',
    parse: (value: string, policy: TenantPolicy) => parseMobile(value, '', policy, 'sms_factor').address,
  },
} as const satisfies Record<CodeKind, object>;

function parseSeed(value: string): string {
  const seed = cleanTyped(value)
    .replace(/[\s=-]/g, '')
    .toUpperCase();
  if (!/^[A-Z2-7]{16,128}$/.test(seed) || !isUsableSeed(seed))
    throw invalid({ field: 'totp_secret', reason: 'FIELD_INVALID' });
  return seed;
}

const authenticatorFields = { totp_secret: text, sms_factor: text };

const schema = v.strictObject(
  {
    user_id: text,
    status: v.nullish(v.picklist(['active', 'disabled'], 'must be active or disabled'), 'active'),
    created_at: text,
    email: text,
    email_confirmed: flag,
    mobile: text,
    mobile_confirmed: flag,
    password_hash: text,
    ...authenticatorFields,
    recovery_code_hashes: texts_(20),
    passkeys: passkeysSchema,
    passkey_only: flag,
    birthday: text,
    ...mapTexts(() => text),
    custom_fields: v.nullish(v.unknown(), []),
    roles: texts_(20),
    locale: text,
    external_identities: v.nullish(
      v.array(
        v.strictObject({
          issuer: name,
          subject: name,
          // Records of before connections name none.
          provider: v.optional(v.pipe(v.string(), v.check(isProvider, 'must be the name of a connection'))),
          profile: v.optional(v.record(v.string(), v.string()), {}),
        }),
        'must be a list',
      ),
      [],
    ),
  },
  'must be a JSON object',
);

/** A record as it is written. */
export type UserRecord = v.InferOutput<typeof schema>;

/** A validated record in the forms of the domain. */
export type ParsedRecord = {
  readonly user: User;
  readonly email: (ParsedIdentifier & { readonly isConfirmed: boolean }) | undefined;
  readonly mobile: (ParsedIdentifier & { readonly isConfirmed: boolean }) | undefined;
  readonly passwordHash: string | undefined;
  /** The data of each authenticator, by kind. */
  readonly authenticators: { readonly [K in CodeKind]?: string };
  readonly recoveryCodeHashes: readonly string[];
  readonly passkeys: readonly PasskeyRecord[];
  /** Whether every way in asks for a passkey as well. */
  readonly isPasskeyOnly: boolean;
  readonly identities: readonly {
    readonly issuer: string;
    readonly subject: string;
    readonly provider: string;
    readonly profile: ExternalProfile;
  }[];
};

export type RecordContext = {
  readonly tenantId: string;
  readonly policy: TenantPolicy;
  readonly now: Date;
  /** Whether a password hash is of a kind that can be verified. */
  readonly canVerify: (hash: string) => boolean;
  /** Whether a COSE key in Base64url can be used. */
  readonly isUsableKey: (publicKey: string) => boolean;
};

/**
 * The id of an imported user who brings none: the same for the same identifier, so that an
 * import can be run again and finds what it has done (UUID of version 8, RFC 9562).
 */
function derivedId(tenantId: string, identifier: string): string {
  const bytes = sha256(`import ${tenantId} ${identifier}`).subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytesToUuid(bytes);
}

/** Nothing that could be imported is older. */
const firstDay = '1970-01-01';

/** Whether the calendar has a day, as YYYY-MM-DD. */
function isDate(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
}

function parseTime(text: string, now: Date): Date {
  if (text === '') return now;
  const date = new Date(text);
  const [, day = ''] =
    /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/.exec(text) ?? [];
  // Date turns 30 February into 2 March instead of refusing it.
  const isDay = day !== '' && isDate(day) && day >= firstDay;
  if (!isDay || Number.isNaN(date.getTime()) || date > now)
    throw invalid({ field: 'created_at', reason: 'DATE_INVALID' });
  return date;
}

/** Parses a record; one error reports all violations. */
export function parseRecord(value: unknown, context: RecordContext): ParsedRecord {
  const result = v.safeParse(schema, value);
  if (!result.success) {
    throw invalid(
      ...result.issues.map((issue): Violation => {
        const field = pathOf(issue, 'record');
        return isUnknownField(issue)
          ? { field, reason: 'FIELD_UNKNOWN' }
          : { field, reason: 'FIELD_TYPE', description: wordsOf(issue) };
      }),
    );
  }
  return readRecord(result.output, context);
}

function readRecord(record: UserRecord, context: RecordContext): ParsedRecord {
  const { tenantId, policy, now, canVerify, isUsableKey } = context;
  const violations = createViolations();
  const { collect, add } = violations;
  const email = record.email === '' ? undefined : collect(() => parseEmail(record.email));
  const mobile = record.mobile === '' ? undefined : collect(() => parseMobile(record.mobile, '', policy));
  if (record.email === '' && record.mobile === '') add('email', 'FIELD_REQUIRED');
  if (record.user_id !== '' && !isUuid(record.user_id)) add('user_id', 'FIELD_INVALID');
  if (Buffer.byteLength(record.password_hash) > maxColumnBytes) add('password_hash', 'FIELD_TOO_LONG');
  else if (record.password_hash !== '' && !canVerify(record.password_hash))
    add('password_hash', 'FIELD_INVALID');
  const authenticators: { [K in CodeKind]?: string } = {};
  for (const kind of codeKinds) {
    const { field, parse } = authenticatorForms[kind];
    const data = record[field] === '' ? undefined : collect(() => parse(record[field], policy));
    if (data !== undefined) authenticators[kind] = data;
  }
  if (record.recovery_code_hashes.some((hash) => hash.length > 100 || !canVerify(hash)))
    add('recovery_code_hashes', 'FIELD_INVALID');
  if (record.passkeys.some((passkey) => !isUsableKey(passkey.public_key))) add('passkeys', 'FIELD_INVALID');
  const credentials = record.passkeys.map(({ rp_id, credential_id }) => `${rp_id} ${credential_id}`);
  if (new Set(credentials).size < credentials.length) add('passkeys', 'FIELD_INVALID');
  if (record.passkey_only && record.passkeys.length === 0) add('passkeys', 'FIELD_REQUIRED');
  const names = record.external_identities.map(({ issuer, subject }) => `${issuer} ${subject}`);
  if (new Set(names).size < names.length) add('external_identities', 'FIELD_INVALID');
  // An unproved account can be replaced by a registration: it must not hold credentials.
  const isProved =
    (record.email !== '' && record.email_confirmed) || (record.mobile !== '' && record.mobile_confirmed);
  const opens =
    record.external_identities.length + record.recovery_code_hashes.length + record.passkeys.length > 0 ||
    codeKinds.some((kind) => record[authenticatorForms[kind].field] !== '');
  if (opens && !isProved) add(record.email === '' ? 'mobile_confirmed' : 'email_confirmed', 'FIELD_REQUIRED');
  const locale = record.locale === '' ? policy.defaultLocale : parseLocale(record.locale);
  if (locale === undefined) add('locale', 'FIELD_INVALID');
  if (record.roles.some((role) => !Object.hasOwn(policy.roles, role))) add('roles', 'ROLE_UNKNOWN');

  const profile: { -readonly [name in keyof Profile]: Profile[name] } = { ...emptyProfile };
  const birthday = collect(() => parseBirthday(record.birthday, now));
  profile.birthday = birthday?.text ?? '';
  profile.birthdayGregorian = birthday?.gregorian;
  for (const field of profileFields)
    profile[field] = collect(() => parseProfileText(field, record[profileTexts[field].name])) ?? '';
  profile.customFields = collect(() => parseCustomFields(record.custom_fields as Json)) ?? [];
  const createdAt = collect(() => parseTime(record.created_at, now)) ?? now;
  violations.throwIfAny();

  const known = email?.canonical ?? mobile?.canonical ?? '';
  const user: User = {
    id: record.user_id === '' ? derivedId(tenantId, known) : record.user_id,
    tenantId,
    status: record.status,
    locale: locale ?? policy.defaultLocale,
    roles: record.roles,
    senderEmail: '',
    confirmUrl: '',
    createdAt,
    origin: 'back-end',
    profile,
  };
  const optional = (value: string) => (value === '' ? undefined : value);
  return {
    user,
    email: email && { kind: 'email', ...email, isConfirmed: record.email_confirmed },
    mobile: mobile && { kind: 'mobile', ...mobile, isConfirmed: record.mobile_confirmed },
    passwordHash: optional(record.password_hash),
    authenticators,
    recoveryCodeHashes: [...new Set(record.recovery_code_hashes)],
    passkeys: record.passkeys,
    isPasskeyOnly: record.passkey_only,
    identities: record.external_identities.map(({ provider, ...identity }) => ({
      ...identity,
      provider: provider ?? (identity.issuer === googleIssuer ? googleProvider : manamProvider),
    })),
  };
}

/** A user as a record; what is empty is left out. */
export function toRecord(parsed: ParsedRecord): Partial<UserRecord> {
  const { user, email, mobile, passwordHash = '', authenticators, identities } = parsed;
  const { profile } = user;
  const all: UserRecord = {
    user_id: user.id,
    status: user.status,
    created_at: user.createdAt.toISOString(),
    email: email?.address ?? '',
    email_confirmed: email?.isConfirmed ?? false,
    mobile: mobile?.address ?? '',
    mobile_confirmed: mobile?.isConfirmed ?? false,
    password_hash: passwordHash,
    totp_secret: authenticators.totp ?? '',
    sms_factor: authenticators.sms ?? '',
    recovery_code_hashes: [...parsed.recoveryCodeHashes],
    passkeys: [...parsed.passkeys],
    passkey_only: parsed.isPasskeyOnly,
    birthday: profile.birthday,
    ...mapTexts((field) => profile[field]),
    custom_fields: profile.customFields,
    roles: [...user.roles],
    locale: user.locale,
    external_identities: identities.map(({ issuer, subject, provider, profile: own }) => ({
      issuer,
      subject,
      provider,
      profile: { ...own },
    })),
  };
  const isEmpty = (value: unknown) =>
    value === '' || value === false || (Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(all).filter(([, value]) => !isEmpty(value)));
}
