import { createCipheriv, createDecipheriv } from 'node:crypto';
import { bytesToUuid, isUuid, uuidToBytes } from '../../domain/token.ts';
import type { Vault } from '../../domain/vault.ts';

// The claim `sid`. A shared one would let two applications correlate a user as a shared `sub` would, so it is pairwise
// wherever the subject is (OpenID Connect Core 1.0, sections 8.1 and 17.3). One block of AES is a permutation of 128 bits,
// so the session id can be recovered, as RP-initiated logout requires.

const algorithm = 'aes-256-ecb';
const keyOf = (vault: Vault, sector: string) => vault.mac('application-session-id', Buffer.from(sector));

/** The `sid` of a session for an application; `sector`: that of its subjects, empty where they are the ids of users. */
export function sidOf(vault: Vault, sector: string, sessionId: string): string {
  if (sector === '') return sessionId;
  const cipher = createCipheriv(algorithm, keyOf(vault, sector), null).setAutoPadding(false);
  return bytesToUuid(Buffer.concat([cipher.update(uuidToBytes(sessionId)), cipher.final()]));
}

/** The session id of a `sid`. A `sid` from elsewhere decrypts to an id that no session has. */
export function sessionOfSid(vault: Vault, sector: string, sid: string): string {
  if (sector === '' || !isUuid(sid)) return sid;
  const decipher = createDecipheriv(algorithm, keyOf(vault, sector), null).setAutoPadding(false);
  return bytesToUuid(Buffer.concat([decipher.update(uuidToBytes(sid)), decipher.final()]));
}
