import { connect as connectHttp2, constants } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { useTestApp } from '../support/app.ts';

const testApp = useTestApp();
const path = '/manam.v1.AuthService/Login';

type Answer = { status: number; requestId: string | null; body: string };

async function post(body: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  const { url, dev } = testApp();
  const response = await fetch(url + path, {
    method: 'POST',
    body,
    headers: { apieco_key: dev.publishable, 'content-type': 'application/json', ...headers },
  });
  return {
    status: response.status,
    requestId: response.headers.get('x-request-id'),
    body: await response.text(),
  };
}

const bad: Record<string, () => Promise<Answer>> = {
  'broken JSON': () => post('{"email":'),
  'JSON of another shape': () => post('[1,2]'),
  'a field of the wrong type': () => post('{"email":{"a":1}}'),
  'an unknown field': () => post('{"email":"a@b.com","passwort":"x"}'),
  'text that is no UTF-8': () => post(Buffer.from([0x7b, 0xff, 0xfe, 0x7d])),
  'an unknown enum value': () => post('{"type":"X"}'),
  'ten thousand levels': () => post(`${'['.repeat(10_000)}${']'.repeat(10_000)}`),
  'a broken deadline': () => post('{}', { 'connect-timeout-ms': 'soon' }),
  'a deadline beyond the limit': () => post('{}', { 'connect-timeout-ms': '30001' }),
};
for (const [what, send] of Object.entries(bad)) {
  test(`${what} is rejected with INVALID_ARGUMENT and a request id`, async () => {
    const { status, requestId, body } = await send();
    expect(status).toBe(400);
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.parse(body)).toMatchObject({ code: 'invalid_argument' });
  });
}

test('broken Protobuf, and what cannot be unpacked, is the caller’s mistake too', async () => {
  const protobuf = await post(Buffer.alloc(4, 0xff), { 'content-type': 'application/proto' });
  expect([protobuf.status, JSON.parse(protobuf.body)]).toEqual([
    400,
    { code: 'invalid_argument', message: 'The body could not be read.', details: expect.any(Array) },
  ]);
  expect(protobuf.requestId).toMatch(/^[0-9a-f-]{36}$/);
  const packed = await post(Buffer.from('no gzip'), { 'content-encoding': 'gzip' });
  expect([packed.status, JSON.parse(packed.body)]).toEqual([
    400,
    { code: 'invalid_argument', message: 'The body could not be read.', details: expect.any(Array) },
  ]);
});

test('an unknown field of half a character is rejected over every protocol, and never left without an answer', async () => {
  const json = Buffer.from('{"\\ud800":1}');
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, json.length]), json]);
  const web = await post(frame, { 'content-type': 'application/grpc-web+json' });
  expect(web.status).toBe(200);
  expect((await post(json)).status).toBe(400);
  const { url, dev } = testApp();
  const response = await fetch(url + path, {
    method: 'POST',
    body: frame,
    headers: { apieco_key: dev.publishable, 'content-type': 'application/grpc-web+json' },
  });
  expect(response.headers.get('grpc-status')).toBe('3');
});

test('a body of more than 64 KiB is rejected, also one that only becomes so', async () => {
  const large = JSON.stringify({ email: 'x'.repeat(65 * 1024) });
  expect(await post(large)).toMatchObject({
    status: 429,
    body: expect.stringContaining('resource_exhausted'),
  });
  const bomb = gzipSync(JSON.stringify({ email: 'x'.repeat(50 * 1024 * 1024) }));
  expect(bomb.length).toBeLessThan(64 * 1024);
  expect(await post(bomb, { 'content-encoding': 'gzip' })).toMatchObject({
    status: 429,
    body: expect.stringContaining('resource_exhausted'),
  });
});

test('a body of another type is rejected', async () => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml']) {
    expect((await post('{}', { 'content-type': type })).status).toBe(415);
  }
});

test('rejects a caller without access before reading the body', async () => {
  expect(await post('{"broken', { apieco_key: 'wrong' })).toMatchObject({
    status: 401,
    body: expect.stringContaining('KEY_INVALID'),
  });
});

test('rejects two different keys', async () => {
  const { dev } = testApp();
  expect(await post('{}', { 'x-api-key': dev.secret })).toMatchObject({
    status: 400,
    body: expect.stringContaining('KEY_CONFLICT'),
  });
  expect(await post('{}', { 'x-api-key': dev.publishable })).toMatchObject({
    status: 400,
    body: expect.stringContaining('FIELD_REQUIRED'),
  });
});

test('no response leaks a stack, SQL or a table name', async () => {
  const texts = [
    "' OR 1=1 --",
    '"; DROP TABLE users; --',
    '\\',
    '%00',
    '\u0000',
    '{{7*7}}',
    "a@b.com' AND SLEEP(5) AND '1",
  ];
  for (const text of texts) {
    const { status, body } = await post(JSON.stringify({ email: text, password: text }));
    expect(status).toBeLessThan(500);
    expect(body).not.toMatch(/at .+\.ts|node_modules|SELECT|INSERT|identifiers|mysql|Error:/);
  }
});

/** Sends bytes to the port and returns what returned until the server closed, or until the time is up. */
function sendRaw(bytes: string, untilMs: number): Promise<{ answer: string; closed: boolean }> {
  return new Promise((resolve) => {
    const socket = connectSocket(Number(new URL(testApp().url).port), '127.0.0.1');
    let answer = '';
    const end = (closed: boolean) => {
      socket.destroy();
      resolve({ answer, closed });
    };
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => end(true));
    setTimeout(() => end(false), untilMs);
    socket.write(bytes);
  });
}

test('targets and authorities that make no URL are rejected and break nothing', async () => {
  for (const [target, host] of [
    ['//', 'a'],
    ['http://[', 'a'],
    ['*', 'a'],
    ['/x', '['],
    ['/x', ''],
    ['/x', 'a b'],
    ['/x', 'a:99999'],
  ]) {
    const { answer } = await sendRaw(
      `POST ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
      1000,
    );
    expect(answer, `${target} at ${host}`).toMatch(/^HTTP\/1\.1 4\d\d /);
  }
  expect((await fetch(`${testApp().url}/healthz`)).status).toBe(200);
});

test('disconnects a caller that never ends its headers', async () => {
  const { closed } = await sendRaw('POST / HTTP/1.1\r\nHost: a\r\nX-Slow: ', 14_000);
  expect(closed).toBe(true);
});

test('headers of more than 16 KiB are rejected', async () => {
  const { answer } = await sendRaw(
    `GET /healthz HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(17 * 1024)}\r\n\r\n`,
    2000,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 431 /);
});

test('disconnects a client that resets streams repeatedly, and serves others', async () => {
  const session = connectHttp2(testApp().url);
  const gone = new Promise<void>((resolve) => {
    session.on('goaway', () => resolve());
    session.on('close', () => resolve());
    session.on('error', () => resolve());
  });
  for (let count = 0; count < 1000 && !session.destroyed; count += 1) {
    const stream = session.request({ ':method': 'POST', ':path': path });
    stream.on('error', () => {});
    stream.close(constants.NGHTTP2_CANCEL);
    if (count % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await gone;
  session.destroy();
  expect((await fetch(`${testApp().url}/healthz`)).status).toBe(200);
});
