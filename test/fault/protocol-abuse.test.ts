import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { attacker, loginPath, useAbuseScene } from '../support/abuse-scene.ts';
import {
  endHeaders,
  endStream,
  frame,
  getBlock,
  openRaw,
  postBlock,
  type RawConnection,
} from '../support/raw-http2.ts';

// Protocol abuse (R56, and faults FI17 to FI20).

const scene = useAbuseScene();
const key = () => ({ apieco_key: scene.service().key });

test('rejects messages that are too large, cut short or larger than declared', async () => {
  await scene.survive('oversized and truncated', async () => {
    const grpc = { ...key(), 'content-type': 'application/grpc-web+proto' };
    const large = Buffer.alloc(70_000, 0x61);
    const lying = Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
    const answers = await Promise.all([
      scene.send(
        loginPath,
        { ...key(), 'content-type': 'application/json' },
        JSON.stringify({ email: large.toString() }),
      ),
      scene.send(
        '/auth/login',
        { ...key(), 'content-type': 'application/json' },
        JSON.stringify({ email: large.toString() }),
      ),
      scene.send(
        '/auth/login',
        { ...key(), 'content-type': 'application/x-www-form-urlencoded' },
        `email=${large}`,
      ),
      scene.send(loginPath, grpc, lying),
      scene.send(loginPath, grpc, Buffer.from([0, 0, 0, 0, 10, 1])),
      scene.send(loginPath, grpc, Buffer.alloc(3)),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([429, 413, 413, 200, 200, 200]);
    // A sender of less than its declared length is cut off in time; this one leaves earlier.
    const cut = await scene.sendRaw(
      `POST ${loginPath} HTTP/1.1\r\nHost: x\r\napieco_key: ${scene.service().key}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"a`,
      200,
    );
    expect(cut).toBe('');
    return { answers: answers.length };
  });
});

test('rejects gzip and brotli bombs', async () => {
  // Packed before anyone is timed: it keeps this process busy for seconds.
  const zeros = Buffer.alloc(100 * 1024 * 1024);
  const bombs = { gzip: gzipSync(zeros), br: brotliCompressSync(zeros, { params: { 1: 1 } }) };
  await scene.survive('compressed bombs', async () => {
    const startedMb = scene.residentMb();
    let sent = 0;
    for (const [encoding, bomb] of Object.entries(bombs)) {
      // A body over the limit before unpacking would be no bomb.
      const small = bomb.subarray(0, 60_000);
      for (let wave = 0; wave < 5; wave += 1) {
        const answers = await Promise.all(
          Array.from({ length: 20 }, () =>
            scene.send(
              loginPath,
              { ...key(), 'content-type': 'application/json', 'content-encoding': encoding },
              small,
            ),
          ),
        );
        sent += answers.length;
        for (const { status } of answers) expect([400, 415, 429]).toContain(status);
      }
    }
    const grownMb = scene.residentMb() - startedMb;
    expect(grownMb).toBeLessThan(150);
    return { sent, grownMb: Math.round(grownMb) };
  });
}, 60_000);

test('ends slow connections in time, over HTTP/1.1 and HTTP/2', async () => {
  await scene.survive('slowloris', async () => {
    const slow: { socket: Socket; isClosed: () => boolean }[] = [];
    const open = (first: string, more: string) => {
      let isClosed = false;
      const socket = connect({ port: scene.port(), host: '127.0.0.1', localAddress: attacker });
      socket.on('error', () => {});
      socket.on('close', () => {
        isClosed = true;
      });
      socket.write(first);
      const timer = setInterval(() => !isClosed && socket.write(more), 1000);
      socket.on('close', () => clearInterval(timer));
      slow.push({ socket, isClosed: () => isClosed });
    };
    for (let count = 0; count < 60; count += 1) {
      open('GET / HTTP/1.1\r\nHost: x\r\n', 'x-more: 1\r\n');
      open(
        `POST ${loginPath} HTTP/1.1\r\nHost: x\r\napieco_key: ${scene.service().key}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n`,
        '{',
      );
    }
    const raw: RawConnection[] = [];
    for (let count = 0; count < 10; count += 1) {
      const connection = await openRaw(scene.port(), '127.0.0.10');
      // A request whose body never ends.
      connection.socket.write(frame('headers', endHeaders, 1, postBlock()));
      raw.push(connection);
    }
    // One address may hold a hundred connections.
    await pause(1000);
    const refused = slow.filter(({ isClosed }) => isClosed()).length;
    expect(refused).toBeGreaterThanOrEqual(20);
    const startedAt = performance.now();
    while (slow.some(({ isClosed }) => !isClosed()) && performance.now() - startedAt < 20_000)
      await pause(200);
    const endedMs = performance.now() - startedAt;
    expect(slow.every(({ isClosed }) => isClosed())).toBe(true);
    for (const { socket, hasSeen } of raw) {
      // Not the connection, but the stream was cut.
      expect(hasSeen(3)).toBe(true);
      socket.destroy();
    }
    return { refused, endedMs: Math.round(endedMs) };
  });
}, 60_000);

/** Writes frames until the server ends the connection; returns their number. */
async function flood(
  connection: RawConnection,
  next: (index: number) => Buffer,
  most: number,
): Promise<number> {
  const { socket, isClosed } = connection;
  let sent = 0;
  for (; sent < most && !isClosed(); sent += 1) {
    // A connection that has ended says so by an error, which is what is waited for.
    if (!socket.write(next(sent))) await Promise.race([once(socket, 'drain').catch(() => {}), pause(500)]);
    if (sent % 500 === 0) await pause(1);
  }
  await pause(300);
  return sent;
}

const floods: Record<string, { most: number; next: (index: number) => Buffer; ends: boolean }> = {
  'streams that are reset at once': {
    most: 20_000,
    next: (index) =>
      Buffer.concat([
        frame('headers', endHeaders | endStream, 2 * index + 1, getBlock()),
        frame('rst', 0, 2 * index + 1, Buffer.from([0, 0, 0, 8])),
      ]),
    ends: true,
  },
  'headers that never end': {
    most: 20_000,
    next: (index) =>
      index === 0
        ? frame('headers', 0, 1, getBlock())
        : frame(
            'continuation',
            0,
            1,
            Buffer.concat([Buffer.from([0x00, 1, 0x61 + (index % 26), 100]), Buffer.alloc(100, 0x61)]),
          ),
    ends: true,
  },
  'settings without end': {
    most: 20_000,
    next: () => frame('settings', 0, 0, Buffer.from([0, 3, 0, 0, 0, 100])),
    ends: false,
  },
  'pings without end': { most: 20_000, next: () => frame('ping', 0, 0, Buffer.alloc(8)), ends: false },
  'windows that overflow': {
    most: 10,
    next: (index) =>
      index === 0
        ? frame('headers', endHeaders, 1, postBlock())
        : frame('windowUpdate', 0, 1, Buffer.from([0x7f, 0xff, 0xff, 0xff])),
    ends: false,
  },
  'frames of half a gigabyte': {
    most: 3,
    next: () => Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]), Buffer.alloc(1000)]),
    ends: true,
  },
};
for (const [what, { most, next, ends }] of Object.entries(floods)) {
  test(`${what} end their own connection at most`, async () => {
    await scene.survive(what, async () => {
      const connection = await openRaw(scene.port(), attacker);
      const sent = await flood(connection, next, most);
      const isClosed = connection.isClosed() || connection.hasSeen(7);
      connection.socket.destroy();
      if (ends) expect(isClosed).toBe(true);
      return { sent, isClosed };
    });
  }, 60_000);
}

test('two readers of a request never read different requests', async () => {
  const inner = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
  const head = (extra: string) => `POST /auth/login HTTP/1.1\r\nHost: x\r\n${extra}`;
  const shapes: Record<string, string> = {
    'length and chunks': `${head('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')}\r\n0\r\n\r\n${inner}`,
    'chunks and length': `${head('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n')}\r\n0\r\n\r\n${inner}`,
    'two lengths': `${head('Content-Length: 0\r\nContent-Length: 35\r\n')}\r\n${inner}`,
    'a list of lengths': `${head('Content-Length: 0, 35\r\n')}\r\n${inner}`,
    'a signed length': `${head('Content-Length: +35\r\n')}\r\n${inner}`,
    'a negative length': `${head('Content-Length: -1\r\n')}\r\n${inner}`,
    'chunks that are something else': `${head('Transfer-Encoding: xchunked\r\n')}\r\n0\r\n\r\n${inner}`,
    'chunks twice': `${head('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n')}\r\n0\r\n\r\n${inner}`,
    'a space before the colon': `${head('Transfer-Encoding : chunked\r\n')}\r\n0\r\n\r\n${inner}`,
    'a folded header': `${head('X: a\r\n Transfer-Encoding: chunked\r\n')}\r\n0\r\n\r\n${inner}`,
    'a bare line feed': `POST /auth/login HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n0\n\n${inner}`,
    'a chunk that is longer than it says': `${head('Transfer-Encoding: chunked\r\n')}\r\n1\r\nAAAA\r\n0\r\n\r\n${inner}`,
    'a null byte': `${head('X: a\u0000b\r\n')}\r\n${inner}`,
    'two hosts': `GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n`,
    'no host': `GET /healthz HTTP/1.1\r\n\r\n`,
    'an absolute target of another host': `GET http://evil.test/healthz HTTP/1.1\r\nHost: x\r\n\r\n`,
  };
  await scene.survive('smuggling', async () => {
    for (const [what, bytes] of Object.entries(shapes)) {
      const answer = await scene.sendRaw(bytes, 5000);
      const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
      // Never the answer of what was hidden inside.
      expect(answer.includes('"status":"ok"'), what).toBe(false);
      expect(statuses, what).toEqual([400]);
    }
    return { shapes: Object.keys(shapes).length };
  });
}, 60_000);

test(
  'after all of it the service runs, has complained of nothing, and its memory is back',
  scene.expectAsBefore,
);
