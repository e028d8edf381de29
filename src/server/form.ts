import type { IncomingMessage } from 'node:http';
import { readBody } from '../rest/body.ts';
import { RestError } from '../rest/rest-error.ts';
import { toDomainError } from './rest-dialect.ts';

/** Reads a form of a browser or of another service; a parameter that comes twice counts as none (RFC 6749, section 3.1). */
export async function readForm(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Readonly<Record<string, string>>> {
  try {
    const { value } = await readBody(request, maxBytes);
    const texts = Object.entries(value).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    );
    return Object.fromEntries(texts);
  } catch (error) {
    throw error instanceof RestError ? toDomainError(error) : error;
  }
}
