// Builds @manam/client into built/client/, or the folder that is named: ES modules and CommonJS, module by module, so that
// bundlers leave out what a program does not use, and stack traces name our files.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { entries, manifest } from './client-package.ts';
import { leanDescriptors } from './lean-descriptors.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = resolve(process.argv[2] ?? join(root, 'built/client'));
const inJson = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
const kinds = { esm: 'module', cjs: 'commonjs' } as const;

rmSync(out, { recursive: true, force: true });
await buildModules();
buildTypes();
for (const [kind, type] of Object.entries(kinds)) write(`${kind}/package.json`, inJson({ type }));
write('package.json', inJson(manifest));
cpSync(join(root, 'src/clients/README.md'), join(out, 'README.md'));
cpSync(join(root, 'src/clients/react/react.css'), join(out, 'react.css'));
// Compilers ask for the types of whatever is imported.
write('react.css.d.cts', 'export {};\n');
for (const file of ['LICENSE', 'CHANGELOG.md']) cpSync(join(root, file), join(out, file));

async function buildModules(): Promise<void> {
  const bundle = await rolldown({
    cwd: root,
    input: entries.map((entry) => `src/clients/${entry}.ts`),
    external: (id) => !/^[./]/.test(id) && !id.startsWith('src/'),
    plugins: [leanDescriptors()],
    treeshake: { moduleSideEffects: false },
    platform: 'neutral',
    // Module by module it is preserved.
    onLog: (level, log, tell) => log.code !== 'MODULE_LEVEL_DIRECTIVE' && tell(level, log),
  });
  for (const kind of ['esm', 'cjs'] as const)
    await bundle.write({
      dir: join(out, kind),
      format: kind,
      preserveModules: true,
      preserveModulesRoot: root,
      entryFileNames: '[name].js',
      exports: 'named',
      // The declarations beside them say the same.
      comments: { jsdoc: false },
    });
}

/**
 * The declarations, beside the modules of both kinds. Those of generated code, which are most of it, are there once: a module of
 * either kind may name types of CommonJS.
 */
function buildTypes(): void {
  const esm = join(out, 'esm');
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.client.json', '--outDir', esm], {
    cwd: root,
    stdio: 'inherit',
  });
  const wanted = entries.map((entry) => `src/clients/${entry}.d.ts`);
  const seen = new Set<string>();
  for (const file of wanted) {
    if (seen.has(file)) continue;
    seen.add(file);
    const isGenerated = file.startsWith('gen/');
    const text = readFileSync(isGenerated ? join(root, file) : join(esm, file), 'utf8')
      // Other compilers than ours know a module by the name of its JavaScript alone.
      .replaceAll(/((?:from |import\()['"]\.[^'"]+)\.ts(['"])/g, '$1.js$2');
    write(`cjs/${file}`, text);
    if (!isGenerated) write(`esm/${file}`, text.replaceAll(/(['"])((?:\.\.\/)+)gen\//g, '$1$2../cjs/gen/'));
    for (const [, name = ''] of text.matchAll(/(?:from |import\()['"](\.[^'"]+)\.js['"]/g))
      wanted.push(join(dirname(file), `${name}.d.ts`));
  }
  // The compiler writes one for every module that it reads.
  for (const name of readdirSync(esm, { recursive: true, encoding: 'utf8' }))
    if (name.endsWith('.d.ts') && !seen.has(name)) rmSync(join(esm, name));
}

function write(path: string, text: string): void {
  const target = join(out, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}
