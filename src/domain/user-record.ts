import * as v from 'valibot';
import { parseBirthday } from './birthday.ts';
import { parseEmail } from './email.ts';
import { createViolations, invalid, type Violation } from './errors.ts';
import type { ExternalProfile } from './external-identity.ts';
import type { ParsedIdentifier } from './identifier.ts';
import { parseLocale } from './locale.ts';
import { parseMobile } from './mobile.ts';
import {
  emptyProfile,
  type Json,
  type Profile,
  parseCustomFields,
  parseLines,
  parseName,
  parseText,
} from './profile.ts';
import type { TenantPolicy } from './tenant.ts';
import { bytesToUuid, isUuid, sha256 } from './token.ts';
import { isUsableSeed } from './totp.ts';
import { cleanTyped } from './typed-text.ts';
import type { User } from './user.ts';

// The form in which users come and go: a line of NDJSON a user.

/** The texts of a profile, by their name in a record, with the most characters of each. */
const texts = {
  national_code: ['nationalCode', 32],
  picture: ['picture', 2048],
  address: ['address', 500],
  postal_code: ['postalCode', 32],
  marital_status: ['maritalStatus', 32],
  facebook_id: ['facebookId', 200],
  instagram_id: ['instagramId', 200],
  twitter_id: ['twitterId', 200],
  linkedin_id: ['linkedinId', 200],
  document: ['document', 2048],
  telephone: ['telephone', 32],
} as const satisfies Record<string, readonly [keyof Profile, number]>;

type TextName = keyof typeof texts;
const textNames = Object.keys(texts) as TextName[];

/** What fits where hashes and the names of identities are kept. */
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
    totp_secret: text,
    sms_factor: text,
    recovery_code_hashes: texts_(20),
    first_name: text,
    last_name: text,
    birthday: text,
    ...(Object.fromEntries(textNames.map((name) => [name, text])) as Record<TextName, typeof text>),
    custom_fields: v.nullish(v.unknown(), []),
    roles: texts_(20),
    locale: text,
    external_identities: v.nullish(
      v.array(
        v.strictObject({
          issuer: name,
          subject: name,
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

/** What a record says, checked and in our own forms. */
export type ParsedRecord = {
  readonly user: User;
  readonly email: (ParsedIdentifier & { readonly isConfirmed: boolean }) | undefined;
  readonly mobile: (ParsedIdentifier & { readonly isConfirmed: boolean }) | undefined;
  readonly passwordHash: string | undefined;
  readonly totpSeed: string | undefined;
  readonly smsNumber: string | undefined;
  readonly recoveryCodeHashes: readonly string[];
  readonly identities: readonly {
    readonly issuer: string;
    readonly subject: string;
    readonly profile: ExternalProfile;
  }[];
};

export type RecordContext = {
  readonly tenantId: string;
  readonly policy: TenantPolicy;
  readonly now: Date;
  /** Whether a password hash is of a kind that can be verified. */
  readonly canVerify: (hash: string) => boolean;
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

/** Reads a record; everything that is wrong with it is told at once. */
export function parseRecord(value: unknown, context: RecordContext): ParsedRecord {
  const result = v.safeParse(schema, value);
  if (!result.success) {
    throw invalid(
      ...result.issues.map((issue): Violation => {
        const field = v.getDotPath(issue) ?? 'record';
        const isUnknown = issue.type === 'strict_object' && issue.expected === 'never';
        return isUnknown
          ? { field, reason: 'FIELD_UNKNOWN' }
          : { field, reason: 'FIELD_TYPE', description: issue.message };
      }),
    );
  }
  return readRecord(result.output, context);
}

function readRecord(record: UserRecord, { tenantId, policy, now, canVerify }: RecordContext): ParsedRecord {
  const violations = createViolations();
  const { collect, add } = violations;
  const email = record.email === '' ? undefined : collect(() => parseEmail(record.email));
  const mobile = record.mobile === '' ? undefined : collect(() => parseMobile(record.mobile, '', policy));
  if (record.email === '' && record.mobile === '') add('email', 'FIELD_REQUIRED');
  if (record.user_id !== '' && !isUuid(record.user_id)) add('user_id', 'FIELD_INVALID');
  if (Buffer.byteLength(record.password_hash) > maxColumnBytes) add('password_hash', 'FIELD_TOO_LONG');
  else if (record.password_hash !== '' && !canVerify(record.password_hash))
    add('password_hash', 'FIELD_INVALID');
  const totpSeed = cleanTyped(record.totp_secret)
    .replace(/[\s=-]/g, '')
    .toUpperCase();
  const isSeed = /^[A-Z2-7]{16,128}$/.test(totpSeed) && isUsableSeed(totpSeed);
  if (totpSeed !== '' && !isSeed) add('totp_secret', 'FIELD_INVALID');
  const sms =
    record.sms_factor === ''
      ? undefined
      : collect(() => parseMobile(record.sms_factor, '', policy, 'sms_factor'));
  if (record.recovery_code_hashes.some((hash) => hash.length > 100 || !canVerify(hash)))
    add('recovery_code_hashes', 'FIELD_INVALID');
  const names = record.external_identities.map(({ issuer, subject }) => `${issuer} ${subject}`);
  if (new Set(names).size < names.length) add('external_identities', 'FIELD_INVALID');
  // Whoever registers an address that nobody has proved takes the account over: nothing may be in it that opens it.
  const isProved =
    (record.email !== '' && record.email_confirmed) || (record.mobile !== '' && record.mobile_confirmed);
  const opens =
    record.external_identities.length + record.recovery_code_hashes.length > 0 ||
    totpSeed !== '' ||
    record.sms_factor !== '';
  if (opens && !isProved) add(record.email === '' ? 'mobile_confirmed' : 'email_confirmed', 'FIELD_REQUIRED');
  const locale = record.locale === '' ? policy.defaultLocale : parseLocale(record.locale);
  if (locale === undefined) add('locale', 'FIELD_INVALID');
  if (record.roles.some((role) => !Object.hasOwn(policy.roles, role))) add('roles', 'ROLE_UNKNOWN');

  const profile: { -readonly [name in keyof Profile]: Profile[name] } = { ...emptyProfile };
  profile.firstName = collect(() => parseName(record.first_name, 'first_name')) ?? '';
  profile.lastName = collect(() => parseName(record.last_name, 'last_name')) ?? '';
  const birthday = collect(() => parseBirthday(record.birthday, now));
  profile.birthday = birthday?.text ?? '';
  profile.birthdayGregorian = birthday?.gregorian;
  for (const name of textNames) {
    const [field, most] = texts[name];
    const parse = name === 'address' ? parseLines : parseText;
    profile[field] = collect(() => parse(record[name], name, most)) ?? '';
  }
  profile.customFields = collect(() => parseCustomFields(record.custom_fields as Json)) ?? [];
  const createdAt = collect(() => parseTime(record.created_at, now)) ?? now;
  violations.refuse();

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
    totpSeed: optional(totpSeed),
    smsNumber: sms?.address,
    recoveryCodeHashes: [...new Set(record.recovery_code_hashes)],
    identities: record.external_identities,
  };
}

/** A user as a record; what is empty is left out. */
export function toRecord(parsed: ParsedRecord): Partial<UserRecord> {
  const { user, email, mobile, passwordHash = '', totpSeed = '', smsNumber = '', identities } = parsed;
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
    totp_secret: totpSeed,
    sms_factor: smsNumber,
    recovery_code_hashes: [...parsed.recoveryCodeHashes],
    first_name: profile.firstName,
    last_name: profile.lastName,
    birthday: profile.birthday,
    ...(Object.fromEntries(textNames.map((name) => [name, profile[texts[name][0]]])) as Record<
      TextName,
      string
    >),
    custom_fields: profile.customFields,
    roles: [...user.roles],
    locale: user.locale,
    external_identities: identities.map(({ issuer, subject, profile: own }) => ({
      issuer,
      subject,
      profile: { ...own },
    })),
  };
  const isEmpty = (value: unknown) =>
    value === '' || value === false || (Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(all).filter(([, value]) => !isEmpty(value)));
}
