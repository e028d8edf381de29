import { decodeBase64url, uuidToBytes } from './token.ts';
import type { Vault } from './vault.ts';

/** A place in the log of a tenant: after the event at that position. */
export type EventCursor = {
  /** The number of the log that was current then. */
  readonly log: number;
  readonly position: number;
};

const placeBytes = 4 + 8;
const macBytes = 12;

function sign(vault: Pick<Vault, 'mac'>, tenantId: string, place: Buffer): Buffer {
  return vault.mac('event-cursor', Buffer.concat([uuidToBytes(tenantId), place])).subarray(0, macBytes);
}

/** Writes a cursor: opaque, authenticated, and good for its tenant alone. */
export function formatCursor(
  vault: Pick<Vault, 'mac'>,
  tenantId: string,
  { log, position }: EventCursor,
): string {
  const place = Buffer.alloc(placeBytes);
  place.writeUInt32BE(log, 0);
  place.writeBigUInt64BE(BigInt(position), 4);
  return Buffer.concat([place, sign(vault, tenantId, place)]).toString('base64url');
}

/** Reads a cursor; undefined where it is none of this tenant. */
export function parseCursor(
  vault: Pick<Vault, 'mac'>,
  tenantId: string,
  text: string,
): EventCursor | undefined {
  const bytes = decodeBase64url(text, placeBytes + macBytes);
  const place = bytes?.subarray(0, placeBytes);
  if (place === undefined || bytes?.subarray(placeBytes).equals(sign(vault, tenantId, place)) !== true)
    return undefined;
  return { log: place.readUInt32BE(0), position: Number(place.readBigUInt64BE(4)) };
}
