import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createProject, root, run } from '../support/client-project.ts';

// What makes clients from a description takes ours, and has nothing to say.

const project = createProject('openapi');
beforeAll(async () => {
  await project.install(
    '@redocly/cli@2.77.0',
    'openapi-typescript@7.13.0',
    '@hey-api/openapi-ts@0.99.0',
    'typescript@5.9.3',
  );
}, 300_000);
afterAll(() => project.remove());

const names = ['openapi', 'openapi.connect'];
const pathOf = (name: string) => join(root, `gen/${name}.json`);
const tool = (name: string, ...args: string[]) =>
  run(join(project.folder, 'node_modules/.bin', name), args, { cwd: project.folder });
const compile = (...files: string[]) =>
  tool(
    'tsc',
    '--noEmit',
    '--strict',
    '--module',
    'esnext',
    '--moduleResolution',
    'bundler',
    '--target',
    'es2022',
    ...files,
  );

test.each(names)(
  'redocly finds nothing in %s',
  async (name) => {
    const { stdout } = await tool('redocly', 'lint', pathOf(name), '--format', 'json');
    const { totals, problems } = JSON.parse(stdout) as { totals: object; problems: unknown[] };
    expect(problems).toEqual([]);
    expect(totals).toEqual({ errors: 0, warnings: 0, ignored: 0 });
  },
  60_000,
);

test.each(names)(
  'openapi-typescript makes types of %s that compile',
  async (name) => {
    const { stderr } = await tool('openapi-typescript', pathOf(name), '-o', `${name}.ts`);
    expect(stderr).not.toMatch(/warn|error/i);
    await compile(`${name}.ts`);
  },
  60_000,
);

test.each(names)(
  'hey-api makes a client of %s that compiles, with the names of the calls',
  async (name) => {
    const { stdout, stderr } = await tool('openapi-ts', '-i', pathOf(name), '-o', `client-${name}`);
    expect(stdout + stderr).not.toMatch(/warn|error/i);
    await compile(`client-${name}/index.ts`);
    const code = readFileSync(join(project.folder, `client-${name}/sdk.gen.ts`), 'utf8');
    const calls = [...code.matchAll(/^export const (\w+) =/gm)].map(([, call]) => call);
    expect(calls).toEqual(expect.arrayContaining(['register', 'login', 'viewUser', 'listUsers']));
  },
  60_000,
);
