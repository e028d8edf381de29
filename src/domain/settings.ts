import * as v from 'valibot';
import { invalid, isPlausibleField, type Violation } from './errors.ts';

type Json = Readonly<Record<string, unknown>>;

// The parts that schemas of settings are made of.

export const text = v.string('must be a text');
export const flag = v.boolean('must be true or false');

/** A string that is empty or matches the rule. */
export const optional = (rule: v.GenericSchema<string, string>, message: string) =>
  v.pipe(
    text,
    v.check((value) => value === '' || v.is(rule, value), message),
  );

export const listOf = <T extends v.GenericSchema>(item: T) =>
  v.pipe(v.array(item, 'must be a list'), v.maxLength(1000, 'must have at most 1000 entries'));
export const strict = <E extends v.ObjectEntries>(entries: E) => v.strictObject(entries, 'must be an object');
/** 16 KiB in Base64, so that a policy stays small enough to be kept in memory by the thousand. */
const maxLogoLength = 22_000;
export const logo = v.pipe(
  text,
  v.maxLength(maxLogoLength, 'must be an image of at most 16 KiB'),
  v.regex(
    /^(?:data:image\/(?:png|jpeg|webp);base64,[A-Za-z0-9+/]+={0,2})?$/,
    'must be a PNG, JPEG or WebP as a data: URL in Base64',
  ),
);

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Applies a JSON merge patch (RFC 7396, section 2): null removes, objects merge, anything else replaces. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}

/** Stored settings, completed with defaults: they may be older than some of their fields. */
export function withDefaults(stored: unknown, defaults: unknown): unknown {
  if (!isObject(defaults) || !isObject(stored)) return stored ?? defaults;
  const names = [...new Set([...Object.keys(defaults), ...Object.keys(stored)])];
  return Object.fromEntries(names.map((name) => [name, withDefaults(stored[name], defaults[name])]));
}

/**
 * Settings after a JSON merge patch, not validated yet: what the patch sets to null goes back to the default.
 * Throws REQUEST_INVALID where the patch is no object.
 */
export function patchSettings(current: unknown, patch: unknown, defaults: unknown, field: string): unknown {
  if (!isObject(patch)) throw invalid({ field, reason: 'FIELD_TYPE', description: 'must be an object' });
  return withDefaults(mergePatch(current, patch), defaults);
}

/** Our own message for an issue: the library's repeats the value, which may be a misplaced secret (R73). */
export function wordsOf({ message }: { readonly message: string }): string {
  return /^Invalid [\w ]+: /.test(message) ? 'is not valid' : message;
}

/** Whether an issue is about a field that does not exist. */
export function isUnknownField({ type, expected }: v.BaseIssue<unknown>): boolean {
  return type === 'strict_object' && expected === 'never';
}

/** The path of an issue. A segment that cannot be a field name is the caller's content, and is left out (R73). */
export function pathOf(issue: v.BaseIssue<unknown>, name: string, prefix = ''): string {
  const path = v.getDotPath(issue);
  const isContent = path !== null && isUnknownField(issue) && !isPlausibleField(path);
  return path === null || isContent ? name : `${prefix}${path}`;
}

/** Validates settings. Throws REQUEST_INVALID with the path of everything that is wrong, such as `policy.origins.2`. */
export function parseSettings<T>(schema: v.GenericSchema<unknown, T>, settings: unknown, name: string): T {
  const result = v.safeParse(schema, settings);
  if (result.success) return result.output;
  throw invalid(
    ...result.issues.map((issue): Violation => {
      const field = pathOf(issue, name, `${name}.`);
      return isUnknownField(issue)
        ? { field, reason: 'FIELD_UNKNOWN' }
        : { field, reason: 'FIELD_INVALID', description: wordsOf(issue) };
    }),
  );
}
