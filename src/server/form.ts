import type { IncomingMessage } from 'node:http';
import { readBody } from '../rest/body.ts';
import { RestError } from '../rest/rest-error.ts';
import { toDomainError } from './rest-dialect.ts';

/** The same with every parameter, whose value is a list where it comes more than once. */
export async function readParameters(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Readonly<Record<string, string | readonly string[]>>> {
  try {
    const { value, isText } = await readBody(request, maxBytes, 'flat');
    if (!isText && Object.keys(value).length > 0) throw new RestError('media-type-unsupported');
    const isTextual = (each: unknown) => typeof each === 'string';
    const plain = Object.entries(value).filter(
      (entry): entry is [string, string | string[]] =>
        isTextual(entry[1]) || (Array.isArray(entry[1]) && entry[1].every(isTextual)),
    );
    return Object.fromEntries(plain);
  } catch (error) {
    throw error instanceof RestError ? toDomainError(error) : error;
  }
}

/** Reads a form of a browser or of another service; a parameter that comes twice counts as none (RFC 6749, section 3.1). */
export async function readForm(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Readonly<Record<string, string>>> {
  try {
    const { value } = await readBody(request, maxBytes, 'flat');
    const texts = Object.entries(value).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    );
    return Object.fromEntries(texts);
  } catch (error) {
    throw error instanceof RestError ? toDomainError(error) : error;
  }
}
