import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';

const packages = ['mariadb-server-core', 'mariadb-client-core'];
/** Skips man pages, whose index takes longer to build than the server to install. */
const aptOptions = [
  '-y',
  '-q',
  '--no-install-recommends',
  '-o',
  'Dpkg::Options::=--path-exclude=/usr/share/man/*',
];
const systemFolders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/opt/homebrew/bin'];

/** Finds a program in the folders where servers and package managers are installed. */
function findProgram(name: string, folders: readonly string[]): string | undefined {
  for (const folder of folders) {
    const candidate = `${folder}/${name}`;
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** Installs packages with apt-get where it is there and we have the right to; returns whether it did. */
export function installPackages(
  names: readonly string[],
  folders: readonly string[] = systemFolders,
): boolean {
  const apt = findProgram('apt-get', folders);
  if (apt === undefined || process.getuid?.() !== 0) return false;
  const run = (...args: string[]) =>
    execFileSync('/usr/bin/env', ['DEBIAN_FRONTEND=noninteractive', apt, ...args], { stdio: 'ignore' });
  try {
    run('update', '-q');
    run('install', ...aptOptions, ...names);
    return true;
  } catch {
    return false;
  }
}

/** The programs of a MariaDB server; installs them with apt-get where it has the right to. */
export function ensureServerPrograms(
  report: (line: string) => void,
  folders: readonly string[] = systemFolders,
): { server: string; installer: string } {
  const find = () => {
    const [server, installer] = [
      findProgram('mariadbd', folders),
      findProgram('mariadb-install-db', folders),
    ];
    // The initialiser calls it, and only the client package brings it.
    const defaults = findProgram('my_print_defaults', folders);
    return server && installer && defaults ? { server, installer } : undefined;
  };
  const present = find();
  if (present !== undefined) return present;

  const advice = `MariaDB is missing: run 'sudo apt-get install --no-install-recommends ${packages.join(' ')}' (or 'brew install mariadb'), or set DATABASE_URL`;
  report('installing MariaDB with apt-get …');
  if (!installPackages(packages, folders)) throw new Error(advice);
  const installed = find();
  if (installed === undefined) throw new Error(advice);
  return installed;
}
