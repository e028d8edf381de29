import type { IncomingMessage } from 'node:http';
import { Code, ConnectError } from '@connectrpc/connect';
import { parse as parseQuery } from 'qs';
import { chunksOf } from './chunks.ts';
import { decodeJson, type Json, type JsonObject, parseJson } from './json.ts';
import { RestError } from './rest-error.ts';

/** The format of a body: values of a form are texts, whatever the fields are. */
export type Body = { readonly value: JsonObject; readonly isText: boolean };

/**
 * The two syntaxes of a form, with limits against deep nesting and long lists: the brackets of jQuery, or the flat form
 * of OAuth, where a bracket is a character and unknown parameters are ignored (RFC 6749, section 3.1).
 */
const formLimits = {
  brackets: { depth: 5, arrayLimit: 100, parameterLimit: 200 },
  flat: { depth: 0, parseArrays: false, arrayLimit: 1000, parameterLimit: 1000 },
} as const;
export type FormKind = keyof typeof formLimits;

const empty: Body = { value: {}, isText: false };

/** Reads a body of at most that many bytes. An empty one is `{}` whatever its content type. */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
  formKind: FormKind = 'brackets',
): Promise<Body> {
  const bytes = await readBytes(request, maxBytes);
  if (bytes.length === 0) return empty;
  const encoding = request.headers['content-encoding'] ?? 'identity';
  const [type = '', ...parameters] = (request.headers['content-type'] ?? '').toLowerCase().split(';');
  const charset = parameters.map((part) => part.trim()).find((part) => part.startsWith('charset='));
  if (
    encoding !== 'identity' ||
    (charset !== undefined && !/^charset="?(?:utf-?8|us-ascii)"?$/.test(charset))
  ) {
    throw new RestError('media-type-unsupported');
  }
  if (type.trim() === 'application/json')
    return { value: asObject(parseJson(decodeJson(bytes))), isText: false };
  if (type.trim() === 'application/x-www-form-urlencoded')
    return { value: parseForm(decodeJson(bytes), formKind), isText: true };
  throw new RestError('media-type-unsupported');
}

async function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw new RestError('body-too-large');
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of chunksOf(request)) {
      length += chunk.length;
      if (length > maxBytes) throw new RestError('body-too-large');
      chunks.push(chunk);
    }
  } catch (error) {
    // A caller that disconnects within the request is no error of the service.
    throw error instanceof RestError ? error : new ConnectError('the caller went away', Code.Canceled);
  }
  return Buffer.concat(chunks);
}

function asObject(value: Json): JsonObject {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new RestError('body-malformed');
  return value;
}

/**
 * Reads a form. JSON that was sent as a form, which is what curl does by default, is detected: its content would
 * become a field's name.
 */
function parseForm(text: string, kind: FormKind): JsonObject {
  if (/^\s*[{[]/.test(text)) throw new RestError('media-type-unsupported');
  try {
    const limits = { ...formLimits[kind], strictDepth: kind === 'brackets', throwOnLimitExceeded: true };
    return parseQuery(text, limits) as JsonObject;
  } catch {
    throw new RestError('body-malformed');
  }
}
