import { createCipheriv, createDecipheriv } from 'node:crypto';
import { bytesToUuid, isUuid, uuidToBytes } from '../../domain/token.ts';
import type { Vault } from '../../domain/vault.ts';

// The claim `sid`. It joins what two applications know of a person as a shared subject would, so where subjects are made for a
// sector it is too (OpenID Connect Core 1.0, sections 8.1 and 17.3). One block of AES is a permutation of 128 bits: the
// id comes back out of it, which a logout needs that an application asks for.

const algorithm = 'aes-256-ecb';
const keyOf = (vault: Vault, sector: string) => vault.mac('application-session-id', Buffer.from(sector));

/** The `sid` of a session for an application; `sector`: that of its subjects, empty where they are the ids of users. */
export function sidOf(vault: Vault, sector: string, sessionId: string): string {
  if (sector === '') return sessionId;
  const cipher = createCipheriv(algorithm, keyOf(vault, sector), null).setAutoPadding(false);
  return bytesToUuid(Buffer.concat([cipher.update(uuidToBytes(sessionId)), cipher.final()]));
}

/** The session of a `sid`; one that this service did not make gives the id of no session. */
export function sessionOfSid(vault: Vault, sector: string, sid: string): string {
  if (sector === '' || !isUuid(sid)) return sid;
  const decipher = createDecipheriv(algorithm, keyOf(vault, sector), null).setAutoPadding(false);
  return bytesToUuid(Buffer.concat([decipher.update(uuidToBytes(sid)), decipher.final()]));
}
