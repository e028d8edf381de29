import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Starts the machine's own Chromium; CHROMIUM_PATH names another one. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM_PATH'] ?? places.find((place) => existsSync(place));
  if (executablePath === undefined)
    throw new Error(
      'Chromium is missing: apt-get install --no-install-recommends chromium, or set CHROMIUM_PATH',
    );
  return await chromium.launch({ executablePath, args: ['--no-sandbox'] });
}
