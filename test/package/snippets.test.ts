import { existsSync, readdirSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { password, startTestApp, type TestApp } from '../support/app.ts';
import { createProject, packClient, root, run } from '../support/client-project.ts';
import { blocksOf } from '../support/documents.ts';
import { register } from '../support/journey.ts';

// What our pages say about the client, against the client as it is packed.

const project = createProject('snippets');
beforeAll(async () => {
  const beside = ['@grpc/grpc-js@1.14.7', '@types/node@26', 'express@5', '@types/express@5'];
  await project.install(await packClient(project), ...beside);
}, 300_000);
afterAll(() => project.remove());

const pages = [
  'README.md',
  'src/clients/README.md',
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
];
const blocks = pages
  .filter((page) => page.endsWith('.md'))
  .flatMap((page) => blocksOf(page, 'ts').map((code) => ({ page, code })))
  .filter(({ code }) => code.includes('@manam/client'));

/** The snippets of the README by the entry that they import. */
const snippets = blocks
  .filter(({ page }) => page === 'README.md')
  .map(({ code }) => ({ code, entry: /from '@manam\/client\/(\w+)'/.exec(code)?.[1] ?? '' }));

test('the README has a snippet for every client', () => {
  expect(snippets.map(({ entry }) => entry)).toEqual(['grpc', 'connect', 'verify', 'web']);
});

test('every snippet compiles against the types of the package', async () => {
  const files = blocks.map(({ code }, index) => {
    project.write(`snippet-${index}.ts`, code);
    return `snippet-${index}.ts`;
  });
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--types', 'node'];
  const { stdout } = await run(
    join(root, 'node_modules/.bin/tsc'),
    [...options, '--skipLibCheck', 'false', ...files],
    { cwd: project.folder },
  ).catch((error: { stdout: string }) => error);
  expect(stdout).toBe('');
}, 120_000);

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ config: { issuer: 'http://localhost:8080' } });
  const cnf = await register(app, 'sara@example.com');
  await app.client(AuthService).confirmEmail({ cnf });
}, 60_000);
afterAll(() => app.close());

/** The Node of the project, and the machine's own where that is another one. */
const nodes = [process.execPath, '/usr/bin/node'].filter((node) => existsSync(node));

for (const { code, entry } of snippets) {
  for (const node of nodes) {
    test(`runs the snippet of ${entry} in a new project on ${node === process.execPath ? 'our' : 'the machine’s'} Node`, async () => {
      // The keys of our issuer are at another address.
      const here =
        entry === 'verify'
          ? code.replace('tenantId:', `jwksUrl: '${app.url}/.well-known/jwks.json', tenantId:`)
          : code;
      const file = project.write(`${entry}.mjs`, stripTypeScriptTypes(here));
      const { tokens } = await app.client(AuthService).login({ email: 'sara@example.com', password });
      const env = {
        PATH: process.env['PATH'],
        MANAM_URL: entry === 'verify' ? undefined : app.url,
        MANAM_KEY: app.dev.publishable,
        MANAM_TENANT: (await app.app.store.tenants.findBySlug('dev'))?.id,
        ACCESS_TOKEN: tokens?.accessToken,
      };
      const { stdout } = await run(node, [file], { cwd: project.folder, env });
      expect(stdout).toMatch(/@example\.com\n$|pwd/);
    }, 60_000);
  }
}
