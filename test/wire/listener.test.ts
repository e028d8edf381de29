import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as requestHttp } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as requestHttps } from 'node:https';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { expect, test } from 'vitest';
import { listen, listenNear } from '../../src/server/listener.ts';
import { startTestApp } from '../support/app.ts';

test('speaks HTTP/2 and HTTP/1.1 by ALPN under TLS, and sends HSTS', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'manam-tls-'));
  const pems = await generate([{ name: 'commonName', value: 'localhost' }]);
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  writeFileSync(certFile, pems.cert);
  writeFileSync(keyFile, pems.private);
  const test = await startTestApp({ config: { tls: { certFile, keyFile } } });

  const overHttp1 = await new Promise<{ version: string; hsts: unknown }>((resolve, reject) => {
    requestHttps(`${test.url}/healthz`, { rejectUnauthorized: false }, (response) => {
      response.resume();
      resolve({ version: response.httpVersion, hsts: response.headers['strict-transport-security'] });
    })
      .on('error', reject)
      .end();
  });
  expect(overHttp1).toEqual({ version: '1.1', hsts: 'max-age=31536000; includeSubDomains' });

  const session = connectHttp2(test.url, { rejectUnauthorized: false });
  const status = await new Promise((resolve, reject) => {
    session.on('error', reject);
    session
      .request({ ':path': '/healthz' })
      .on('response', (headers) => resolve(headers[':status']))
      .resume();
  });
  expect([session.alpnProtocol, status]).toEqual(['h2', 200]);
  session.close();
  // A cleartext request has exposed its secrets to the network: it is rejected (R72).
  const port = new URL(test.url).port;
  const bare = (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual', ...init });
  const json = { 'content-type': 'application/json', 'x-api-key': test.dev.publishable };
  for (const path of ['/manam.v1.AuthService/Login', '/auth/login', '/healthz', '/nowhere']) {
    const refused = await bare(path, { method: 'POST', headers: json, body: '{}' });
    expect([path, refused.status, /TLS_REQUIRED/.test(await refused.text())]).toEqual([path, 426, true]);
    expect(refused.headers.get('strict-transport-security')).toBeNull();
  }
  const page = await bare('/account/dev/?lang=fa', { headers: { accept: 'text/html' } });
  expect([page.status, page.headers.get('location')]).toEqual([
    308,
    expect.stringMatching(/^https?:\/\/[^/]+\/account\/dev\/\?lang=fa$/),
  ]);
  await test.close();
  rmSync(folder, { recursive: true });
});

test('a target in absolute form is read as its path, and refused where it names another host', async () => {
  const test = await startTestApp();
  const { host, port } = new URL(test.url);
  const statusOf = (path: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const { hostname } = new URL(test.url);
      requestHttp({ hostname, port, path, headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
  expect(await statusOf(`http://${host}/healthz?x=1`)).toBe(200);
  expect(await statusOf(`HTTP://${host.toUpperCase()}/t/dev/.well-known/openid-configuration`)).toBe(200);
  expect(await statusOf(`http://${host}?x=1`)).toBe(404);
  expect(await statusOf('http://evil.test/healthz')).toBe(400);
  expect(await statusOf(`http://user@${host}/healthz`)).toBe(400);
  expect(await statusOf(`ftp://${host}/healthz`)).toBe(400);
  await test.close();
});

const options = { host: '127.0.0.1', port: 0, maxConnectionsPerAddress: 3, keepAliveMs: 75_000 };

test('calls that run when the server closes are answered, over both versions of HTTP', async () => {
  const listener = await listen(options, (_, response) => setTimeout(() => response.end('done'), 300));
  const url = `http://127.0.0.1:${listener.port}`;
  const overHttp1 = fetch(url).then((response) => response.text());
  const session = connectHttp2(url);
  const stream = session.request({ ':path': '/' });
  const overHttp2 = new Promise<string>((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => resolve(chunk.toString()));
    stream.on('error', reject);
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const closed = listener.close();
  expect(await Promise.all([overHttp1, overHttp2])).toEqual(['done', 'done']);
  await closed;
  await expect(fetch(url)).rejects.toThrowError();
});

test('one address cannot hold more connections than it may', async () => {
  const listener = await listen(options, (_, response) => response.end());
  const sockets = Array.from({ length: 5 }, () =>
    connectSocket(listener.port, '127.0.0.1').on('error', () => {}),
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(sockets.filter((socket) => !socket.destroyed && !socket.readableEnded)).toHaveLength(3);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect((await fetch(`http://127.0.0.1:${listener.port}`)).status).toBe(200);
  await listener.close();
});

/** Sends one part after each response, and returns the status lines until the end of the connection. */
async function converse(url: string, ...parts: readonly string[]): Promise<string[]> {
  const socket = connectSocket(Number(new URL(url).port), '127.0.0.1');
  const left = [...parts];
  let heard = '';
  const say = () => socket.write(left.shift() ?? '');
  const statusLines = () => heard.match(/HTTP\/1\.1 \d+/g) ?? [];
  socket.on('connect', say);
  socket.on('data', (chunk: Buffer) => {
    const before = statusLines().length;
    heard += chunk.toString();
    if (statusLines().length > before && left.length > 0) say();
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return statusLines();
}

test('a call that is rejected before its body has come keeps its connection, and its body is no request', async () => {
  const app = await startTestApp();
  const smuggled = 'GET /.well-known/jwks.json HTTP/1.1\r\nhost: a\r\n\r\n';
  const head = (length: number | string) =>
    `POST /auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
  const last = `${smuggled.replace('host: a', 'host: a\r\nconnection: close')}`;
  expect(await converse(app.url, head(smuggled.length), `${smuggled}${last}`)).toEqual([
    'HTTP/1.1 401',
    'HTTP/1.1 200',
  ]);
  const bare = 'GET /view_user HTTP/1.1\r\nhost: a\r\n\r\n';
  expect(await converse(app.url, bare, bare, last)).toEqual(['HTTP/1.1 401', 'HTTP/1.1 401', 'HTTP/1.1 200']);
  // For a body that no one would read to its end it does not wait.
  expect(await converse(app.url, head(1_000_000), smuggled)).toEqual(['HTTP/1.1 401']);
  await app.close();
});

test('a port that may move goes to the next free one, and one that was asked for does not', async () => {
  const first = await listen(options, (_, response) => response.end());
  const taken = { ...options, port: first.port };
  const second = await listenNear(taken, (_, response) => response.end(), true);
  const third = await listenNear(taken, (_, response) => response.end(), true);
  expect(new Set([first.port, second.port, third.port]).size).toBe(3);
  await expect(listenNear(taken, (_, response) => response.end(), false)).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
  await Promise.all([first.close(), second.close(), third.close()]);
});
