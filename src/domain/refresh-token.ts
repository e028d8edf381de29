import { timingSafeEqual } from 'node:crypto';
import type { SessionRow } from './session.ts';
import { bytesToUuid, decodeBase64url, uuidToBytes } from './token.ts';
import type { Vault } from './vault.ts';

/** Whose token it is: that of a session, or of an application's grant, which is never taken for the other. */
export type RefreshTokenKind = 'refresh-token' | 'grant-refresh-token';
const idBytes = 16;
const counterBytes = 4;
const macBytes = 32;

type Rotation = Pick<SessionRow, 'tenantId' | 'id' | 'refreshSalt'>;

function macOf(vault: Vault, session: Rotation, counter: number, kind: RefreshTokenKind): Buffer {
  const number = Buffer.alloc(counterBytes);
  number.writeUInt32BE(counter);
  return vault.mac(
    kind,
    Buffer.concat([uuidToBytes(session.tenantId), uuidToBytes(session.id), session.refreshSalt, number]),
  );
}

/**
 * Writes the refresh token of a session for a rotation: the session's id, the counter
 * and a MAC over both and the session's salt. Nothing of it is stored, so a stolen
 * database mints nothing, and the same successor can be given again (R16, R17).
 */
export function formatRefreshToken(
  vault: Vault,
  session: Rotation,
  counter: number,
  kind: RefreshTokenKind = 'refresh-token',
): string {
  const number = Buffer.alloc(counterBytes);
  number.writeUInt32BE(counter);
  return Buffer.concat([uuidToBytes(session.id), number, macOf(vault, session, counter, kind)]).toString(
    'base64url',
  );
}

/** The content of a refresh token, before its MAC is checked against the session. */
export type PresentedRefreshToken = {
  readonly sessionId: string;
  readonly counter: number;
  readonly mac: Buffer;
};

/** Reads a refresh token, or returns undefined where the text cannot be one. */
export function parseRefreshToken(text: string): PresentedRefreshToken | undefined {
  const bytes = decodeBase64url(text, idBytes + counterBytes + macBytes);
  if (bytes === undefined) return undefined;
  return {
    sessionId: bytesToUuid(bytes.subarray(0, idBytes)),
    counter: bytes.readUInt32BE(idBytes),
    mac: bytes.subarray(idBytes + counterBytes),
  };
}

/** Whether a refresh token was made by us for this session. */
export function isGenuine(
  vault: Vault,
  session: Rotation,
  token: PresentedRefreshToken,
  kind: RefreshTokenKind = 'refresh-token',
): boolean {
  return timingSafeEqual(macOf(vault, session, token.counter, kind), token.mac);
}
