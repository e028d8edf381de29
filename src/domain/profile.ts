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
  keys: `at most ${maxKeys} keys`,
  depth: `at most ${maxDepth} levels`,
  bytes: `at most ${maxBytes} bytes of JSON`,
} as const;

/** Checks the tenant's own fields against the limits of R43, and returns them as they came. */
export function parseCustomFields(value: Json | undefined): Json {
  if (value === undefined || value === null || value === '') return [];
  const refuse = (rule: keyof typeof rules, key = '') => {
    // A key that is none may hold anything: it is named only where it could be one (R73).
    const description = isPlausibleField(key) ? `${key}: ${rules[rule]}` : rules[rule];
    return invalid({ field: 'custom_fields', reason: 'CUSTOM_FIELDS_INVALID', description });
  };
  let keys = 0;
  const walk = (node: Json, depth: number): void => {
    if (depth > maxDepth) throw refuse('depth');
    if (Array.isArray(node)) {
      for (const item of node) walk(item, depth + 1);
    } else if (node !== null && typeof node === 'object') {
      for (const [key, item] of Object.entries(node)) {
        keys += 1;
        if (keys > maxKeys) throw refuse('keys');
        if (keysOfObjects.has(key)) throw refuse('reserved', key);
        if (!keyForm.test(key)) throw refuse('key', key);
        walk(item, depth + 1);
      }
    }
  };
  walk(value, 0);
  if (Buffer.byteLength(JSON.stringify(value)) > maxBytes) throw refuse('bytes');
  return value;
}

/** The personal data of a user, in one place so that it can be erased. */
export type Profile = {
  readonly firstName: string;
  readonly lastName: string;
  readonly nationalCode: string;
  /** As sent, in either calendar. */
  readonly birthday: string;
  /** The same day as a Gregorian date, or undefined. */
  readonly birthdayGregorian: string | undefined;
  readonly picture: string;
  readonly address: string;
  readonly postalCode: string;
  readonly maritalStatus: string;
  readonly facebookId: string;
  readonly instagramId: string;
  readonly twitterId: string;
  readonly linkedinId: string;
  readonly document: string;
  readonly telephone: string;
  readonly customFields: Json;
};

/** The profile of a user who has said nothing of himself. */
export const emptyProfile: Profile = {
  firstName: '',
  lastName: '',
  nationalCode: '',
  birthday: '',
  birthdayGregorian: undefined,
  picture: '',
  address: '',
  postalCode: '',
  maritalStatus: '',
  facebookId: '',
  instagramId: '',
  twitterId: '',
  linkedinId: '',
  document: '',
  telephone: '',
  customFields: [],
};
