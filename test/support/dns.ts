import { createSocket } from 'node:dgram';
import type { AddressInfo } from 'node:net';

/** A DNS server on this machine that answers questions for TXT records (RFC 1035, section 4). */
export type TestDns = {
  /** Its address, as `DNS_SERVERS` takes it. */
  readonly server: string;
  /** The texts of each name; a name without an entry does not exist. */
  readonly records: Map<string, readonly string[]>;
  close(): void;
};

/** The name in a question, and where it ends. */
function readName(message: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.'), end: at + 1 };
}

/** A record that points back at the name of the question; texts longer than 255 bytes are in parts. */
function txtRecord(text: string): Buffer {
  const parts = text.match(/.{1,200}/g) ?? [''];
  const data = Buffer.concat(parts.map((part) => Buffer.from([part.length, ...Buffer.from(part)])));
  const head = Buffer.from([0xc0, 0x0c, 0, 16, 0, 1, 0, 0, 0, 1, 0, 0]);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

export async function startDns(): Promise<TestDns> {
  const records = new Map<string, readonly string[]>();
  const socket = createSocket('udp4');
  socket.on('message', (question, from) => {
    const { name, end } = readName(question);
    const found = records.get(name.toLowerCase());
    const answer = Buffer.concat([question.subarray(0, end + 4), ...(found ?? []).map(txtRecord)]);
    // A response with recursion; NXDOMAIN where there is no such name.
    answer.writeUInt16BE(found === undefined ? 0x8183 : 0x8180, 2);
    answer.writeUInt16BE(found?.length ?? 0, 6);
    answer.writeUInt32BE(0, 8);
    socket.send(answer, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    server: `127.0.0.1:${(socket.address() as AddressInfo).port}`,
    records,
    close: () => socket.close(),
  };
}
