import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AuthService } from '../gen/manam/v1/auth_service_pb.js';
import { password, startTestApp, type TestApp } from './support/app.ts';
import { createTestDatabase } from './support/database.ts';
import { blocksOf } from './support/documents.ts';
import { register } from './support/journey.ts';

const run = promisify(execFile);
const root = new URL('..', import.meta.url).pathname;
let project = '';

beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'manam-package-'));
  await run('npm', ['pack', '--pack-destination', project], { cwd: root });
  const [archive = ''] = readdirSync(project).filter((name) => name.endsWith('.tgz'));
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ name: 'tenant', private: true, type: 'module' }),
  );
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline'];
  // `npm test` hands its own .npmrc on; the project of a stranger has none.
  const { npm_config_strict_allow_scripts: _, ...env } = process.env;
  await run('npm', ['install', ...quiet, join(project, archive)], { cwd: project, env });
}, 300_000);
afterAll(() => rmSync(project, { recursive: true, force: true }));

test('the installed package brings the command line', async () => {
  const database = await createTestDatabase();
  const env = {
    PATH: process.env['PATH'],
    DATABASE_URL: database.url,
    MANAM_ISSUER: 'https://id.example.com',
  };
  const manam = (...args: string[]) => run('npx', ['manam', ...args], { cwd: project, env });
  await manam('migrate', 'up');
  await manam('tenant', 'create', 'acme', '--set', 'senders.default=info@acme.example');
  expect((await manam('tenant', 'list')).stdout).toMatch(/acme +acme +active/);
  await expect(manam('tenant', 'show', 'nobody')).rejects.toMatchObject({ code: 3 });
  await database.drop();
}, 60_000);

test('the package contains its runtime files and no development files', () => {
  const inside = readdirSync(join(project, 'node_modules/manam'));
  expect(inside.sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'dist',
    'docs',
    'package.json',
    'proto',
  ]);
});

/** The snippets of the README by the entry that they import. */
const snippets = blocksOf('README.md', 'ts').map((code) => ({
  code,
  entry: /from '(manam\/\w+)'/.exec(code)?.[1] ?? '',
}));

/** The Node of the project, and the machine's own where that is another one. */
const nodes = [process.execPath, '/usr/bin/node'].filter((node) => existsSync(node));

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ config: { issuer: 'http://127.0.0.1:8080' } });
  const cnf = await register(app, 'sara@example.com');
  await app.client(AuthService).confirmEmail({ cnf });
}, 60_000);
afterAll(() => app.close());

test('the README has a snippet for every client', () => {
  expect(snippets.map(({ entry }) => entry)).toEqual([
    'manam/grpc',
    'manam/connect',
    'manam/verify',
    'manam/web',
  ]);
});

test('the snippets of the README, of the log of events and of federation compile against the types of the package', async () => {
  const more = ['docs/event-log.md', 'docs/federation.md']
    .flatMap((file) => blocksOf(file, 'ts'))
    .map((code) => ({ code }));
  const files = [...snippets, ...more].map(({ code }, index) => {
    writeFileSync(join(project, `snippet-${index}.ts`), code);
    return `snippet-${index}.ts`;
  });
  const options = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--types',
    'node',
    '--skipLibCheck',
    'false',
  ];
  const { stdout } = await run(join(root, 'node_modules/.bin/tsc'), [...options, ...files], {
    cwd: project,
  }).catch((error: { stdout: string }) => error);
  expect(stdout).toBe('');
}, 120_000);

for (const { code, entry } of snippets) {
  for (const node of nodes) {
    test(`runs the snippet of ${entry} in a new project on ${node === process.execPath ? 'our' : 'the machine’s'} Node`, async () => {
      const file = join(project, `${entry.replace('/', '-')}.mjs`);
      // The keys of our issuer are at another address.
      const here =
        entry === 'manam/verify'
          ? code.replace('tenantId:', `jwksUrl: '${app.url}/.well-known/jwks.json', tenantId:`)
          : code;
      writeFileSync(file, stripTypeScriptTypes(here));
      const { tokens } = await app.client(AuthService).login({ email: 'sara@example.com', password });
      const env = {
        PATH: process.env['PATH'],
        MANAM_URL: entry === 'manam/verify' ? undefined : app.url,
        MANAM_KEY: app.dev.publishable,
        MANAM_TENANT: (await app.app.store.tenants.findBySlug('dev'))?.id,
        ACCESS_TOKEN: tokens?.accessToken,
      };
      const { stdout } = await run(node, [file], { cwd: project, env });
      expect(stdout).toMatch(/@example\.com\n$|pwd/);
    }, 60_000);
  }
}
