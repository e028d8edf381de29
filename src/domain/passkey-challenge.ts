import { timingSafeEqual } from 'node:crypto';
import { sha256, uuidToBytes } from './token.ts';
import type { Vault } from './vault.ts';

// A challenge of WebAuthn that no row keeps: it carries its time, and a seal over what it is for. A
// start writes nothing, and a finish spends the challenge once.

export type CeremonyPurpose = 'registration' | 'sign-in' | 'second-factor' | 'step-up';

/** Purpose of a challenge; every other use is rejected. */
export type Ceremony = {
  readonly tenantId: string;
  readonly purpose: CeremonyPurpose;
  /** The session, the pending sign-in, or the identifier that a sign-in named; empty: none. */
  readonly subject: string;
};

/** Lifetime of a challenge (section 13.4.3 recommends minutes). */
export const ceremonyMs = 300_000;

/** Random bytes of a challenge. */
export const ceremonyNonceBytes = 16;
const timeBytes = 6;
const headBytes = ceremonyNonceBytes + timeBytes;

function sealOf(vault: Vault, { tenantId, purpose, subject }: Ceremony, head: Buffer): Buffer {
  const about = Buffer.from(JSON.stringify([purpose, subject]));
  return vault.mac('passkey-challenge', Buffer.concat([uuidToBytes(tenantId), head, about]));
}

/** A new challenge, in Base64url. */
export function makeCeremonyChallenge(vault: Vault, ceremony: Ceremony, nonce: Buffer, now: Date): string {
  const time = Buffer.alloc(timeBytes);
  time.writeUIntBE(now.getTime() + ceremonyMs, 0, timeBytes);
  const head = Buffer.concat([nonce, time]);
  return Buffer.concat([head, sealOf(vault, ceremony, head)]).toString('base64url');
}

/** A live challenge, to be spent; undefined where it is of another ceremony, expired or made up. */
export function readCeremonyChallenge(
  vault: Vault,
  ceremony: Ceremony,
  text: string,
  now: Date,
): { readonly id: string; readonly expiresAt: Date } | undefined {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== headBytes + 32 || bytes.toString('base64url') !== text) return undefined;
  const head = bytes.subarray(0, headBytes);
  if (!timingSafeEqual(bytes.subarray(headBytes), sealOf(vault, ceremony, head))) return undefined;
  const expiresAt = new Date(head.readUIntBE(ceremonyNonceBytes, timeBytes));
  return expiresAt > now ? { id: sha256(text).toString('base64url'), expiresAt } : undefined;
}
