import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { installPackages } from '../../src/store/embedded/install.ts';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

function findBrowser(): string | undefined {
  return process.env['CHROMIUM_PATH'] ?? places.find((place) => existsSync(place));
}

/** Starts the machine's own Chromium, installed where we have the right to; CHROMIUM_PATH names another one. */
export async function launchBrowser(): Promise<Browser> {
  if (findBrowser() === undefined) installPackages(['chromium', 'fonts-noto-core']);
  const executablePath = findBrowser();
  if (executablePath === undefined)
    throw new Error(
      'Chromium is missing: apt-get install --no-install-recommends chromium, or set CHROMIUM_PATH',
    );
  return await chromium.launch({ executablePath, args: ['--no-sandbox'] });
}
