import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, preview } from 'vite';
import { findApplication } from './application.ts';

// A page with React and the components of @manam/client/react, built by Vite. A project of yours has the package instead of the alias.

const port = Number(process.env['PORT'] ?? 3002);
const origin = `http://localhost:${port}`;
const { issuer, clientId } = findApplication('spa', {
  redirectUris: [`${origin}/`],
  postLogoutRedirectUris: [`${origin}/`],
  origins: [origin],
  scopes: ['openid', 'profile', 'email', 'roles'],
  firstParty: true,
});

const clients = fileURLToPath(new URL('../src/clients', import.meta.url));
const outDir = mkdtempSync(join(tmpdir(), 'manam-example-'));
const root = fileURLToPath(new URL('react', import.meta.url));
await build({
  root,
  configFile: false,
  logLevel: 'warn',
  define: { ISSUER: JSON.stringify(String(issuer).replace(/\/$/, '')), CLIENT_ID: JSON.stringify(clientId) },
  resolve: {
    alias: [
      { find: '@manam/client/react.css', replacement: `${clients}/react/react.css` },
      { find: /^@manam\/client\/(\w+)$/, replacement: `${clients}/$1.ts` },
    ],
  },
  build: { outDir, emptyOutDir: true },
});
await preview({
  root,
  configFile: false,
  logLevel: 'warn',
  preview: { port, strictPort: true, host: 'localhost' },
  build: { outDir },
});
console.log(`open ${origin}`);
