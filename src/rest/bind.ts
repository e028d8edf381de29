import type { IncomingMessage } from 'node:http';
import { readBody } from './body.ts';
import type { JsonObject } from './json.ts';
import { type FieldProblem, RestError } from './rest-error.ts';
import type { Route } from './route.ts';
import type { Speller } from './spelling.ts';

export type PathVariable = { readonly fieldPath: readonly string[]; readonly value: string };

/**
 * Reads the message of a request, as JSON with proto field names, from all that can
 * hold it: path, query, body, and headers where nothing else has the field. A field
 * that comes from two of them is refused, because two readers may disagree on it.
 */
export async function bindRequest(
  speller: Speller,
  route: Route,
  request: IncomingMessage,
  variables: readonly PathVariable[],
  maxBytes: number,
): Promise<JsonObject> {
  const body = await readBody(request, maxBytes);
  if (!route.hasBody && Object.keys(body.value).length > 0) {
    const unexpected = Object.keys(body.value).map((field): FieldProblem => ({ field, problem: 'unknown' }));
    throw new RestError('fields-invalid', unexpected);
  }
  const parts = [
    pathToJson(variables),
    speller.fromRest(route.input, queryToJson(request), true),
    speller.fromRest(route.input, body.value, body.isText),
  ];
  const message = mergeOnce(parts);
  for (const { name, field } of route.headers) {
    const value = request.headers[name];
    if (typeof value === 'string' && !Object.hasOwn(message, field)) message[field] = value;
  }
  return message;
}

function pathToJson(variables: readonly PathVariable[]): JsonObject {
  const json: JsonObject = {};
  for (const { fieldPath, value } of variables) {
    let target = json;
    for (const part of fieldPath.slice(0, -1)) {
      target[part] ??= {};
      target = target[part] as JsonObject;
    }
    target[fieldPath.at(-1) ?? ''] = value;
  }
  return json;
}

/** The query: `a=1&b=2` are fields, `a.b=1` is a field of a field, a repeated name is a list. */
function queryToJson(request: IncomingMessage): JsonObject {
  const json: JsonObject = Object.create(null) as JsonObject;
  const { searchParams } = new URL(request.url ?? '', 'http://localhost');
  for (const name of new Set(searchParams.keys())) {
    const values = searchParams.getAll(name);
    const value = values.length === 1 ? (values[0] ?? '') : values;
    const parts = name.split('.');
    let target = json;
    for (const part of parts.slice(0, -1)) {
      const next = target[part];
      if (next === undefined) target[part] = Object.create(null) as JsonObject;
      else if (typeof next !== 'object')
        throw new RestError('fields-invalid', [{ field: name, problem: 'duplicate' }]);
      target = target[part] as JsonObject;
    }
    target[parts.at(-1) ?? ''] = value;
  }
  return json;
}

function mergeOnce(parts: readonly JsonObject[]): JsonObject {
  const merged: JsonObject = {};
  const twice: FieldProblem[] = [];
  for (const [field, value] of parts.flatMap((part) => Object.entries(part))) {
    if (Object.hasOwn(merged, field)) twice.push({ field, problem: 'duplicate' });
    merged[field] = value;
  }
  if (twice.length > 0) throw new RestError('fields-invalid', twice);
  return merged;
}
