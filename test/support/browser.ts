import { mkdirSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, vi } from 'vitest';
import { launchBrowser } from '../screens/browser.ts';

/** The first run on a machine installs the browser. */
const installMs = 600_000;

/** Pages take as long as the machine does: the limit is for a test that stands still. */
vi.setConfig({ testTimeout: 120_000 });

/** Starts a browser for the tests of a file, and ends it after them. */
export function useBrowser(): () => Browser {
  let started: Browser | undefined;
  beforeAll(async () => {
    started = await launchBrowser();
  }, installMs);
  afterAll(async () => {
    await started?.close();
  });
  return () => {
    if (started === undefined) throw new Error('the browser is not started');
    return started;
  };
}

/** Makes the folder where the pictures of some pages are kept, and returns its path. */
export function pictureFolder(name: string): string {
  const folder = new URL(`../../screens/${name}/`, import.meta.url).pathname;
  mkdirSync(folder, { recursive: true });
  return folder;
}
