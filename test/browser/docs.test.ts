import { mkdirSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../screens/browser.ts';
import { startTestApp, type TestApp } from '../support/app.ts';

const folder = new URL('../../screens/docs/', import.meta.url).pathname;
let app: TestApp;
let browser: Browser;

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  [app, browser] = await Promise.all([startTestApp(), launchBrowser()]);
  // The first run on a machine installs the browser.
}, 600_000);
afterAll(async () => {
  await browser?.close();
  await app?.close();
});

test('a newcomer reads the API in his browser, finds a method, and nothing comes from another host', async () => {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 1000 } })).newPage();
  const problems: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => hosts.add(new URL(request.url()).host));

  await page.goto(`${app.url}/docs`);
  await page.getByText('Accounts, sign-in and sessions.').waitFor();
  await page.screenshot({ path: `${folder}overview.png` });
  await page.locator('#operations-AuthService-AuthService_Login').click();
  await page.getByText('CREDENTIALS_INVALID').first().waitFor();
  await page.screenshot({ path: `${folder}login.png`, fullPage: false });

  hosts.delete('');
  expect([...hosts]).toEqual([new URL(app.url).host]);
  expect(problems).toEqual([]);
}, 60_000);
