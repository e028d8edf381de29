import { readFileSync } from 'node:fs';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { CommandError, exitCodes } from '../composition/exit-codes.ts';

export type PatchOptions = { readonly set?: readonly string[]; readonly file?: string };

/** A value of `--set`: JSON where it is JSON, else the text itself. */
function parseValue(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

/** The same for settings without numbers: ids of clients may be made of digits. */
export function parseWithoutNumbers(text: string): JsonValue {
  const value = parseValue(text);
  return typeof value === 'number' ? text : value;
}

/** A merge patch of settings out of a file and of `--set path=value`, the later ones winning; undefined: there is neither. */
export function patchOf(
  { file, set = [] }: PatchOptions,
  first: JsonObject = {},
  parse: (text: string) => JsonValue = parseValue,
): JsonObject | undefined {
  if (file === undefined && set.length === 0 && Object.keys(first).length === 0) return undefined;
  const patch: JsonObject = { ...(file === undefined ? {} : readPatch(file)), ...first };
  for (const assignment of set) {
    const [, path, value] = /^([\w.]+)=(.*)$/s.exec(assignment) ?? [];
    if (path === undefined || value === undefined)
      throw new CommandError(`--set ${assignment}: it has to be path=value`, exitCodes.usage);
    const names = path.split('.');
    const last = names.pop() ?? '';
    let target = patch;
    for (const name of names) {
      const inner = Object.hasOwn(target, name) ? target[name] : undefined;
      const next = (typeof inner === 'object' && inner !== null ? inner : {}) as JsonObject;
      define(target, name, next);
      target = next;
    }
    define(target, last, parse(value));
  }
  return patch;
}

/** Sets a property of that very name, also where it is one that objects are born with. */
function define(target: JsonObject, name: string, value: JsonValue): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

function readPatch(file: string): JsonObject {
  const fail = (why: string) => new CommandError(`${file}: ${why}`, exitCodes.usage);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw fail('it cannot be read');
  }
  const value = parseValue(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw fail('it has to hold a JSON object');
  return value;
}
