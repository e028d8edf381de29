import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { expect } from 'vitest';
import { en } from '../../src/pages/account/words.en.ts';
import { fa } from '../../src/pages/account/words.fa.ts';
import { en as consoleEn } from '../../src/pages/console/words.en.ts';
import { fa as consoleFa } from '../../src/pages/console/words.fa.ts';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

type Words = Record<keyof typeof en, string>;
type ConsoleWords = Record<keyof typeof consoleEn, string>;

function filled(text: string, values: Record<string, string>): string {
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => `\u2068${values[name] ?? ''}\u2069`);
}

export type Visitor = {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly t: (word: keyof Words, values?: Record<string, string>) => string;
  /** The same of the console. */
  readonly c: (word: keyof ConsoleWords, values?: Record<string, string>) => string;
  readonly problems: string[];
  /** Keeps a picture of the page in both themes, after axe has found nothing serious on it. */
  look(name: string): Promise<void>;
};

export type Viewing = { readonly locale: 'en' | 'fa'; readonly width: number };

/** Opens a browser for someone who visits the pages at an address; pictures go into the folder. */
export async function visit(
  browser: Browser,
  url: string,
  { locale, width }: Viewing,
  folder: string,
): Promise<Visitor> {
  const context = await browser.newContext({
    locale,
    viewport: { width, height: 900 },
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await context.newPage();
  const problems: string[] = [];
  const watch = (each: Page) => {
    each.on('console', (message) => {
      // A refused call is part of the journey; what the policy of the page refuses is not.
      if (message.type() === 'error' && !message.text().includes('the server responded with a status of'))
        problems.push(message.text());
    });
    each.on('pageerror', (error) => problems.push(error.message));
    each.on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol.startsWith('http') && origin !== url) problems.push(`asked ${request.url()}`);
    });
  };
  context.on('page', watch);
  watch(page);
  const words: Words = locale === 'fa' ? fa : en;
  return {
    page,
    context,
    problems,
    t: (word, values = {}) => filled(words[word], values),
    c: (word, values = {}) => filled((locale === 'fa' ? consoleFa : consoleEn)[word], values),
    look: async (name) => {
      await assertAccessible(page, name);
      for (const scheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme: scheme });
        await page.screenshot({ path: `${folder}${name}-${locale}-${width}-${scheme}.png`, fullPage: true });
      }
      await assertAccessible(page, `${name}, dark`);
      await page.emulateMedia({ colorScheme: 'light' });
    },
  };
}

type AxeResult = {
  violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
};

/** Nothing that axe finds, and nothing wider than the window. */
export async function assertAccessible(page: Page, name: string): Promise<void> {
  // Not as a script of the page, which its policy would refuse.
  await page.evaluate(axeSource);
  const { violations } = (await page.evaluate('axe.run()')) as AxeResult;
  const findings = violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join(' | ')}`,
  );
  expect(findings, name).toEqual([]);
  const overflow = await page.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
  expect(overflow, `${name} is wider than the window`).toBeLessThanOrEqual(0);
}

export const button = ({ page }: Visitor, name: string) => page.getByRole('button', { name, exact: true });
export const heading = ({ page }: Visitor, name: string) => page.getByRole('heading', { name, exact: true });

export async function signIn(who: Visitor, identifier: string, password: string): Promise<void> {
  const { page, t } = who;
  await page.getByLabel(t('identifier')).fill(identifier);
  // After a refusal both fields are there already.
  const proceed = button(who, t('continue'));
  if (await proceed.isVisible()) await proceed.click();
  await page.getByLabel(t('password'), { exact: true }).fill(password);
  await button(who, t('signIn')).click();
}
