// A registry mirror that holds only this platform's binaries makes npm write a lockfile
// that `npm ci` then refuses: the optional packages of other platforms are missing from
// it. This adds them by name, version and platform; run it after `npm install`.
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8'));
const platforms = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'wasi', 'wasm32', 'win32'];
const architectures = ['arm64', 'arm', 'armv7', 'ia32', 'loong64', 'ppc64', 'ppc64le', 'riscv64', 's390x', 'wasm32', 'x64'];

for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (lock.packages[`node_modules/${name}`] !== undefined || lock.packages[`${path}/node_modules/${name}`] !== undefined) continue;
    const words = name.split(/[-/]/);
    const os = words.find((word) => platforms.includes(word));
    const cpu = words.find((word) => architectures.includes(word))?.replace('armv7', 'arm');
    if (os === undefined && cpu === undefined) throw new Error(`${name}: which platform is it for?`);
    lock.packages[`node_modules/${name}`] = {
      version: version.replace(/^[\^~]/, ''),
      ...(cpu ? { cpu: [cpu] } : {}),
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
      ...(os && os !== 'wasm32' && os !== 'wasi' ? { os: [os] } : {}),
    };
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`);
