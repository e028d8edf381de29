// Builds the hosted pages into built/pages/. It runs at `npm ci`; where there is no Vite, as in an
// installation without development packages, the pages have come with the package.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { env } from 'node:process';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { firstLoaded } from './first-loaded.ts';
import { leanDescriptors } from './lean-descriptors.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = `${root}built/pages`;
// Built beside and moved file by file: a service that starts meanwhile finds whole pages.
const outDir = `${root}built/pages.new`;
const manifest = 'manifest.json';
const silentManifest = 'silent.json';
// Whoever builds them, a test among them: for development JSX has the paths of this machine in it.
env['NODE_ENV'] = 'production';
const vite = await import('vite').catch((error: NodeJS.ErrnoException) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || !error.message.includes("'vite'")) throw error;
  return undefined;
});

if (vite === undefined) {
  console.log('pages: not built, because vite is not installed');
} else {
  // The answer to prompt=none by itself: what it shares would be another file, and it is to be small.
  for (const [entries, isFirst] of [
    [
      {
        account: 'account/main.tsx',
        console: 'console/main.tsx',
        ready: 'console/ready.ts',
        reference: 'reference/main.tsx',
      },
      true,
    ],
    [{ silent: 'account/silent.ts' }, false],
  ] as const)
    await vite.build({
      root: `${root}src/pages`,
      base: '/account/-/',
      configFile: false,
      logLevel: 'warn',
      publicDir: false,
      plugins: [leanDescriptors()],
      oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
      build: {
        outDir,
        emptyOutDir: isFirst,
        manifest: isFirst ? manifest : silentManifest,
        assetsDir: '',
        target: 'es2022',
        modulePreload: { polyfill: false },
        reportCompressedSize: false,
        // The dictionaries of the strength hint come on demand.
        chunkSizeWarningLimit: 1500,
        rolldownOptions: {
          input: Object.fromEntries(
            Object.entries(entries).map(([name, entry]) => [name, `${root}src/pages/${entry}`]),
          ),
          output: {
            codeSplitting: isFirst && {
              includeDependenciesRecursively: false,
              groups: [{ name: firstLoaded(`${root}src/pages`), debugName: 'first loaded' }],
            },
          },
        },
      },
    });
  const built = readdirSync(outDir).sort();
  for (const name of built) {
    const body = readFileSync(`${outDir}/${name}`);
    console.log(`pages: ${name} ${kB(body.length)}, compressed ${kB(gzipSync(body).length)}`);
  }
  mkdirSync(pages, { recursive: true });
  // The manifests name the others: they come after them, and what they no longer name goes last.
  const manifests = [silentManifest, manifest];
  for (const name of [...built.filter((each) => !manifests.includes(each)), ...manifests])
    renameSync(`${outDir}/${name}`, `${pages}/${name}`);
  for (const name of readdirSync(pages).filter((each) => !built.includes(each))) rmSync(`${pages}/${name}`);
  rmSync(outDir, { recursive: true });
}

function kB(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
