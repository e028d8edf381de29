import { timingSafeEqual } from 'node:crypto';
import type { Identifier } from './identifier.ts';
import type { PasskeyData } from './passkey.ts';
import { uuidToBytes } from './token.ts';
import type { Vault } from './vault.ts';

// Plausible credentials for identifiers without a passkey (WebAuthn Level 3, section 14.6.2). The id of a decoy ends
// in a mark that only this service can make, so that registering one is rejected like a real one.

/** The lengths of the credential ids of widespread authenticators. */
const lengths = [16, 20, 32, 32];
const markBytes = 8;

function markOf(vault: Vault, tenantId: string, head: Uint8Array): Buffer {
  const data = Buffer.concat([uuidToBytes(tenantId), head]);
  return vault.mac('passkey-decoy-mark', data).subarray(0, markBytes);
}

/** A passkey that no account has: always the same for one identifier, under a key that never changes. */
export function decoyOf(
  vault: Vault,
  tenantId: string,
  { kind, canonical }: Identifier,
): Pick<PasskeyData, 'credentialId' | 'transports'> {
  const seed = vault.mac('passkey-decoy', Buffer.from(JSON.stringify([tenantId, kind, canonical])));
  const length = lengths[(seed.at(-1) ?? 0) % lengths.length] ?? 32;
  const head = seed.subarray(0, length - markBytes);
  const id = Buffer.concat([head, markOf(vault, tenantId, head)]);
  return { credentialId: id.toString('base64url'), transports: ['internal', 'hybrid'] };
}

/** Whether a credential id belongs to a decoy. */
export function isDecoy(vault: Vault, tenantId: string, credentialId: string): boolean {
  const bytes = Buffer.from(credentialId, 'base64url');
  if (!lengths.includes(bytes.length)) return false;
  const head = bytes.subarray(0, -markBytes);
  return timingSafeEqual(bytes.subarray(-markBytes), markOf(vault, tenantId, head));
}
