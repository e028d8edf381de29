import { expect, test } from 'vitest';
import { useTestApp } from '../support/app.ts';
import { pictureFolder, useBrowser } from '../support/browser.ts';

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
  // The viewer draws a long list as one scrolls.
  const login = page.locator('#operations-AuthService-AuthService_Login');
  await expect
    .poll(
      async () => {
        await page.mouse.wheel(0, 600);
        return await login.count();
      },
      { timeout: 30_000 },
    )
    .toBe(1);
  await login.click();
  await page.getByText('CREDENTIALS_INVALID').first().waitFor();
  await page.screenshot({ path: `${folder}login.png`, fullPage: false });

  hosts.delete('');
  expect([...hosts]).toEqual([new URL(app().url).host]);
  expect(problems).toEqual([]);
}, 60_000);
