import { RestError } from './rest-error.ts';

export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

/** Deeper documents are refused: no message needs them. */
const maxDepth = 64;

/**
 * Parses a document strictly: what JSON.parse takes, and neither a repeated key, of
 * which two readers may see different values, nor more levels than a message can have.
 */
export function parseJson(text: string): Json {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    throw new RestError('body-malformed');
  }
  assertPlain(text);
  return value;
}

/** Decodes UTF-8 strictly. A byte order mark is dropped, as RFC 8259, section 8.1, allows. */
export function decodeJson(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new RestError('body-malformed');
  }
}

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/** Looks for repeated keys and for depth in the text of a JSON document. */
export function assertPlain(text: string): void {
  /** The keys seen in each open object; undefined for an array. */
  const open: (Set<string> | undefined)[] = [];
  let expectsKey = false;
  for (const [token] of text.matchAll(tokens)) {
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : undefined);
      if (open.length > maxDepth) throw new RestError('body-malformed');
      expectsKey = token === '{';
    } else if (token === '}' || token === ']') {
      open.pop();
      expectsKey = false;
    } else if (token === ',') {
      expectsKey = open.at(-1) !== undefined;
    } else if (token === ':') {
      expectsKey = false;
    } else if (expectsKey) {
      const key = JSON.parse(token) as string;
      const seen = open.at(-1);
      if (seen?.has(key)) throw new RestError('fields-invalid', [{ field: key, problem: 'duplicate' }]);
      seen?.add(key);
    }
  }
}
