import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { tell } from '../support/figures.ts';
import {
  endHeaders,
  endStream,
  frame,
  getBlock,
  openRaw,
  postBlock,
  type RawConnection,
} from '../support/raw-http2.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';

// What callers do to the protocols (security.md, R56 and FI17 to FI20). All of it comes from an address of its
// own, and meanwhile somebody else is served. The service is a process of its own, so that nothing it leaves
// unhandled can hide.

/** How many random requests there are: 100,000 of them with `npm run test:fault`. */
const fuzzRequests = Number(process.env['FUZZ_REQUESTS'] ?? 4000);
const seed = Number(process.env['FUZZ_SEED'] ?? 20261125);
const attacker = '127.0.0.9';
const loginPath = '/manam.v1.AuthService/Login';

let service: ServerProcess;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let folder: string;
let port: number;
let complaints = '';
let baselineMb: number;
/** What a call takes while nobody attacks. */
let quietMs: number;

/** What the process takes of memory, in MB. */
function residentMb(): number {
  const text = readFileSync(`/proc/${service.child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1024;
}

beforeAll(async () => {
  database = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'manam-abuse-'));
  service = await startServerProcess(database.url, folder, {
    LOG_LEVEL: 'error',
    // Room for what it needs, and none to collect what nobody needs any more.
    NODE_OPTIONS: '--max-old-space-size=160',
    LIMIT_GUESSES_PER_NETWORK: '1000000',
  });
  port = Number(new URL(service.url).port);
  service.child.stderr?.on('data', (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  const startedAt = performance.now();
  for (let call = 0; call < 200; call += 1) await callAsOther();
  quietMs = (performance.now() - startedAt) / 200;
  baselineMb = residentMb();
}, 60_000);
afterAll(async () => {
  service.child.kill('SIGKILL');
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** A call of somebody who means no harm; answers how long it took. */
async function callAsOther(): Promise<number> {
  const startedAt = performance.now();
  const answer = await fetch(service.url + loginPath, {
    method: 'POST',
    headers: { apieco_key: service.key, 'content-type': 'application/json' },
    body: '{"email":"nobody@example.com","password":"wrong-orbit-lantern-1"}',
  });
  await answer.text();
  expect(answer.status).toBe(401);
  return performance.now() - startedAt;
}

/** Runs an attack while somebody else calls; he is served all along, and afterwards the service is as before. */
async function survive(what: string, attack: () => Promise<object | undefined>): Promise<void> {
  let isOver = false;
  const times: number[] = [];
  const other = (async () => {
    while (!isOver) {
      times.push(await callAsOther());
      await pause(20);
    }
  })();
  const figures = await attack().finally(() => {
    isOver = true;
  });
  await other;
  times.sort((a, b) => a - b);
  const p99 = times[Math.floor(times.length * 0.99)] ?? 0;
  expect(service.child.exitCode).toBeNull();
  expect(complaints).toBe('');
  // Served, whatever this machine can do today: quiet calls were measured in the same run.
  expect(p99).toBeLessThan(Math.max(3000, 20 * quietMs));
  tell(what, { otherCalls: times.length, p99Ms: Math.round(p99), ...figures });
}

type Sent = { readonly status: number; readonly body: string };

/** One request of HTTP/1.1 from the attacker's address; status 0 where the connection broke. */
function send(
  path: string,
  headers: Record<string, string>,
  body: Buffer | string,
  agent?: Agent,
  method = 'POST',
): Promise<Sent> {
  return new Promise((resolve) => {
    const call = request(
      { host: '127.0.0.1', port, path, method, headers, localAddress: attacker, ...(agent && { agent }) },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
        response.on('error', () => resolve({ status: 0, body: '' }));
      },
    );
    call.on('error', () => resolve({ status: 0, body: '' }));
    call.end(body);
  });
}

/** Sends bytes as they are; answers all that comes back until the server ends it or has been silent for a while. */
async function sendRaw(bytes: string | Buffer, silentMs = 700): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: attacker });
  socket.on('error', () => {});
  await once(socket, 'connect');
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
  });
  socket.write(bytes);
  await Promise.race([once(socket, 'close'), pause(silentMs)]);
  socket.destroy();
  return answer;
}

const key = () => ({ apieco_key: service.key });

test('messages that are too large, cut short or larger than they say are refused, and hold nothing', async () => {
  await survive('oversized and truncated', async () => {
    const grpc = { ...key(), 'content-type': 'application/grpc-web+proto' };
    const large = Buffer.alloc(70_000, 0x61);
    const lying = Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
    const answers = await Promise.all([
      send(
        loginPath,
        { ...key(), 'content-type': 'application/json' },
        JSON.stringify({ email: large.toString() }),
      ),
      send(
        '/auth/login',
        { ...key(), 'content-type': 'application/json' },
        JSON.stringify({ email: large.toString() }),
      ),
      send(
        '/auth/login',
        { ...key(), 'content-type': 'application/x-www-form-urlencoded' },
        `email=${large}`,
      ),
      send(loginPath, grpc, lying),
      send(loginPath, grpc, Buffer.from([0, 0, 0, 0, 10, 1])),
      send(loginPath, grpc, Buffer.alloc(3)),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([429, 413, 413, 200, 200, 200]);
    // Whoever promises more than he sends is cut off in time; here he leaves himself.
    const cut = await sendRaw(
      `POST ${loginPath} HTTP/1.1\r\nHost: x\r\napieco_key: ${service.key}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"a`,
      200,
    );
    expect(cut).toBe('');
    return { answers: answers.length };
  });
});

test('bombs of gzip and brotli do not go off', async () => {
  await survive('compressed bombs', async () => {
    const zeros = Buffer.alloc(100 * 1024 * 1024);
    const bombs = { gzip: gzipSync(zeros), br: brotliCompressSync(zeros, { params: { 1: 1 } }) };
    const startedMb = residentMb();
    let sent = 0;
    for (const [encoding, bomb] of Object.entries(bombs)) {
      // What is over the limit before it is unpacked would be no bomb.
      const small = bomb.subarray(0, 60_000);
      for (let wave = 0; wave < 5; wave += 1) {
        const answers = await Promise.all(
          Array.from({ length: 20 }, () =>
            send(
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
    const grownMb = residentMb() - startedMb;
    expect(grownMb).toBeLessThan(150);
    return { sent, grownMb: Math.round(grownMb) };
  });
}, 60_000);

test('connections that say little, over both versions of HTTP, are ended in time', async () => {
  await survive('slowloris', async () => {
    const slow: { socket: Socket; isClosed: () => boolean }[] = [];
    const open = (first: string, more: string) => {
      let isClosed = false;
      const socket = connect({ port, host: '127.0.0.1', localAddress: attacker });
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
        `POST ${loginPath} HTTP/1.1\r\nHost: x\r\n${'apieco_key'}: ${service.key}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n`,
        '{',
      );
    }
    const raw: RawConnection[] = [];
    for (let count = 0; count < 10; count += 1) {
      const connection = await openRaw(port, '127.0.0.10');
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

/** Writes frames until the server ends the connection; answers how many it took. */
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
    await survive(what, async () => {
      const connection = await openRaw(port, attacker);
      const sent = await flood(connection, next, most);
      const isClosed = connection.isClosed() || connection.hasSeen(7);
      connection.socket.destroy();
      if (ends) expect(isClosed).toBe(true);
      return { sent, isClosed };
    });
  }, 60_000);
}

test('two readers of a request never see two different ones', async () => {
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
    'an absolute target': `GET http://evil.test/healthz HTTP/1.1\r\nHost: x\r\n\r\n`,
  };
  await survive('smuggling', async () => {
    for (const [what, bytes] of Object.entries(shapes)) {
      const answer = await sendRaw(bytes, 5000);
      const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
      // Never the answer of what was hidden inside.
      expect(answer.includes('"status":"ok"'), what).toBe(false);
      expect(statuses, what).toEqual([400]);
    }
    return { shapes: Object.keys(shapes).length };
  });
}, 60_000);

/** Mulberry32: small, seeded, and good enough to choose by. */
function seeded(state: number) {
  let value = state;
  const next = () => {
    value = (value + 0x6d2b79f5) | 0;
    let mixed = Math.imul(value ^ (value >>> 15), 1 | value);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return { next, below, pick: <T>(list: readonly T[]): T => list[below(list.length)] as T };
}

test(`random requests over every protocol are refused in a documented way`, async () => {
  const { below, pick } = seeded(seed);
  const description = JSON.parse(
    readFileSync(new URL('../../gen/openapi.json', import.meta.url), 'utf8'),
  ) as { paths: Record<string, object> };
  const paths = Object.keys(description.paths);
  const words = [
    'email',
    'password',
    'mobile',
    'cnf',
    'code',
    'type',
    'token',
    '__proto__',
    'constructor',
    'custome_fields',
    'x',
  ];
  const texts = [
    '',
    'a@b.com',
    'x'.repeat(300),
    '\u0000',
    '\ud800',
    '‮',
    "' OR 1=1 --",
    '%00',
    '../../etc/passwd',
    '٠٩١٢',
    '😀',
  ];
  const value = (depth: number): unknown => {
    const kind = below(depth > 3 ? 5 : 8);
    if (kind === 0) return below(1e9) - 5e8;
    if (kind === 1) return pick([true, false, null]);
    if (kind < 5) return pick(texts);
    if (kind === 5) return Array.from({ length: below(4) }, () => value(depth + 1));
    return Object.fromEntries(Array.from({ length: below(4) }, () => [pick(words), value(depth + 1)]));
  };
  const body = (): Buffer => {
    const kind = below(5);
    if (kind === 0) return Buffer.from(Array.from({ length: below(200) }, () => below(256)));
    const bytes = Buffer.from(JSON.stringify(value(0)) ?? '');
    if (kind === 1 && bytes.length > 0) bytes[below(bytes.length)] = below(256);
    if (kind === 2) return bytes.subarray(0, below(bytes.length + 1));
    // A frame of gRPC around it.
    return kind === 3 ? Buffer.concat([Buffer.from([below(3), 0, 0, 0, bytes.length & 0xff]), bytes]) : bytes;
  };
  const contentTypes = [
    'application/json',
    'application/x-www-form-urlencoded',
    'application/grpc',
    'application/grpc+proto',
    'application/grpc-web+json',
    'application/grpc-web-text',
    'application/proto',
    'application/connect+json',
    'text/plain',
    'multipart/form-data; boundary=x',
    '',
  ];
  const headers = (): Record<string, string> => ({
    ...(below(4) > 0 && {
      apieco_key: below(3) > 0 ? service.key : pick(['x', 'manam_pk_x', 'ÿ'.repeat(40)]),
    }),
    ...(below(3) === 0 && {
      authorization: pick(['Bearer x', 'Bearer ', 'Basic eDp4', `Bearer ${'a.'.repeat(100)}`]),
    }),
    ...(below(5) === 0 && { 'content-encoding': pick(['gzip', 'br', 'deflate', 'x']) }),
    ...(below(6) === 0 && { 'connect-timeout-ms': pick(['1', '-1', 'x', '99999999999']) }),
    ...(below(6) === 0 && { 'grpc-timeout': pick(['1m', '0n', 'x', '99999999H']) }),
    ...(below(6) === 0 && { 'idempotency-key': pick(['a', ' ', 'x'.repeat(200)]) }),
    ...(below(8) === 0 && { origin: pick(['null', 'https://evil.test', 'http://localhost:1']) }),
    ...(below(8) === 0 && { 'accept-language': pick(['fa', '*', 'x'.repeat(500), 'en;q=x']) }),
    'content-type': pick(contentTypes),
  });
  const target = (): string => {
    const path = pick(paths).replaceAll(/\{\w+\}/g, () => encodeURIComponent(pick(texts).toWellFormed()));
    return below(6) === 0
      ? `${path}?${pick(words)}=${encodeURIComponent(pick(texts).toWellFormed())}`
      : below(20) === 0
        ? `/${pick(words)}/${below(99)}`
        : path;
  };

  const statuses: Record<string, number> = {};
  const strange: string[] = [];
  const note = (status: number, where: string, text: string) => {
    statuses[status] = (statuses[status] ?? 0) + 1;
    // A caller who gives a millisecond may not be answered in it.
    const isHisDeadline = status === 504 && /timeout(-ms)?":"1/.test(where);
    if (status >= 500 && status !== 501 && !isHisDeadline)
      strange.push(`${status} ${where} ${text.slice(0, 200)}`);
    if (/at \w+ \(|node_modules|SELECT |INSERT /.test(text))
      strange.push(`leaks: ${where} ${text.slice(0, 200)}`);
  };
  await survive('random requests', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    let session: ClientHttp2Session = connectHttp2(service.url);
    session.on('error', () => {});
    const overHttp2 = (path: string, given: Record<string, string>, bytes: Buffer) =>
      new Promise<Sent>((resolve) => {
        if (session.closed || session.destroyed) {
          session = connectHttp2(service.url);
          session.on('error', () => {});
        }
        const stream = session.request({ ':method': 'POST', ':path': path, ...given });
        let status = 0;
        let text = '';
        stream.on('response', (answer) => {
          status = Number(answer[':status']);
        });
        stream.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        stream.on('trailers', (trailers) => {
          text += JSON.stringify(trailers);
        });
        stream.on('error', () => {});
        stream.on('close', () => resolve({ status, body: text }));
        stream.end(bytes);
      });
    const worker = async (index: number) => {
      for (let count = index; count < fuzzRequests; count += 16) {
        const [path, given, bytes] = [target(), headers(), body()];
        const isHttp2 = below(3) === 0;
        const method = isHttp2 ? 'POST' : pick(['POST', 'POST', 'GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']);
        const sent = isHttp2 ? overHttp2(path, given, bytes) : send(path, given, bytes, agent, method);
        // Every call ends, whatever it is (N5).
        const answer = await Promise.race([sent, pause(15_000).then(() => undefined)]);
        if (answer === undefined) {
          strange.push(
            `no answer over ${isHttp2 ? 2 : 1}: ${method} ${path} ${JSON.stringify(given)} ${bytes.toString('base64')}`,
          );
          continue;
        }
        note(answer.status, `${path} ${JSON.stringify(given)}`, answer.body);
      }
    };
    await Promise.all(Array.from({ length: 16 }, (_, index) => worker(index)));
    agent.destroy();
    session.destroy();
    return { seed, requests: fuzzRequests, statuses };
  });
  expect(strange).toEqual([]);
}, 1_200_000);

test('after all of it the service runs, has complained of nothing, and its memory is back', async () => {
  // What is no longer needed goes when there is work.
  for (let call = 0; call < 300; call += 1) await callAsOther();
  const nowMb = residentMb();
  expect(service.child.exitCode).toBeNull();
  expect(complaints).toBe('');
  expect(nowMb - baselineMb).toBeLessThan(200);
  tell('memory', { baselineMb: Math.round(baselineMb), nowMb: Math.round(nowMb) });
});
