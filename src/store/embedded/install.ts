import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { type EngineName, engineOf, type ServerProgram } from './engine.ts';

const packages = ['mariadb-server-core', 'mariadb-client-core'];
/** Skips man pages, whose index takes longer to build than the server to install. */
const aptOptions = [
  '-y',
  '-q',
  '--no-install-recommends',
  '-o',
  'DPkg::Lock::Timeout=120',
  '-o',
  'Dpkg::Options::=--path-exclude=/usr/share/man/*',
];
const systemFolders = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/opt/homebrew/bin',
  '/usr/local/mysql/bin',
];

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
  // One after the other: apt-get gives up where another one reads the lists, and waits only for one that installs.
  const turn = findProgram('flock', folders);
  const inTurn = turn === undefined ? [apt] : [turn, '/var/lib/apt', apt];
  const run = (...args: string[]) =>
    execFileSync('/usr/bin/env', ['DEBIAN_FRONTEND=noninteractive', ...inTurn, ...args], { stdio: 'ignore' });
  try {
    run('update', '-q');
    run('install', ...aptOptions, ...names);
    return true;
  } catch {
    return false;
  }
}

/** The command that installs a server on this system, for a person to run. */
function installAdvice(): string {
  return process.platform === 'darwin'
    ? "'brew install mariadb'"
    : `'sudo apt-get install --no-install-recommends ${packages.join(' ')}' (or the MariaDB or MySQL server package of your system)`;
}

function findPrograms(folders: readonly string[]): ServerProgram[] {
  const [server, installer] = [findProgram('mariadbd', folders), findProgram('mariadb-install-db', folders)];
  // The initialiser calls it, and only the client package brings it.
  const defaults = findProgram('my_print_defaults', folders);
  const mysql = findProgram('mysqld', folders);
  return [
    ...(server && installer && defaults ? [{ engine: 'mariadb' as const, server, installer }] : []),
    ...(mysql && engineOf(mysql) === 'mysql' ? [{ engine: 'mysql' as const, server: mysql }] : []),
  ];
}

export type ProgramOptions = {
  readonly report: (line: string) => void;
  /** A `mariadbd` or `mysqld` to use. Default: one that is found or installed. */
  readonly program?: string | undefined;
  /** The engine whose data there is; undefined: any. */
  readonly engine?: EngineName | undefined;
  readonly folders?: readonly string[];
};

/**
 * The program of the private database: MariaDB, else MySQL 8.4 or newer. Installs MariaDB with apt-get
 * if neither is present and this user may; else throws the command to install one.
 */
export function ensureServerProgram({
  report,
  program,
  engine,
  folders = systemFolders,
}: ProgramOptions): ServerProgram {
  const find = () => {
    const found = program === undefined ? findPrograms(folders) : [given(program)];
    return found.find((each) => engine === undefined || each.engine === engine);
  };
  const present = find();
  if (present !== undefined) return present;
  if (program !== undefined || engine === 'mysql')
    throw new Error(
      `the data folder belongs to ${engine === 'mysql' ? 'MySQL' : 'MariaDB'}: set DATABASE_SERVER to a program of it, or MANAM_DATA to another folder`,
    );

  report('installing MariaDB with apt-get …');
  const installed = installPackages(packages, folders) ? find() : undefined;
  if (installed === undefined)
    throw new Error(`MariaDB or MySQL is missing: run ${installAdvice()}, or set DATABASE_URL`);
  return installed;
}

/** The program that DATABASE_SERVER names. */
function given(server: string): ServerProgram {
  const engine = engineOf(server);
  if (engine === 'mysql') return { engine, server };
  if (engine === undefined)
    throw new Error(`DATABASE_SERVER: ${server} is not a MariaDB server or a MySQL server 8.4 or newer`);
  const folder = dirname(server);
  const installer = findProgram('mariadb-install-db', [folder, join(folder, '../bin')]);
  if (installer === undefined) throw new Error(`DATABASE_SERVER: mariadb-install-db is not near ${server}`);
  return { engine, server, installer };
}
