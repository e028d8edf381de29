import { type ChildProcess, spawn } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { engineOfData, engineOptions, initialise, volatileOptions } from './engine.ts';
import { ensureServerProgram } from './install.ts';

/** Deadline of a server's start. */
const startDeadlineMs = 60_000;
/** The file that says where the socket is: a short path where the folder lies deep. */
const socketLink = 'socket.path';
/** Longer paths of unix sockets are refused by the kernel. */
const maxSocketPath = 100;

export type EmbeddedServer = {
  /** The URL of a database on this server. */
  urlOf(database: string): string;
  /** Makes a database with the collation that the schema expects. */
  createDatabase(name: string): Promise<void>;
  /** The process of the server, for tests that kill it. */
  readonly process: ChildProcess;
  /** Stops the server; what was committed is on disk. */
  stop(): Promise<void>;
};

export type EmbeddedOptions = {
  /** The folder that keeps the data; made where it does not exist. */
  readonly folder: string;
  /** Gives up crash safety for speed: for tests only. */
  readonly volatile?: boolean;
  /** Size of the server's buffer pool. Default 128 MB. */
  readonly bufferPoolMb?: number;
  /** A `mariadbd` or `mysqld` to use. Default: one that is found or installed. */
  readonly program?: string | undefined;
  /** Further options of the server, such as those of a port. Default: a unix socket only. */
  readonly serverOptions?: readonly string[];
  readonly report?: (line: string) => void;
};

function databaseUrl(socketPath: string, database: string): string {
  return `mysql://root@localhost/${database}?socketPath=${encodeURIComponent(socketPath)}`;
}

/** The URL of a database on the private server that another process runs in the folder; undefined: none runs. */
export function runningServerUrl(folder: string, database: string): string | undefined {
  const pid = readPid(join(folder, 'owner.pid'));
  const socket = join(folder, socketLink);
  return pid !== undefined && isAlive(pid) && existsSync(socket)
    ? databaseUrl(readFileSync(socket, 'utf8'), database)
    : undefined;
}

/** Starts a private MariaDB or MySQL that listens on a unix socket only, with its data in a folder. */
export async function startEmbeddedServer(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const report = options.report ?? (() => {});
  makeWritable(options.folder);
  const release = await takeFolder(options.folder);
  const data = join(options.folder, 'data');
  const engine = engineOfData(data);
  const program = ensureServerProgram({ report, program: options.program, engine });
  const account = process.getuid?.() === 0 ? ['--user=root'] : [];
  // Shared with no other server: at its start each deletes all temporary tables in its folder.
  const temporary = join(options.folder, 'tmp');
  mkdirSync(temporary, { recursive: true });
  if (engine === undefined) {
    report('preparing the database …');
    // Under another name until it is whole: a start that is killed here begins anew.
    const unfinished = join(options.folder, 'data.new');
    for (const folder of [data, unfinished]) rmSync(folder, { recursive: true, force: true });
    initialise(program, unfinished, { temporary, account });
    renameSync(unfinished, data);
  }

  const socket = socketPath(options.folder);
  const log = join(options.folder, 'mariadb.log');
  const child = spawn(
    program.server,
    [
      '--no-defaults',
      `--datadir=${data}`,
      `--socket=${socket.path}`,
      `--pid-file=${join(options.folder, 'mariadb.pid')}`,
      `--log-error=${log}`,
      '--skip-networking',
      '--skip-name-resolve',
      '--character-set-server=utf8mb4',
      '--collation-server=utf8mb4_bin',
      '--max-connections=1000',
      `--innodb-buffer-pool-size=${options.bufferPoolMb ?? 128}M`,
      '--performance-schema=OFF',
      ...engineOptions[program.engine],
      ...(options.volatile ? volatileOptions : []),
      ...(options.serverOptions ?? []),
      // The option takes a list with colons between.
      ...(temporary.includes(':') ? [] : [`--tmpdir=${temporary}`]),
      ...account,
    ],
    // A separate process group: Ctrl-C in the terminal reaches this process, which stops the server last.
    { stdio: 'ignore', detached: true },
  );
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));

  writeFileSync(join(options.folder, socketLink), socket.path);
  const urlOf = (database: string) => databaseUrl(socket.path, database);
  const execute = async (sql: string) => {
    const connection = await createConnection({ uri: urlOf('') });
    try {
      await connection.query(sql);
    } finally {
      await connection.end();
    }
  };
  await untilAnswering(() => execute('SELECT 1'), child, log);

  return {
    urlOf,
    process: child,
    createDatabase: (name) =>
      execute(`CREATE DATABASE IF NOT EXISTS \`${name}\` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`),
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
      socket.remove();
      release();
    },
  };
}

/** Makes the data folder, or says why it cannot be used. */
export function makeWritable(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    throw new Error(
      `the data folder ${folder} cannot be written: give this user the right to, or set MANAM_DATA`,
    );
  }
}

/**
 * Makes sure that one process at a time uses the folder. A database whose owner was
 * killed is stopped first: it recovers from its log like after a power cut.
 */
async function takeFolder(folder: string): Promise<() => void> {
  const owner = join(folder, 'owner.pid');
  const ownerPid = readPid(owner);
  if (ownerPid !== undefined && ownerPid !== process.pid && isAlive(ownerPid)) {
    throw new Error(
      `the data folder ${folder} is in use by process ${ownerPid}: stop that one, or set MANAM_DATA`,
    );
  }
  writeFileSync(owner, String(process.pid));
  const orphan = ownerPid === undefined ? undefined : readPid(join(folder, 'mariadb.pid'));
  if (orphan !== undefined && isAlive(orphan)) {
    process.kill(orphan, 'SIGTERM');
    for (
      const deadline = performance.now() + startDeadlineMs;
      isAlive(orphan) && performance.now() < deadline;
    ) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return () => rmSync(owner, { force: true });
}

function readPid(file: string): number | undefined {
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8').trim()) : Number.NaN;
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A path for the socket that the kernel takes, however deep the data folder lies. */
function socketPath(folder: string): { path: string; remove(): void } {
  const direct = join(folder, 'mariadb.sock');
  if (Buffer.byteLength(direct) <= maxSocketPath)
    return { path: direct, remove: () => rmSync(direct, { force: true }) };
  const short = mkdtempSync(join(tmpdir(), 'manam-'));
  symlinkSync(folder, join(short, 'd'));
  return {
    path: join(short, 'd', 'mariadb.sock'),
    remove: () => rmSync(short, { recursive: true, force: true }),
  };
}

async function untilAnswering(ask: () => Promise<void>, child: ChildProcess, log: string): Promise<void> {
  const deadline = performance.now() + startDeadlineMs;
  for (;;) {
    try {
      return await ask();
    } catch {
      if (child.exitCode !== null || performance.now() > deadline) {
        child.kill('SIGKILL');
        throw new Error(`the private database does not start: ${lastLine(log)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function lastLine(file: string): string {
  const text = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  return text.split('\n').findLast((line) => line.includes('[ERROR]')) ?? `see ${file}`;
}
