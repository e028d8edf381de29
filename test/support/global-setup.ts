import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbeddedServer } from '../../src/store/embedded/server.ts';
import { unproven } from './recorded-events.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The URL of the run's database server, with `{database}` for the name of a database. */
    databaseUrl: string;
    /** The file to which apps append the events of their calls. */
    recordedEvents: string;
  }
}

/** Starts the private database of the run, unless DATABASE_URL points to another server. */
export default async function setup(project: TestProject) {
  const folder = mkdtempSync(join(tmpdir(), 'manam-test-'));
  const recorded = join(folder, 'recorded-events.txt');
  writeFileSync(recorded, '');
  project.provide('recordedEvents', recorded);
  const stopDatabase = await provideDatabase(project, folder);
  return async () => {
    await stopDatabase();
    const missing = (await isWhole(project)) ? unproven(recorded) : [];
    rmSync(folder, { recursive: true, force: true });
    if (missing.length > 0)
      throw new Error(`no call of the run recorded these events of docs/events.md: ${missing.join(', ')}`);
  };
}

async function provideDatabase({ provide }: TestProject, folder: string): Promise<() => Promise<void>> {
  const given = process.env['DATABASE_URL'];
  if (given !== undefined) {
    const url = new URL(given);
    url.pathname = '/{database}';
    provide('databaseUrl', decodeURIComponent(url.href));
    return async () => undefined;
  }
  const server = await startEmbeddedServer({ folder, volatile: true });
  provide('databaseUrl', server.urlOf('{database}'));
  return () => server.stop();
}

/** Whether every test file ran: a part of them cannot prove every event. */
async function isWhole(project: TestProject): Promise<boolean> {
  const { testFiles } = await project.globTestFiles();
  return (
    project.vitest.config.testNamePattern === undefined &&
    project.vitest.state.getFiles().length >= testFiles.length
  );
}
