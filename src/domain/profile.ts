import { invalid, isPlausibleField } from './errors.ts';

/** A value of the tenant's own: whatever JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const control = /\p{Cc}|\p{Zl}|\p{Zp}/u;
/** A web address, which no name contains: dots alone stand in many names, such as `St.John` and `م.رضایی`. */
const webAddress = /:\/\/|\bwww\.|[\p{L}\p{N}]\.[\p{L}]{2,}\//iu;

/** A person's name (R44): no address and no tag. What shows it escapes it. */
export function parseName(text: string, field: string): string {
  const name = text.normalize('NFC').trim();
  if ([...name].length > 100 || control.test(name) || /[<>]/.test(name) || webAddress.test(name)) {
    throw invalid({ field, reason: 'NAME_INVALID' });
  }
  return name;
}

/** A line of text that is kept as it was sent. */
export function parseText(text: string, field: string, maxLength: number): string {
  if ([...text].length > maxLength) throw invalid({ field, reason: 'FIELD_TOO_LONG' });
  if (control.test(text)) throw invalid({ field, reason: 'FIELD_INVALID' });
  return text;
}

/** The same with line breaks, as postal addresses have them. */
export function parseLines(text: string, field: string, maxLength: number): string {
  parseText(text.replaceAll(/\r\n|[\n\r\t]/g, ' '), field, maxLength);
  return text;
}

const maxBytes = 16 * 1024;
const maxKeys = 50;
const maxDepth = 4;
const keyForm = /^[a-z][a-z0-9_]{0,63}$/;
const keysOfObjects = new Set(['__proto__', 'constructor', 'prototype']);

const rules = {
  key: 'a key is 1 to 64 lower-case letters, digits and _, with a letter first',
  reserved: 'this key is reserved',
  twice: 'a key comes once',
  keys: `at most ${maxKeys} keys`,
  depth: `at most ${maxDepth} levels`,
  bytes: `at most ${maxBytes} bytes of JSON`,
} as const;

/** A field in a list of them: `{"key": …, "value": …}`. */
function isPair(node: Json): node is { key: string; value: Json } {
  if (typeof node !== 'object' || node === null || Array.isArray(node)) return false;
  return typeof node['key'] === 'string' && Object.keys(node).sort().join() === 'key,value';
}

/** Checks the tenant's own fields against the limits of R43, and returns them as they came. */
export function parseCustomFields(value: Json | undefined): Json {
  if (value === undefined || value === null || value === '') return [];
  const refuse = (rule: keyof typeof rules, key = '') => {
    // A key that is none may hold anything: it is named only where it could be one (R73).
    const description = isPlausibleField(key) ? `${key}: ${rules[rule]}` : rules[rule];
    return invalid({ field: 'custom_fields', reason: 'CUSTOM_FIELDS_INVALID', description });
  };
  let keys = 0;
  const paired = new Set<string>();
  const count = (key: string) => {
    keys += 1;
    if (keys > maxKeys) throw refuse('keys');
    if (keysOfObjects.has(key)) throw refuse('reserved', key);
    if (!keyForm.test(key)) throw refuse('key', key);
  };
  const walk = (node: Json, depth: number): void => {
    if (depth > maxDepth) throw refuse('depth');
    if (Array.isArray(value) && depth === 1 && isPair(node)) {
      // The documented form: the value of `key` is the name of the field, with the same rules as a name in an object.
      count(node.key);
      if (paired.has(node.key)) throw refuse('twice', node.key);
      paired.add(node.key);
      walk(node.value, depth + 1);
    } else if (Array.isArray(node)) {
      for (const item of node) walk(item, depth + 1);
    } else if (node !== null && typeof node === 'object') {
      for (const [key, item] of Object.entries(node)) {
        count(key);
        walk(item, depth + 1);
      }
    }
  };
  walk(value, 0);
  if (new TextEncoder().encode(JSON.stringify(value)).length > maxBytes) throw refuse('bytes');
  return value;
}

type ProfileText = {
  /** The name in the contract, in records and of the column. */
  readonly name: string;
  /** The longest text, in characters. */
  readonly maxLength: number;
  readonly parse: (text: string, field: string, maxLength: number) => string;
};

/**
 * The texts of a profile, one line each: contract, records, parsers, columns and the empty profile
 * follow from this table. A new field also needs its line in the contract and a migration.
 */
export const profileTexts = {
  firstName: { name: 'first_name', maxLength: 100, parse: parseName },
  lastName: { name: 'last_name', maxLength: 100, parse: parseName },
  nationalCode: { name: 'national_code', maxLength: 32, parse: parseText },
  picture: { name: 'picture', maxLength: 2048, parse: parseText },
  address: { name: 'address', maxLength: 500, parse: parseLines },
  postalCode: { name: 'postal_code', maxLength: 32, parse: parseText },
  maritalStatus: { name: 'marital_status', maxLength: 32, parse: parseText },
  facebookId: { name: 'facebook_id', maxLength: 200, parse: parseText },
  instagramId: { name: 'instagram_id', maxLength: 200, parse: parseText },
  twitterId: { name: 'twitter_id', maxLength: 200, parse: parseText },
  linkedinId: { name: 'linkedin_id', maxLength: 200, parse: parseText },
  document: { name: 'document', maxLength: 2048, parse: parseText },
  telephone: { name: 'telephone', maxLength: 32, parse: parseText },
} as const satisfies Readonly<Record<string, ProfileText>>;

export type ProfileField = keyof typeof profileTexts;

export const profileFields = Object.keys(profileTexts) as readonly ProfileField[];

/** An object with something for every text of a profile. */
export function mapProfile<T>(make: (field: ProfileField) => T): Record<ProfileField, T> {
  return Object.fromEntries(profileFields.map((field) => [field, make(field)])) as Record<ProfileField, T>;
}

/** Reads one text of a profile; throws REQUEST_INVALID. */
export function parseProfileText(field: ProfileField, value: string): string {
  const { name, maxLength, parse } = profileTexts[field];
  return parse(value, name, maxLength);
}

/** The personal data of a user, in one place so that it can be erased. */
export type Profile = { readonly [F in ProfileField]: string } & {
  /** As sent, in either calendar. */
  readonly birthday: string;
  /** The same day as a Gregorian date, or undefined. */
  readonly birthdayGregorian: string | undefined;
  readonly customFields: Json;
};

/** An empty profile. */
export const emptyProfile: Profile = {
  ...mapProfile(() => ''),
  birthday: '',
  birthdayGregorian: undefined,
  customFields: [],
};
