import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ensureServerProgram, installPackages } from '../../src/store/embedded/install.ts';

/** The engines beside that of the machine, each with its Debian packages and its server program. */
const others = {
  'mysql-9.7': { packages: ['mysql-server-core', 'mysql-client-core'], programs: ['mysqld'] },
  'mariadb-11.8': {
    packages: ['mariadb-server-core', 'mariadb-client-core'],
    programs: ['mariadbd', 'mariadb-install-db'],
  },
} as const;

/** The engine that `npm start` installs on Debian 12. */
const ofMachine = 'mariadb-10.11';

export const engineNames = [ofMachine, ...Object.keys(others)];

/** Writes a line of progress, beside the result on standard output. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

export type Engine = {
  readonly name: string;
  /** The version as its server prints it. */
  readonly version: string;
  /** The path for DATABASE_SERVER. */
  readonly server: string;
};

/**
 * Makes an engine ready. Those beside the machine's own are installed from Debian's `sid` into a folder
 * below the user's cache, once. Throws unless it runs as root on Debian.
 */
export function prepareEngine(name: string): Engine {
  const server = name === ofMachine ? ensureServerProgram({ report: say }).server : serverIn(name);
  const line = execFileSync(server, ['--no-defaults', '--version'], { encoding: 'utf8' });
  const version = /Ver ([\w.-]+)/.exec(line)?.[1] ?? line.trim();
  return { name, version, server };
}

function serverIn(name: string): string {
  const engine = others[name as keyof typeof others];
  if (engine === undefined) throw new Error(`${name} is none of ${engineNames.join(', ')}`);
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'manam', 'databases');
  const [root, bin] = [join(cache, name), join(cache, `${name}.programs`)];
  if (!existsSync(join(bin, engine.programs[0]))) install(name, root, bin, engine);
  return join(bin, engine.programs[0]);
}

function install(
  name: string,
  root: string,
  bin: string,
  { packages, programs }: (typeof others)[keyof typeof others],
): void {
  if (!existsSync('/usr/sbin/debootstrap')) installPackages(['debootstrap']);
  say(`installing ${name} from Debian's sid into ${root} …`);
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  execFileSync(
    '/usr/sbin/debootstrap',
    ['--variant=minbase', `--include=${packages.join(',')}`, 'sid', root, 'http://deb.debian.org/debian'],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  mkdirSync(join(root, 'var/lib/mysql-files'), { recursive: true });
  // The initialiser of MariaDB looks it up.
  writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost\n');
  mkdirSync(bin, { recursive: true });
  for (const program of programs) {
    const path = ['usr/sbin', 'usr/bin']
      .map((folder) => `/${folder}/${program}`)
      .find((each) => existsSync(join(root, each)));
    if (path === undefined) throw new Error(`Debian's packages of ${name} lack ${program}`);
    writeFileSync(join(bin, program), wrapper(root, path), { mode: 0o755 });
  }
}

/**
 * Runs a program of the root. The data folders of tests are below /tmp: the program sees them at the same
 * path, by a mount that ends with its process, so that deleting the cache deletes nothing else.
 */
function wrapper(root: string, program: string): string {
  const inside = 'mount --bind /tmp "$0/tmp" && exec chroot "$0" "$@"';
  return `#!/bin/sh\nexec unshare --mount sh -c '${inside}' '${root}' ${program} "$@"\n`;
}
