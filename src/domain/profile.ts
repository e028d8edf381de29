import { invalid } from './errors.ts';

/** A value of the tenant's own: whatever JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const control = /\p{Cc}|\p{Zl}|\p{Zp}/u;
const webAddress = /https?:|www\.|[\p{L}\p{N}]\.[\p{L}]{2,}(?:\/|$|\s)/iu;

/** A person's name (R44): nothing that a mail client could turn into a link or a tag. */
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

const maxBytes = 16 * 1024;
const maxKeys = 50;
const maxDepth = 4;
const keyForm = /^[a-z][a-z0-9_]{0,63}$/;
const keysOfObjects = new Set(['__proto__', 'constructor', 'prototype']);

/** Checks the tenant's own fields against the limits of R43 and answers them as they came. */
export function parseCustomFields(value: Json | undefined): Json {
  if (value === undefined || value === null || value === '') return [];
  const refuse = () => invalid({ field: 'custom_fields', reason: 'CUSTOM_FIELDS_INVALID' });
  let keys = 0;
  const walk = (node: Json, depth: number): void => {
    if (depth > maxDepth) throw refuse();
    if (Array.isArray(node)) {
      for (const item of node) walk(item, depth + 1);
    } else if (node !== null && typeof node === 'object') {
      for (const [key, item] of Object.entries(node)) {
        keys += 1;
        if (keys > maxKeys || !keyForm.test(key) || keysOfObjects.has(key)) throw refuse();
        walk(item, depth + 1);
      }
    }
  };
  walk(value, 0);
  if (Buffer.byteLength(JSON.stringify(value)) > maxBytes) throw refuse();
  return value;
}
