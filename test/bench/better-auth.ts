import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultProfile, type HashProfile } from '../../src/domain/password.ts';
import { sha256 } from '../../src/domain/token.ts';
import { form, json, password, signInBodies, signUpBodies } from './accounts.ts';
import { authorizationOf, createForms } from './applications.ts';
import { createHttpClient } from './calls.ts';
import { type DrivenCall, driving } from './wrk.ts';

// better-auth, which the scenario `peers` compares the service with: its process, its accounts and its calls.

const packages = {
  'better-auth': '1.7.25',
  '@better-auth/oauth-provider': '1.7.5',
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
