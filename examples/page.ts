import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { findApplication } from './application.ts';

// A page without a server of its own: what is served here are files. It keeps no secret, and renews its tokens with the
// refresh token, because frames of other sites know of no session.

const port = Number(process.env['PORT'] ?? 3001);
const origin = `http://localhost:${port}`;
const { issuer, clientId } = findApplication('spa', {
  redirectUris: [`${origin}/`],
  postLogoutRedirectUris: [`${origin}/`],
  origins: [origin],
  firstParty: true,
});

const folder = createRequire(import.meta.url)
  .resolve('oidc-client-ts')
  .replace(/dist\/.*$/, 'dist/browser/');
const library = readFileSync(`${folder}oidc-client-ts.min.js`);

const script = `
const manager = new oidc.UserManager({
  authority: ${JSON.stringify(String(issuer))},
  client_id: ${JSON.stringify(clientId)},
  redirect_uri: '${origin}/',
  post_logout_redirect_uri: '${origin}/',
  scope: 'openid profile email',
  loadUserInfo: true,
  userStore: new oidc.WebStorageStateStore({ store: sessionStorage }),
});
const show = (user) => {
  document.querySelector('#who').textContent = user ? 'Hello, ' + (user.profile.name || user.profile.email) + '.' : '';
  document.querySelector('#in').hidden = Boolean(user);
  document.querySelector('#inside').hidden = !user;
};
document.querySelector('#in').onclick = () => manager.signinRedirect();
document.querySelector('#renew').onclick = async () => {
  show(await manager.signinSilent());
  document.querySelector('#said').textContent = 'Renewed.';
};
document.querySelector('#out').onclick = () => manager.signoutRedirect();
if (new URLSearchParams(location.search).has('state')) {
  const isBack = new URLSearchParams(location.search).has('code');
  const user = isBack ? await manager.signinCallback() : undefined;
  history.replaceState(null, '', '/');
  show(user);
} else show(await manager.getUser());
`;

const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title><h1>A page</h1>
<p id="who"></p><button id="in" hidden>Sign in</button>
<div id="inside" hidden><button id="renew">Renew</button> <button id="out">Sign out</button> <span id="said"></span></div>
<script src="/oidc-client-ts.js"></script><script type="module">${script}</script></html>`;

createServer((request, response) => {
  const isLibrary = request.url === '/oidc-client-ts.js';
  response.setHeader('content-type', isLibrary ? 'text/javascript' : 'text/html; charset=utf-8');
  response.end(isLibrary ? library : page);
}).listen(port, 'localhost', () => console.log(`open ${origin}`));
