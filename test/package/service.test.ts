import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeAuthenticator, type Options } from '../support/authenticator.ts';
import { createProject, packInto, root, run } from '../support/client-project.ts';
import { createTestDatabase } from '../support/database.ts';
import { freePort } from '../support/federation.ts';

const project = createProject('service');
beforeAll(async () => {
  await project.install(await packInto(project, root));
}, 300_000);
afterAll(() => project.remove());

test('the installed package brings the command line', async () => {
  const database = await createTestDatabase();
  const env = {
    PATH: process.env['PATH'],
    DATABASE_URL: database.url,
    MANAM_ISSUER: 'https://id.example.com',
  };
  const manam = (...args: string[]) => run('npx', ['manam', ...args], { cwd: project.folder, env });
  await manam('migrate', 'up');
  await manam('tenant', 'create', 'acme', '--set', 'senders.default=info@acme.example');
  expect((await manam('tenant', 'list')).stdout).toMatch(/acme +acme +active/);
  await expect(manam('tenant', 'show', 'nobody')).rejects.toMatchObject({ code: 3 });
  await database.drop();
}, 60_000);

test('every part of the installed service can be loaded by itself', async () => {
  const folder = join(project.folder, 'node_modules/manam/dist/src');
  const parts = readdirSync(folder).filter((name) => name.endsWith('.js') && name !== 'main.js');
  expect(parts.length).toBeGreaterThan(10);
  // One process for each, so that no part finds what another has loaded.
  for (const part of parts) {
    const program = `await import(${JSON.stringify(join(folder, part))})`;
    await run(process.execPath, ['--input-type=module', '--eval', program], { cwd: project.folder });
  }
}, 180_000);

/** Signs up over the installed service, makes a passkey, and signs in with it; returns the answer to that. */
async function signInByPasskey(url: string, key: string, origin: string) {
  const post = async (path: string, body: object, authorization = {}) => {
    const headers = { 'content-type': 'application/json', apieco_key: key, ...authorization };
    const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: answer.status, body: (await answer.json()) as Record<string, string> };
  };
  const [email, password] = ['nika@example.com', 'canary-orbit-lantern-77'];
  await post('/auth/register', { email, password });
  const messages = await fetch(`${url}/dev/messages?to=${encodeURIComponent(email)}`);
  const [message] = (await messages.json()) as { code: string }[];
  await post('/auth/confirm_email', { cnf: message?.code });
  const login = await post('/auth/login', { email, password });
  const session = { authorization: `Bearer ${login.body['access_token']}` };
  const optionsOf = async (path: string, authorization = {}) =>
    (await post(path, {}, authorization)).body['options'] as unknown as Options;
  const authenticator = makeAuthenticator({ origin, isSynced: true });
  const made = authenticator.create(await optionsOf('/auth/passkeys/registration/start', session));
  await post('/auth/passkeys/registration/finish', { credential: made }, session);
  const proof = authenticator.get(await optionsOf('/auth/passkeys/sign-in/start'));
  return await post('/auth/passkeys/sign-in/finish', { credential: proof });
}

test('the installed service serves in two processes, takes a registration and passkeys, and signs for an application', async () => {
  const database = await createTestDatabase();
  const data = join(project.folder, 'data');
  const port = await freePort();
  const issuer = `http://localhost:${port}`;
  const env = {
    PATH: process.env['PATH'],
    DATABASE_URL: database.url,
    MANAM_DATA: data,
    MANAM_MASTER_KEY: randomBytes(32).toString('base64'),
    PORT: String(port),
    MANAM_ISSUER: issuer,
    METRICS_PORT: 'off',
    WORKERS: '2',
  };
  const child = spawn(process.execPath, ['node_modules/manam/dist/src/main.js', 'start'], {
    cwd: project.folder,
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`it ended with ${code}`)));
      child.stdout.on('data', (chunk: Buffer) => chunk.includes('all of it in') && resolve());
    });
    const dev = JSON.parse(readFileSync(join(data, 'dev.json'), 'utf8')) as Record<string, string>;
    const { url = '', publishable_key: key = '' } = dev;
    const registered = await fetch(`${url}/manam.v1.AuthService/Register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': key },
      body: JSON.stringify({ email: 'sara@example.com', password: 'canary-orbit-lantern-77' }),
    });
    expect(registered.status).toBe(200);
    expect(await signInByPasskey(url, key, issuer)).toMatchObject({
      status: 200,
      body: { access_token: expect.any(String) },
    });
    expect((await fetch(`${url}/account/dev/`)).status).toBe(200);
    expect((await fetch(`${url}/openapi.json`)).status).toBe(200);
    const made = await run(
      'npx',
      ['manam', 'application', 'create', 'dev', 'machine', 'Jobs', '--set', 'scopes=["jobs.run"]', '--json'],
      { cwd: project.folder, env },
    );
    const { application, client_secret: secret } = JSON.parse(made.stdout) as {
      readonly application: { readonly client_id: string };
      readonly client_secret: string;
    };
    const answer = await fetch(`${url}/t/dev/oauth/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${application.client_id}:${secret}`).toString('base64')}`,
      },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    const { access_token: token } = (await answer.json()) as Record<string, string>;
    expect(decodeProtectedHeader(token ?? '')).toMatchObject({ alg: 'RS256', typ: 'at+jwt' });
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
    await database.drop();
  }
}, 120_000);

test('the package contains its runtime files and no development files', () => {
  const inside = readdirSync(join(project.folder, 'node_modules/manam'));
  expect(inside.sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'dist',
    'docs',
    'package.json',
  ]);
  const licenses = readFileSync(join(project.folder, 'node_modules/manam/dist/licenses.md'), 'utf8');
  for (const name of ['drizzle-orm', '@connectrpc/connect', 'mysql2', 'jose'])
    expect(licenses).toContain(`\n## ${name} - `);
  expect(existsSync(join(project.folder, 'node_modules/manam/dist/proto/google/api/annotations.proto'))).toBe(
    true,
  );
});
