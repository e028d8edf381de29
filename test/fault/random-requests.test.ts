import { Agent } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Sent, useAbuseScene } from '../support/abuse-scene.ts';
import { readDescription, routesIn } from '../support/openapi.ts';
import { seeded } from '../support/seeded.ts';

// Whatever is sent (security.md, R56 and FI17), the answer is one that the contract knows.

/** Number of random requests: 100,000 with `npm run test:fault`. */
const fuzzRequests = Number(process.env['FUZZ_REQUESTS'] ?? 4000);
const seed = Number(process.env['FUZZ_SEED'] ?? 20261125);
const scene = useAbuseScene();

test(`random requests over every protocol are rejected in a documented way`, async () => {
  const { below, pick } = seeded(seed);
  const paths = (['openapi', 'openapi.connect'] as const)
    .flatMap((name) => routesIn(readDescription(name)))
    .map(({ path }) => path);
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
      apieco_key: below(3) > 0 ? scene.service().key : pick(['x', 'manam_pk_x', 'ÿ'.repeat(40)]),
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
  await scene.survive('random requests', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    let session: ClientHttp2Session = connectHttp2(scene.service().url);
    session.on('error', () => {});
    const overHttp2 = (path: string, given: Record<string, string>, bytes: Buffer) =>
      new Promise<Sent>((resolve) => {
        if (session.closed || session.destroyed) {
          session = connectHttp2(scene.service().url);
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
        const sent = isHttp2 ? overHttp2(path, given, bytes) : scene.send(path, given, bytes, agent, method);
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

test(
  'after all of it the service runs, has complained of nothing, and its memory is back',
  scene.expectAsBefore,
);
