import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbeddedServer } from '../../src/store/embedded/server.ts';
import { differences } from './contract-proof.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The URL of the run's database server, with `{database}` for the name of a database. */
    databaseUrl: string;
    /** The file to which apps append the events and the failures of their calls. */
    recordedCalls: string;
  }
}

/** Starts the private database of the run, unless DATABASE_URL points to another server. */
export default async function setup(project: TestProject) {
  const folder = mkdtempSync(join(tmpdir(), 'manam-test-'));
  const recorded = join(folder, 'recorded-calls.txt');
  writeFileSync(recorded, '');
  project.provide('recordedCalls', recorded);
  const stopDatabase = await provideDatabase(project, folder);
  return async () => {
    await stopDatabase();
    const found = (await isWhole(project)) ? differences(recorded) : [];
    rmSync(folder, { recursive: true, force: true });
    if (found.length > 0)
      throw new Error(`the calls of the run and the contract differ:\n${found.join('\n')}`);
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
  const server = await startEmbeddedServer({
    folder,
    volatile: true,
    program: process.env['DATABASE_SERVER'],
  });
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
