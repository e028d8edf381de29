// Builds the service into dist/, as `npm pack` publishes it and the image runs it: its sources and what they import, in a few files.
// Node takes half as long to load them as it takes for the thousand files that they come from.
import { cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = `${root}dist`;
rmSync(dist, { recursive: true, force: true });

await build({
  root,
  configFile: false,
  logLevel: 'warn',
  publicDir: false,
  plugins: [asciiOnly()],
  ssr: {
    noExternal: true,
    // Code of the machine, and what is loaded by those alone who ask for it and finds its parts by name, or needs them in
    // their order, as tsyringe needs reflect-metadata: with the order of all kept a RefreshToken comes to 0.93 of its number.
    external: [
      '@node-rs/argon2',
      'bcrypt',
      '@opentelemetry/api',
      '@opentelemetry/resources',
      '@opentelemetry/sdk-node',
      '@simplewebauthn/server',
      '@simplewebauthn/server/helpers',
    ],
  },
  build: {
    ssr: true,
    outDir: dist,
    // Each name says where it belongs.
    assetsDir: '',
    target: 'node24',
    // Traces in logs stay readable.
    minify: false,
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      input: {
        'src/main': `${root}src/main.ts`,
        'src/adapters/rsa-worker': `${root}src/adapters/rsa-worker.ts`,
      },
      output: { entryFileNames: '[name].js', chunkFileNames: 'src/[name]-[hash].js', comments: false },
    },
  },
});

/** Spells letters beyond ASCII by their numbers: a file with one of them takes V8 twice the memory and Node a slow decoder. */
function asciiOnly(): Plugin {
  const spell = (letter: string) => {
    const hex = (letter.codePointAt(0) ?? 0).toString(16);
    return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`;
  };
  // A backslash belongs to what follows it.
  const letters = /\\[\s\S]|\P{ASCII}/gu;
  return {
    name: 'ascii-only',
    generateBundle: (_, bundle) => {
      for (const file of Object.values(bundle)) {
        if (file.type !== 'chunk') continue;
        file.code = file.code.replace(letters, (found) => {
          const letter = found.replace(/^\\(?=\P{ASCII})/u, '');
          return /^\P{ASCII}$/u.test(letter) ? spell(letter) : found;
        });
      }
    },
  };
}

// What the service reads.
for (const path of ['gen', 'src/store/migrations', 'src/pages/theme.css', 'built/pages'])
  cpSync(`${root}${path}`, `${dist}/${path}`, { recursive: true });
