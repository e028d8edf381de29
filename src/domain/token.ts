import { createHash } from 'node:crypto';
import { cleanTyped } from './typed-text.ts';

/** SHA-256, which is enough for what carries 128 random bits or more. */
export function sha256(data: string | Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}

/**
 * Decodes Base64url without padding (RFC 4648, section 5) strictly: of the many
 * strings that a lenient decoder takes for the same bytes only the canonical one
 * passes, so that a token has one spelling.
 */
export function decodeBase64url(text: string, bytes: number): Buffer | undefined {
  const decoded = Buffer.from(text, 'base64url');
  return decoded.length === bytes && decoded.toString('base64url') === text ? decoded : undefined;
}

const selectorBytes = 16;
const verifierBytes = 32;

/** A one-time token: the id of its row, and a secret of which the row holds the digest. */
export type ChallengeToken = { readonly challengeId: string; readonly digest: Buffer };

/** Writes a one-time token for a row: 64 characters. */
export function formatChallengeToken(challengeId: string, verifier: Uint8Array): string {
  return Buffer.concat([uuidToBytes(challengeId), verifier]).toString('base64url');
}

/** Reads a one-time token, as people paste it out of a message; undefined where the text cannot be one. */
export function parseChallengeToken(text: string): ChallengeToken | undefined {
  const bytes = decodeBase64url(cleanTyped(text), selectorBytes + verifierBytes);
  if (bytes === undefined) return undefined;
  return {
    challengeId: bytesToUuid(bytes.subarray(0, selectorBytes)),
    digest: sha256(bytes.subarray(selectorBytes)),
  };
}

export function uuidToBytes(id: string): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}

export function bytesToUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isUuid(text: string): boolean {
  return uuidForm.test(text);
}

/**
 * The smallest UUID of version 7 that is made at a time (RFC 9562, section 5.7): what is below it is older. Before 1970
 * there is none.
 */
export function uuidOfTime(time: Date): string {
  const hex = Math.max(0, time.getTime()).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
