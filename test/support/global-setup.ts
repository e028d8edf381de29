import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbeddedServer } from '../../src/store/embedded/server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The URL of the run's database server, with `{database}` for the name of a database. */
    databaseUrl: string;
  }
}

/** Starts the private database of the run, unless DATABASE_URL points to another server. */
export default async function setup({ provide }: TestProject) {
  const given = process.env['DATABASE_URL'];
  if (given !== undefined) {
    const url = new URL(given);
    url.pathname = '/{database}';
    provide('databaseUrl', decodeURIComponent(url.href));
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'manam-test-'));
  const server = await startEmbeddedServer({ folder, volatile: true });
  provide('databaseUrl', server.urlOf('{database}'));
  return async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
}
