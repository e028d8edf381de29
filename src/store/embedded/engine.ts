import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export type EngineName = 'mariadb' | 'mysql';

/** A server program: `mariadbd` with its initialiser, or `mysqld`, which initialises itself. */
export type ServerProgram =
  | { readonly engine: 'mariadb'; readonly server: string; readonly installer: string }
  | { readonly engine: 'mysql'; readonly server: string };

/** The oldest MySQL that is supported. */
const oldestMysql = [8, 4] as const;

/** The engine and the version of a program, by its `--version`; undefined: it cannot run or is too old. */
export function engineOf(server: string): EngineName | undefined {
  const line = versionLine(server);
  if (line === undefined) return undefined;
  // Debian's MariaDB brings a `mysqld` that is a link to `mariadbd`.
  if (/mariadb/i.test(line)) return 'mariadb';
  const [major = 0, minor = 0] = (/Ver (\d+)\.(\d+)/.exec(line) ?? []).slice(1).map(Number);
  const [oldest, since] = oldestMysql;
  return major > oldest || (major === oldest && minor >= since) ? 'mysql' : undefined;
}

function versionLine(server: string): string | undefined {
  try {
    return execFileSync(server, ['--no-defaults', '--version'], { encoding: 'utf8', stdio: 'pipe' });
  } catch {
    return undefined;
  }
}

/** The engine whose files a data folder holds; undefined: it holds none. */
export function engineOfData(data: string): EngineName | undefined {
  if (existsSync(join(data, 'mysql.ibd'))) return 'mysql';
  return existsSync(join(data, 'mysql')) ? 'mariadb' : undefined;
}

/** Where a server puts temporary tables, and the options that name its user. */
type Setting = { readonly temporary: string; readonly account: readonly string[] };

/** Makes an empty data folder whose user `root` has no password. */
export function initialise(program: ServerProgram, data: string, { temporary, account }: Setting): void {
  const [command, ...options] =
    program.engine === 'mariadb'
      ? [program.installer, '--auth-root-authentication-method=normal', '--skip-test-db']
      : [program.server, '--initialize-insecure'];
  // The installer of MariaDB splits options that it does not know where they have a space.
  const own = `TMPDIR=${temporary}`;
  const parameters = ['--no-defaults', ...options, `--datadir=${data}`, ...account];
  execFileSync('env', [own, command, ...parameters], { stdio: 'ignore' });
}

/** The options that only one engine has. */
export const engineOptions: Readonly<Record<EngineName, readonly string[]>> = {
  mariadb: [],
  // The X protocol would open a second socket; the binary log serves replicas alone.
  mysql: ['--mysqlx=OFF', '--disable-log-bin', '--secure-file-priv=NULL'],
};

/** The options that give up crash safety for speed. */
export const volatileOptions = ['--innodb-flush-log-at-trx-commit=0', '--innodb-doublewrite=OFF'] as const;
