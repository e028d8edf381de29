import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, vi } from 'vitest';
import { password, startTestApp, type TestApp } from './app.ts';
import { pictureFolder, useBrowser } from './browser.ts';
import { freePort } from './federation.ts';
import { button, heading, signIn, type Viewing, type Visitor, visit } from './visitor.ts';

/** A service with a browser, for tests of its console. */
export function useConsole() {
  // Many pictures, and a search for faults on each.
  vi.setConfig({ testTimeout: 240_000 });
  const folder = pictureFolder('console');
  const browser: () => Browser = useBrowser();
  let started: TestApp | undefined;
  beforeAll(async () => {
    const port = await freePort();
    started = await startTestApp({ config: { port, issuer: `http://127.0.0.1:${port}` } });
  });
  afterAll(() => started?.close());
  const app = () => {
    if (started === undefined) throw new Error('the service is not started');
    return started;
  };
  return {
    app,
    /** Opens the console as someone who has signed in. */
    async enter(viewing: Viewing, email: string, path = '/console/'): Promise<Visitor> {
      const who = await visit(browser(), app().url, viewing, folder);
      await who.page.goto(`${app().url}${path}`);
      await signIn(who, email, password);
      return who;
    },
  };
}

export const viewings: readonly Viewing[] = [
  { locale: 'en', width: 1280 },
  { locale: 'fa', width: 390 },
];

/** Goes to a screen by its link, on a phone through the menu. */
export async function goTo(who: Visitor, word: Parameters<Visitor['c']>[0]): Promise<void> {
  const menu = button(who, who.c('menu'));
  if (await menu.isVisible()) await menu.click();
  await who.page
    .getByRole('link', { name: who.c(word), exact: true })
    .first()
    .click();
  await heading(who, who.c(word)).waitFor();
}

/** Waits until a screen has loaded what it shows. */
export const settled = ({ page }: Visitor) =>
  page.locator('.skeleton').first().waitFor({ state: 'detached' });
