import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

// Stand-ins for the images that the Dockerfile begins with, where no image can be pulled: Debian by debootstrap with this Node and
// npm, and of it what the image of distroless for programs in C++ has.

const storage = ['--storage-driver', 'vfs'];

/** Calls buildah; returns what it prints. */
export function buildah(command: string, ...args: string[]): string {
  return execFileSync('buildah', [...storage, command, ...args], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
}

function imageOf(name: string, folder: string, env: Readonly<Record<string, string>> = {}): string {
  const container = buildah('from', 'scratch');
  buildah('add', '--quiet', container, folder, '/');
  for (const [key, value] of Object.entries(env)) buildah('config', '--env', `${key}=${value}`, container);
  buildah('commit', '--quiet', '--rm', container, name);
  return `localhost/${name}`;
}

const certificates = '/etc/ssl/certs/ca-certificates.crt';

/** Makes both images; returns their names. */
export function makeBases(): { readonly node: string; readonly runtime: string } {
  const debian = mkdtempSync(join(tmpdir(), 'manam-debian-'));
  execFileSync('debootstrap', [
    '--variant=minbase',
    '--include=ca-certificates,libatomic1',
    'bookworm',
    debian,
  ]);
  const runtime = makeRuntime(debian);
  cpSync(certificates, join(debian, certificates));
  cpSync(realpathSync(process.execPath), join(debian, 'usr/local/bin/node'));
  const npm = dirname(dirname(realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim())));
  cpSync(npm, join(debian, 'usr/local/lib/npm'), { recursive: true });
  for (const name of ['npm', 'npx'])
    symlinkSync(`../lib/npm/bin/${name}-cli.js`, join(debian, 'usr/local/bin', name));
  const node = imageOf('manam-test-node', debian, {
    NODE_EXTRA_CA_CERTS: certificates,
    npm_config_cafile: certificates,
  });
  const slim = imageOf('manam-test-runtime', runtime);
  for (const folder of [debian, runtime]) rmSync(folder, { recursive: true });
  return { node, runtime: slim };
}

/** The libraries of C and C++, certificates and users, and nothing that could be started. */
function makeRuntime(debian: string): string {
  const runtime = mkdtempSync(join(tmpdir(), 'manam-runtime-'));
  const libraries = 'usr/lib/x86_64-linux-gnu';
  const copy = (from: string, to: string) => {
    mkdirSync(dirname(join(runtime, to)), { recursive: true });
    copyFileSync(join(debian, from), join(runtime, to));
  };
  for (const name of [
    'c.so.6',
    'm.so.6',
    'dl.so.2',
    'pthread.so.0',
    'rt.so.1',
    'resolv.so.2',
    'stdc++.so.6',
    'gcc_s.so.1',
  ])
    copy(`${libraries}/lib${name}`, `lib/x86_64-linux-gnu/lib${name}`);
  copy(`${libraries}/ld-linux-x86-64.so.2`, 'lib64/ld-linux-x86-64.so.2');
  for (const path of ['etc/passwd', 'etc/group', certificates.slice(1)]) copy(path, path);
  for (const path of ['tmp', 'proc', 'dev']) mkdirSync(join(runtime, path));
  return runtime;
}
