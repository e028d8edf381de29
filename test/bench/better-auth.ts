import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultProfile, type HashProfile } from '../../src/domain/password.ts';
import { sha256 } from '../../src/domain/token.ts';
import { makeAuthenticator, type Options } from '../support/authenticator.ts';
import { form, json, password, signInBodies, signUpBodies } from './accounts.ts';
import { authorizationOf, createForms } from './applications.ts';
import { createHttpClient, type HttpClient } from './calls.ts';
import { type DrivenCall, driving } from './wrk.ts';

// better-auth, which the scenario `peers` compares the service with: its process, its accounts and its calls.

const packages = {
  'better-auth': '1.7.25',
  '@better-auth/oauth-provider': '1.7.5',
  '@better-auth/passkey': '1.7.6',
  '@node-rs/argon2': '2.2.1',
  mysql2: '3.24.6',
};

export type Peer = {
  readonly url: string;
  readonly clientId: string;
  readonly secret: string;
  readonly child: ChildProcess;
};

/** Installs better-auth at the first run, into a separate project that later runs use again; returns its folder. */
function installPeer(): string {
  const manifest = JSON.stringify({ type: 'module', private: true, dependencies: packages });
  const folder = join(tmpdir(), `manam-bench-better-auth-${sha256(manifest).toString('hex').slice(0, 8)}`);
  if (existsSync(join(folder, 'node_modules/better-auth'))) return folder;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), manifest);
  // The plugin asks for another version of a package that better-auth has.
  const flags = ['--legacy-peer-deps', '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', ['install', ...flags], { cwd: folder, stdio: 'ignore' });
  return folder;
}

/** Starts better-auth on a database; by default with the hash of the service. */
export async function startPeer(
  databaseUrl: string,
  { memoryKiB, passes }: HashProfile = defaultProfile,
): Promise<Peer> {
  const folder = installPeer();
  const program = join(folder, 'peer.mjs');
  copyFileSync(new URL('better-auth-peer.mjs', import.meta.url), program);
  const child = fork(program, [databaseUrl, String(memoryKiB), String(passes)], { silent: true });
  const exited = once(child, 'exit').then(() => {
    throw new Error('better-auth does not start');
  });
  const [ready] = (await Promise.race([once(child, 'message'), exited])) as [Omit<Peer, 'child'>];
  return { ...ready, child };
}

/** Makes the peer's accounts; returns its calls. */
export async function callsOf(peer: Peer, users: number, concurrency: number) {
  const http = createHttpClient(peer.url);
  const headers = { ...json, origin: peer.url };
  const post = (path: string, body: object) => http.succeed('POST', `/api/auth${path}`, headers, body);
  for (let number = 0; number < users; number += 1)
    await post('/sign-up/email', { email: `peer${number}@bench.example`, password, name: 'Leila' });
  const { headers: answered } = await post('/sign-in/email', { email: 'peer0@bench.example', password });
  const session = { authorization: `Bearer ${answered['set-auth-token']}` };
  const forms = createForms(peer.url);
  const basic = authorizationOf(peer);
  const grant = { grant_type: 'client_credentials', scope: 'jobs' };
  const { access_token: token } = await forms.post('/api/auth/oauth2/token', grant, basic);
  http.close();
  forms.close();

  const call = (path: string, rest: Omit<DrivenCall, 'url' | 'callers'>, callers = concurrency) =>
    driving({ url: `${peer.url}/api/auth${path}`, callers, ...rest });
  const posting = (path: string, script: DrivenCall['script'] & {}) =>
    call(path, { method: 'POST', headers, script });
  return {
    read: (callers: number) => call('/get-session', { headers: session }, callers),
    signIn: posting('/sign-in/email', signInBodies(users, 'peer', '@bench.example')),
    signUp: posting('/sign-up/email', signUpBodies(',"name":"Leila"')),
    token: call('/token', { headers: session }),
    introspect: call('/oauth2/introspect', {
      method: 'POST',
      headers: { ...form, authorization: basic },
      body: `token=${token}`,
    }),
  };
}

/** An account of the peer with a passkey; each call of it is a sign-in. */
export async function makePeerCaller(http: HttpClient, url: string, origin: string, caller: number) {
  const authenticator = makeAuthenticator({ origin, isSynced: true });
  const headers = { ...json, origin: url };
  const email = `passkey${caller}@bench.example`;
  const signUp = { email, password, name: 'Leila' };
  const made = await http.succeed('POST', '/api/auth/sign-up/email', headers, signUp);
  const session = { authorization: `Bearer ${made.headers['set-auth-token']}` };
  /** Options, and the cookie that belongs to them. */
  const ask = async (path: string, more = {}) => {
    const answer = await http.succeed('GET', `/api/auth/passkey/${path}`, { ...headers, ...more });
    const cookies = [answer.headers['set-cookie'] ?? []].flat().map((each) => String(each).split(';', 1)[0]);
    return { options: JSON.parse(answer.body) as Options, cookie: cookies.join('; ') };
  };
  const prove = async (path: string, cookie: string, response: object, more = {}) =>
    await http.succeed('POST', `/api/auth/passkey/${path}`, { ...headers, cookie, ...more }, { response });

  const { options, cookie } = await ask('generate-register-options', session);
  await prove('verify-registration', cookie, authenticator.create(options), session);
  return async () => {
    const asked = await ask('generate-authenticate-options');
    await prove('verify-authentication', asked.cookie, authenticator.get(asked.options));
  };
}
