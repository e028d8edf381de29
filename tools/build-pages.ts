// Builds the hosted pages into built/pages/. It runs at `npm ci`; where there is no Vite, as in an
// installation without development packages, the pages have come with the package.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const outDir = `${root}built/pages`;
const vite = await import('vite').catch((error: NodeJS.ErrnoException) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || !error.message.includes("'vite'")) throw error;
  return undefined;
});

if (vite === undefined) {
  console.log('pages: not built, because vite is not installed');
} else {
  await vite.build({
    root: `${root}src/pages/account`,
    base: '/account/-/',
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir,
      emptyOutDir: true,
      manifest: 'manifest.json',
      assetsDir: '',
      target: 'es2022',
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      // The dictionaries of the strength hint come on demand.
      chunkSizeWarningLimit: 1500,
      rolldownOptions: { input: `${root}src/pages/account/main.tsx` },
    },
  });
  for (const name of readdirSync(outDir).sort()) {
    const body = readFileSync(`${outDir}/${name}`);
    console.log(`pages: ${name} ${kB(body.length)}, compressed ${kB(gzipSync(body).length)}`);
  }
}

function kB(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
