import type { IncomingMessage } from 'node:http';
import { readBody } from './body.ts';
import type { Json, JsonObject } from './json.ts';
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
  const received = await readBody(request, maxBytes, route.isTolerant ? 'flat' : 'brackets');
  const body = route.isTolerant ? { ...received, value: known(route, received.value, variables) } : received;
  if (!route.hasBody && Object.keys(body.value).length > 0) {
    const unexpected = Object.keys(body.value).map((field): FieldProblem => ({ field, problem: 'unknown' }));
    throw new RestError('fields-invalid', unexpected);
  }
  const given = queryToJson(request);
  const query = route.isTolerant ? known(route, given, variables) : given;
  // The subject of a call that changes something, and its credentials, never
  // stands in an address, which logs and histories keep (R74).
  // The fields of a call of OAuth are credentials, also where it only reads (RFC 9700, section 4.3.2).
  if ((route.httpMethod !== 'GET' || route.isTolerant) && Object.keys(query).length > 0) {
    const misplaced = Object.keys(query).map((field): FieldProblem => ({ field, problem: 'unknown' }));
    throw new RestError('fields-invalid', misplaced);
  }
  const parts = [
    pathToJson(variables),
    speller.fromRest(route.input, query, true),
    speller.fromRest(route.input, body.value, body.isText),
  ];
  const message = mergeOnce(parts);
  for (const { name, field } of route.headers) {
    const value = request.headers[name];
    if (typeof value === 'string' && !Object.hasOwn(message, field)) message[field] = value;
  }
  return message;
}

/** The parameters that the route knows and that say something; what the path says is no parameter of OAuth. */
function known({ input }: Route, json: JsonObject, variables: readonly PathVariable[]): JsonObject {
  const inPath = variables.map(({ fieldPath }) => fieldPath[0]);
  return Object.fromEntries(
    Object.entries(json).filter(([name, value]) => {
      const field = input.byInputName.get(name);
      return value !== '' && field !== undefined && !inPath.includes(field.field.name);
    }),
  );
}

/** Puts a value at a path of names; a name that is already taken on the way or at its end is a duplicate. */
function setAt(json: JsonObject, path: readonly string[], value: Json): void {
  const duplicate = () =>
    new RestError('fields-invalid', [{ field: path.join('.'), problem: 'duplicate' as const }]);
  let target = json;
  for (const part of path.slice(0, -1)) {
    target[part] ??= emptyObject();
    const next = target[part];
    if (typeof next !== 'object' || next === null || Array.isArray(next)) throw duplicate();
    target = next;
  }
  const name = path.at(-1) ?? '';
  if (Object.hasOwn(target, name)) throw duplicate();
  target[name] = value;
}

/** An object without a prototype: the names in it are the caller's. */
function emptyObject(): JsonObject {
  return Object.create(null) as JsonObject;
}

function pathToJson(variables: readonly PathVariable[]): JsonObject {
  const json = emptyObject();
  for (const { fieldPath, value } of variables) setAt(json, fieldPath, value);
  return json;
}

/** The query: `a=1&b=2` are fields, `a.b=1` is a field of a field, a repeated name is a list. */
function queryToJson(request: IncomingMessage): JsonObject {
  const json = emptyObject();
  const { searchParams } = new URL(request.url ?? '', 'http://localhost');
  for (const name of new Set(searchParams.keys())) {
    const values = searchParams.getAll(name);
    setAt(json, name.split('.'), values.length === 1 ? (values[0] ?? '') : values);
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
