import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installPackages } from '../../src/store/embedded/install.ts';
import { freePort } from '../support/federation.ts';
import { issuerAt, makeApplication } from '../support/openid.ts';
import { type RelyingWorld, startRelyingWorld } from '../support/relying.ts';

// Relying parties in C and in Python, as Debian ships them, over TLS with a certificate of a test authority.

const modules = '/usr/lib/apache2/modules';
const packages = ['apache2', 'libapache2-mod-auth-openidc', 'python3-authlib', 'python3-requests'];
const isThere = () =>
  existsSync(join(modules, 'mod_auth_openidc.so')) && existsSync('/usr/lib/python3/dist-packages/authlib');

let world: RelyingWorld;

beforeAll(async () => {
  if (!isThere()) installPackages(packages);
  if (!isThere())
    throw new Error(
      `run 'sudo apt-get install --no-install-recommends ${packages.join(' ')}' for these tests`,
    );
  world = await startRelyingWorld();
}, 300_000);
afterAll(() => world.close());

/** A client of Authlib; it prints its address, reads the answer, and prints what it has learnt. */
const authlib = `
import json, sys
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, jwt
issuer, client_id, secret = sys.argv[1:]
session = OAuth2Session(client_id, secret, scope='openid profile email offline_access',
  redirect_uri='https://app.example/callback', code_challenge_method='S256')
known = session.get(issuer + '/.well-known/openid-configuration', withhold_token=True).json()
verifier = 'a-verifier-of-forty-three-characters-or-more-47'
url, state = session.create_authorization_url(known['authorization_endpoint'], code_verifier=verifier, nonce='once')
print(url, flush=True)
session.fetch_token(known['token_endpoint'], authorization_response=input(), state=state, code_verifier=verifier)
keys = JsonWebKey.import_key_set(session.get(known['jwks_uri'], withhold_token=True).json())
claims = jwt.decode(session.token['id_token'], keys, claims_options={
  'iss': {'essential': True, 'value': issuer}, 'aud': {'essential': True, 'value': client_id}})
claims.validate()
first = session.token['access_token']
session.refresh_token(known['token_endpoint'], refresh_token=session.token['refresh_token'])
info = session.get(known['userinfo_endpoint']).json()
session.revoke_token(known['revocation_endpoint'], token=session.token['refresh_token'])
ended = session.get(known['userinfo_endpoint']).status_code
print(json.dumps({'sub': claims['sub'], 'nonce': claims['nonce'], 'email': info['email'],
  'renewed': first != session.token['access_token'], 'ended': ended}))
`;

test('Authlib', async () => {
  const { clientId, secret } = await makeApplication(world.manam);
  const command = ['-c', authlib, issuerAt(world.manam), clientId, secret];
  const child = spawn('/usr/bin/python3', command, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, REQUESTS_CA_BUNDLE: world.certFile },
  });
  const lines: string[] = [];
  // A line may come in parts.
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === 1) child.stdin.end(`${await world.agree(lines[0] ?? '')}\n`);
  }
  expect(JSON.parse(lines[1] ?? '{}')).toEqual({
    sub: world.user.userId,
    nonce: 'once',
    email: world.user.email,
    renewed: true,
    ended: 401,
  });
}, 60_000);

/** A site that Apache shows to those who have signed in. */
const apache = (port: number, folder: string, lines: readonly string[]) => `
ServerRoot ${folder}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${folder}/apache.pid
ErrorLog ${folder}/error.log
User www-data
Group www-data
${['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'headers', 'auth_openidc', 'dir']
  .map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`)
  .join('\n')}
DocumentRoot ${folder}/site
${lines.join('\n')}
<Location />
  AuthType openid-connect
  Require valid-user
  Header always set x-sub "%{OIDC_CLAIM_sub}e"
  Header always set x-email "%{OIDC_CLAIM_email}e"
</Location>
`;

test('mod_auth_openidc', async () => {
  const port = await freePort();
  const address = `http://localhost:${port}`;
  const { clientId, secret } = await makeApplication(world.manam, {
    redirectUris: [`${address}/callback`],
    postLogoutRedirectUris: [`${address}/bye`],
  });
  const site = join(world.folder, 'site');
  mkdirSync(site);
  writeFileSync(join(site, 'index.html'), 'inside');
  const file = join(world.folder, 'apache.conf');
  const settings = {
    OIDCProviderMetadataURL: `${issuerAt(world.manam)}/.well-known/openid-configuration`,
    OIDCClientID: clientId,
    OIDCClientSecret: secret,
    OIDCRedirectURI: `${address}/callback`,
    OIDCCryptoPassphrase: 'a-passphrase-of-a-test',
    OIDCScope: '"openid profile email"',
    OIDCPKCEMethod: 'S256',
    OIDCCABundlePath: world.certFile,
    OIDCPassClaimsAs: 'environment',
  };
  const lines = Object.entries(settings).map((pair) => pair.join(' '));
  writeFileSync(file, apache(port, world.folder, lines));
  const run = promisify(execFile);
  await run('/usr/sbin/apache2', ['-f', file, '-k', 'start']);
  try {
    const open = world.createBrowser();
    const response = await open(`${address}/`);
    expect(await response.text()).toBe('inside');
    expect(response.headers.get('x-sub')).toBe(world.user.userId);
    expect(response.headers.get('x-email')).toBe(world.user.email);
    const out = await open.once(`${address}/callback?logout=${encodeURIComponent(`${address}/bye`)}`);
    const end = new URL(out.headers.get('location') ?? '');
    expect(end.pathname).toBe('/t/dev/oauth/end_session');
    expect(String(await world.leave(end))).toBe(`${address}/bye`);
  } finally {
    await run('/usr/sbin/apache2', ['-f', file, '-k', 'stop']);
  }
}, 60_000);
