import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

// Frames of HTTP/2 by hand (RFC 9113, section 4), for what no client library would send.

export const frameTypes = {
  data: 0,
  headers: 1,
  rst: 3,
  settings: 4,
  ping: 6,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const endStream = 0x1;
export const endHeaders = 0x4;

export function frame(
  type: keyof typeof frameTypes,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(frameTypes[type], 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header block of a GET (HPACK, RFC 7541): method, scheme and path from the static table, and the authority. */
export function getBlock(authority = 'localhost'): Buffer {
  return Buffer.concat([Buffer.from([0x82, 0x86, 0x84, 0x41, authority.length]), Buffer.from(authority)]);
}

/** The same for a POST that has a body to come. */
export function postBlock(): Buffer {
  return Buffer.concat([Buffer.from([0x83, 0x86, 0x84, 0x41, 9]), Buffer.from('localhost')]);
}

export type RawConnection = {
  readonly socket: Socket;
  /** Whether the server has ended the connection. */
  isClosed(): boolean;
  /** Whether a frame of that type has come (GOAWAY is 7). */
  hasSeen(type: number): boolean;
};

/** Opens a connection and says hello, from an address of this machine. */
export async function openRaw(port: number, localAddress: string): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => {});
  await once(socket, 'connect');
  let isClosed = false;
  const seen = new Set<number>();
  let rest = Buffer.alloc(0);
  socket.on('close', () => {
    isClosed = true;
  });
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      seen.add(rest.readUInt8(3));
      rest = rest.subarray(9 + rest.readUIntBE(0, 3));
    }
  });
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame('settings', 0, 0)]));
  return { socket, isClosed: () => isClosed, hasSeen: (type) => seen.has(type) };
}
