import { errors } from 'jose';

/**
 * Whether an error says that a token is none, or that a key from someone else is none: jose throws a TypeError where a part
 * has another shape, and WebCrypto a DOMException where a key cannot be imported. Any other error is a bug in this service.
 */
export function isTokenFault(error: unknown): boolean {
  return error instanceof errors.JOSEError || error instanceof TypeError || error instanceof DOMException;
}
