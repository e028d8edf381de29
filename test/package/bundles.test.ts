import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createProject, packClient } from '../support/client-project.ts';

// What a page loads of the client, by two bundlers.

const project = createProject('bundles');
beforeAll(async () => {
  await project.install(await packClient(project), 'esbuild@0.28.2');
}, 300_000);
afterAll(() => project.remove());

/** The most that a page loads, compressed, in bytes: what it was when this was written, and a little. */
const limits = {
  'every service': {
    code: "export { createManam } from '@manam/client/web';",
    vite: 46_900,
    esbuild: 48_700,
  },
  'one service': {
    code: "export { createWebClient, AuthService } from '@manam/client/web';",
    vite: 43_000,
    esbuild: 45_000,
  },
} as const;

type Case = keyof typeof limits;

const bundlers = {
  async vite(entry: string) {
    const { build } = await import('vite');
    const result = await build({
      root: project.folder,
      configFile: false,
      logLevel: 'error',
      build: {
        write: false,
        modulePreload: false,
        rolldownOptions: { input: entry, preserveEntrySignatures: 'strict' },
      },
    });
    const outputs = Array.isArray(result) ? result : [result];
    return outputs
      .flatMap((each) => ('output' in each ? each.output : []))
      .map((each) => ('code' in each ? each.code : ''));
  },
  async esbuild(entry: string) {
    const { build } = (await import(join(project.folder, 'node_modules/esbuild/lib/main.js'))) as {
      build(options: object): Promise<{ outputFiles: { text: string }[] }>;
    };
    const options = { bundle: true, minify: true, format: 'esm', write: false, target: 'es2022' };
    return (await build({ ...options, entryPoints: [entry] })).outputFiles.map(({ text }) => text);
  },
};

const cases = (Object.keys(limits) as Case[]).flatMap((name) =>
  (['vite', 'esbuild'] as const).map((bundler) => ({ name, bundler })),
);

test.each(cases)('a page with $name stays small by $bundler', async ({ name, bundler }) => {
  const entry = project.write(`${bundler}.js`, limits[name].code);
  const code = (await bundlers[bundler](entry)).join('');
  const size = gzipSync(code, { level: 9 }).length;
  process.stdout.write(`${name} by ${bundler}: ${code.length} B, compressed ${size} B\n`);
  expect(code).toContain('AuthService');
  expect(code.includes('PasskeyService')).toBe(name === 'every service');
  expect(size).toBeLessThanOrEqual(limits[name][bundler]);
});

test('the verifier and the guards carry no client along', async () => {
  const entry = project.write(
    'guards.js',
    "export { createGuard, expressGuard } from '@manam/client/guards';",
  );
  const code = (await bundlers.esbuild(entry)).join('');
  expect(code).not.toContain('manam.v1');
});
