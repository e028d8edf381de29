// Runs at the end of `npm ci`, on whatever Node the machine has: builds the hosted pages where
// the development packages are there, and otherwise says how a production install is made.
import { existsSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const [major = 0] = process.versions.node.split('.').map(Number);

if (!existsSync(new URL('node_modules/vite/package.json', root))) {
  console.log('pages: not built, because the development packages are not installed.');
  console.log('pages: for production install what `npm pack` makes (README, "In production").');
} else if (major < 24) {
  console.log(`pages: not built on Node ${process.versions.node}; run \`npm run pages\`.`);
} else {
  await import('./build-pages.ts');
}
