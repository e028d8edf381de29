import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setDefaultCACertificates } from 'node:tls';
import { promisify } from 'node:util';
import { exportJWK, type GenerateKeyPairResult, generateKeyPair, SignJWT } from 'jose';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { type Event, EventService } from '../../gen/manam/v1/event_service_pb.js';
import { parseNetworks } from '../../src/domain/network.ts';
import { installPackages } from '../../src/store/embedded/install.ts';
import { password, startTestApp, type TestApp } from '../support/app.ts';
import { blocksOf } from '../support/documents.ts';
import { failure, failureOf } from '../support/errors.ts';
import { freePort } from '../support/federation.ts';
import { signUp } from '../support/journey.ts';

// nginx as docs/proxies.md sets it up, in front of the service.

const run = promisify(execFile);
const program = '/usr/sbin/nginx';
const folder = mkdtempSync(join(tmpdir(), 'manam-nginx-'));
const certFile = join(folder, 'cert.pem');
// @grpc/grpc-js reads its own authorities, from a file that it is told of before it is loaded.
process.env['GRPC_DEFAULT_SSL_ROOTS_FILE_PATH'] = certFile;
const { protocols } = await import('../support/protocols.ts');

let app: TestApp;
let key: GenerateKeyPairResult;
let origin = '';
let stop = async () => {};

beforeAll(async () => {
  if (!existsSync(program)) installPackages(['nginx-light']);
  if (!existsSync(program))
    throw new Error("run 'sudo apt-get install --no-install-recommends nginx-light' for these tests");
  const pems = await generate([{ name: 'commonName', value: 'localhost' }], {
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  });
  writeFileSync(certFile, pems.cert);
  writeFileSync(join(folder, 'key.pem'), pems.private);
  setDefaultCACertificates([pems.cert]);
  const port = await freePort();
  origin = `https://localhost:${port}`;
  key = await generateKeyPair('ES256');
  app = await startTestApp({ config: { issuer: origin, proxies: parseNetworks(['127.0.0.1']) } });
  const [block = ''] = blocksOf('docs/proxies.md', 'nginx');
  const server = block
    .replaceAll('127.0.0.1:8080', new URL(app.url).host)
    .replace(/^( *listen) 443/m, `$1 127.0.0.1:${port}`)
    .replaceAll('/etc/nginx/', `${folder}/`);
  const ownFolders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const file = join(folder, 'nginx.conf');
  const lines = [`pid ${folder}/pid;`, 'events {}', 'http {', 'access_log off;', ...ownFolders, server, '}'];
  writeFileSync(file, lines.join('\n'));
  mkdirSync(join(folder, 'logs'));
  const nginx = (...more: string[]) =>
    run(program, ['-p', folder, '-c', file, '-e', join(folder, 'errors.log'), ...more]);
  await nginx();
  stop = async () => {
    await nginx('-s', 'stop');
  };
}, 300_000);
afterAll(async () => {
  await stop();
  await app.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A proof of the key for a call at the public origin. */
async function prove(path: string, { htm = 'POST', token = '' } = {}): Promise<string> {
  const ath = token === '' ? {} : { ath: createHash('sha256').update(token).digest('base64url') };
  const iat = Math.floor(app.now().getTime() / 1000);
  return await new SignJWT({ jti: randomUUID(), htm, htu: `${origin}${path}`, iat, ...ath })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(key.publicKey) })
    .sign(key.privateKey);
}

const procedure = (name: string) => `/manam.v1.AuthService/${name}`;

describe.each(protocols)('$name through nginx', ({ connect }) => {
  test('signs in with a proof for the public origin, from the address that the proxy saw', async () => {
    const { email } = await signUp(app);
    // What a caller says of itself stands before what the proxy adds.
    const headers = { 'x-api-key': app.dev.publishable, 'x-forwarded-for': '198.51.100.7' };
    const dpop = await prove(procedure('Login'));
    const { tokens } = await connect(AuthService, origin, { ...headers, dpop }).login({ email, password });
    const token = tokens?.accessToken ?? '';
    const bound = {
      ...headers,
      authorization: `DPoP ${token}`,
      dpop: await prove(procedure('ListSessions'), { token }),
    };
    const { sessions } = await connect(AuthService, origin, bound).listSessions({});
    expect(sessions.find(({ current }) => current)?.address).toBe('198.51.100.7');
    const replayed = connect(AuthService, origin, bound).listSessions({});
    expect(await failureOf(replayed)).toEqual(failure('Unauthenticated', 'DPOP_PROOF_INVALID'));
  });

  test('gets the events of a stream as they happen', async () => {
    const ending = new AbortController();
    const client = connect(EventService, origin, { 'x-api-key': app.dev.secret });
    const seen: Event[] = [];
    const opened = Promise.withResolvers<void>();
    const stream = (async () => {
      for await (const { event } of client.watchEvents({}, { signal: ending.signal })) {
        if (event !== undefined) seen.push(event);
        opened.resolve();
      }
    })();
    await Promise.race([opened.promise, stream]);
    const { userId } = await signUp(app);
    const typesOf = () => seen.filter((event) => event.userId === userId).map(({ type }) => type);
    await vi.waitFor(() => expect(typesOf()).toContain('session.started'), { timeout: 20_000 });
    expect(typesOf()).toEqual(['user.registered', 'identifier.confirmed', 'session.started']);
    ending.abort();
    await expect(stream).rejects.toThrow();
  });
});

test('REST through nginx takes both names of the key, and a proof of its own path', async () => {
  const { email } = await signUp(app);
  for (const name of ['x-api-key', 'apieco_key']) {
    const answer = await fetch(`${origin}/auth/login`, {
      method: 'POST',
      headers: {
        [name]: app.dev.publishable,
        'content-type': 'application/json',
        dpop: await prove('/auth/login'),
      },
      body: JSON.stringify({ email, password }),
    });
    expect(await answer.json()).toMatchObject({ status: 'success', token_type: 'DPoP' });
  }
});
