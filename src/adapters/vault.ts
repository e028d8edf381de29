import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { uuidToBytes } from '../domain/token.ts';
import type { Vault } from '../domain/vault.ts';

const algorithm = 'aes-256-gcm';
const version = 1;
const headerBytes = 1 + 16;
const nonceBytes = 12;
const tagBytes = 16;
export const keyBytes = 32;

/** A key with the id that sealed values name it by. */
export type VaultKey = { readonly id: string; readonly key: Buffer };

/**
 * AES-256-GCM and HMAC-SHA-256 under keys that are derived per purpose (RFC 5869),
 * so that no two uses share a key. Purpose and context are authenticated: a value
 * moved to another row or another use does not open (R26).
 *
 * @param keys All data keys, the one to seal with last.
 */
export function createVault(keys: readonly VaultKey[]): Vault {
  const newest = keys.at(-1);
  if (newest === undefined) throw new TypeError('a vault needs a key');
  const byId = new Map(keys.map((key) => [uuidToBytes(key.id).toString('hex'), key]));
  const derived = new Map<string, Buffer>();

  const derive = (key: VaultKey, use: string, purpose: string): Buffer => {
    const name = `${key.id} ${use} ${purpose}`;
    const known = derived.get(name);
    if (known !== undefined) return known;
    const made = Buffer.from(hkdfSync('sha256', key.key, '', `manam ${use} ${purpose}`, keyBytes));
    derived.set(name, made);
    return made;
  };

  return {
    seal(purpose, context, plaintext) {
      const header = Buffer.concat([Buffer.of(version), uuidToBytes(newest.id)]);
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, derive(newest, 'seal', purpose), nonce);
      cipher.setAAD(Buffer.concat([header, Buffer.from(context)]));
      return Buffer.concat([header, nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    },

    open(purpose, context, sealed) {
      const bytes = Buffer.from(sealed);
      const header = bytes.subarray(0, headerBytes);
      const key = byId.get(header.subarray(1).toString('hex'));
      if (header[0] !== version || key === undefined || bytes.length < headerBytes + nonceBytes + tagBytes) {
        throw new Error('sealed with an unknown key');
      }
      const nonce = bytes.subarray(headerBytes, headerBytes + nonceBytes);
      const decipher = createDecipheriv(algorithm, derive(key, 'seal', purpose), nonce);
      decipher.setAAD(Buffer.concat([header, Buffer.from(context)]));
      decipher.setAuthTag(bytes.subarray(-tagBytes));
      return Buffer.concat([
        decipher.update(bytes.subarray(headerBytes + nonceBytes, -tagBytes)),
        decipher.final(),
      ]);
    },

    // Under the oldest key, which never changes: what was made must be found again.
    mac: (purpose, data) =>
      createHmac('sha256', derive(keys[0] ?? newest, 'mac', purpose))
        .update(data)
        .digest(),
  };
}
