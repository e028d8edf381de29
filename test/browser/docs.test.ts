import { expect, test } from 'vitest';
import { useTestApp } from '../support/app.ts';
import { pictureFolder, useBrowser } from '../support/browser.ts';
import { assertAccessible } from '../support/visitor.ts';

const folder = pictureFolder('docs');
const browser = useBrowser();
const app = useTestApp();

test('a newcomer reads the API in their browser, finds a method, and nothing comes from another host', async () => {
  const page = await (await browser().newContext({ viewport: { width: 1280, height: 1000 } })).newPage();
  const problems: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => hosts.add(new URL(request.url()).host));

  await page.goto(`${app().url}/docs`);
  await page.getByText('Accounts, sign-in and sessions.').waitFor();
  await page.screenshot({ path: `${folder}overview.png` });
  await page.getByPlaceholder('Name, path or text').fill('/auth/login');
  await page.getByRole('link', { name: 'Login', exact: true }).first().click();
  await page.getByRole('heading', { name: 'Login', exact: true }).waitFor();
  await page.getByText('CREDENTIALS_INVALID').first().waitFor();
  expect(page.url()).toMatch(/#AuthService_Login$/);
  await assertAccessible(page, 'a method of the reference');
  await page.screenshot({ path: `${folder}login.png`, fullPage: true });

  // It is sent as it stands there, and what comes back is shown.
  await page.getByLabel('x-api-key').fill(app().dev.publishable);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('401').first().waitFor();
  await page.getByText('"reason": "CREDENTIALS_INVALID"').waitFor();
  await page.setViewportSize({ width: 390, height: 800 });
  await assertAccessible(page, 'the same on a phone');
  await page.screenshot({ path: `${folder}login-phone.png`, fullPage: true });

  hosts.delete('');
  expect([...hosts]).toEqual([new URL(app().url).host]);
  expect(problems.filter((problem) => !problem.includes('status of 401'))).toEqual([]);
}, 120_000);
