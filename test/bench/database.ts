import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { startEmbeddedServer } from '../../src/store/embedded/server.ts';

export type BenchDatabase = {
  /** The URL of the database of that name on the server of the run. */
  urlOf(name: string): Promise<string>;
  /** Number of reading and writing statements that the server has run. */
  statements(): Promise<number>;
  /** The process of the server, which is one of this machine. */
  pid(): Promise<number>;
  stop(): Promise<void>;
};

/** Rows are read from memory, as on a production database. The server allocates the pool as it fills. */
const bufferPoolMb = Math.floor(totalmem() / 2 ** 21);

const counted = ['select', 'insert', 'insert_select', 'update', 'update_multi', 'delete', 'delete_multi'];

/**
 * The server of a run: the one that DATABASE_URL names, whose user may make databases, or
 * a private one that is as safe as that of `npm start`.
 */
export async function openBenchDatabase(databaseUrl: string | undefined): Promise<BenchDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'manam-bench-'));
  const embedded =
    databaseUrl === undefined
      ? await startEmbeddedServer({ folder, bufferPoolMb, program: process.env['DATABASE_SERVER'] })
      : undefined;
  const connection = await createConnection({ uri: embedded?.urlOf('') ?? databaseUrl ?? '' });
  const made = new Set<string>();
  return {
    urlOf: async (name) => {
      const database = `manam_bench_${name}`;
      if (!made.has(database)) {
        await connection.query(`DROP DATABASE IF EXISTS \`${database}\``);
        await connection.query(`CREATE DATABASE \`${database}\` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
        made.add(database);
      }
      if (embedded !== undefined) return embedded.urlOf(database);
      return Object.assign(new URL(databaseUrl ?? ''), { pathname: `/${database}` }).href;
    },
    statements: async () => {
      const [rows] = await connection.query<RowDataPacket[]>("SHOW GLOBAL STATUS LIKE 'Com\\_%'");
      const names = new Set(counted.map((name) => `Com_${name}`));
      return rows
        .filter((row) => names.has(String(row['Variable_name'])))
        .reduce((sum, row) => sum + Number(row['Value']), 0);
    },
    pid: async () => {
      const [rows] = await connection.query<RowDataPacket[]>('SELECT @@pid_file AS file');
      return Number(readFileSync(String(rows[0]?.['file']), 'utf8'));
    },
    stop: async () => {
      for (const database of made) await connection.query(`DROP DATABASE IF EXISTS \`${database}\``);
      await connection.end();
      await embedded?.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
