import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createVault, type VaultKey } from '../adapters/vault.ts';
import { type Config, ConfigError } from '../config.ts';
import type { Store } from '../domain/repositories.ts';
import { openDatabase } from '../store/database.ts';
import { runningServerUrl, startEmbeddedServer } from '../store/embedded/server.ts';
import { migrate } from '../store/migrate.ts';
import { createStore } from '../store/store.ts';

/** The name of our database on the private server. */
export const databaseName = 'manam';

/** Writes a line for the person at the terminal. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Writes what went wrong, a line each. */
export function complain(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const lines = error instanceof ConfigError ? message.split('\n') : [message];
  for (const line of lines) process.stderr.write(`manam: ${line}\n`);
}

/** Reads the master key of the data folder, or makes one: in development nobody has to. */
export function developmentMasterKey(folder: string): Buffer {
  const file = join(folder, 'master.key');
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('base64'), { mode: 0o600 });
  return Buffer.from(readFileSync(file, 'utf8'), 'base64');
}

/** A key that opens nothing: commands that read no sealed value need no master key. */
const noKey: VaultKey = { id: '00000000-0000-0000-0000-000000000000', key: Buffer.alloc(32) };

/**
 * Runs a command on the database: the configured one, else the private one, which is
 * started for the command where the service does not run.
 */
export async function withStore<T>(config: Config, work: (store: Store) => Promise<T>): Promise<T> {
  const folder = resolve(config.dataFolder);
  const running = config.databaseUrl ?? runningServerUrl(folder, databaseName);
  const server = running === undefined ? await startEmbeddedServer({ folder }) : undefined;
  try {
    await server?.createDatabase(databaseName);
    const url = running ?? server?.urlOf(databaseName) ?? '';
    await migrate(url);
    const database = openDatabase({ url, connections: 2 });
    return await work(createStore(database, createVault([noKey]))).finally(() => database.close());
  } finally {
    await server?.stop();
  }
}
