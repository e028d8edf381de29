import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generateSync } from 'otplib';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { en } from '../../src/pages/account/words.en.ts';
import { fa } from '../../src/pages/account/words.fa.ts';
import { password } from '../support/app.ts';
import { pictureFolder, useBrowser } from '../support/browser.ts';
import { changePolicy, type FederatedApp, makePkce, startFederatedApp } from '../support/federation.ts';
import { enrolTotp, signUp } from '../support/journey.ts';

// The journeys of a person, in a real browser: the page's links, Google's choice of
// accounts, the hosted sign-in of Manam, and back to the tenant's page.

const folder = pictureFolder('manam-login');
const browser = useBrowser();
let app: FederatedApp;
let tenantPage: { url: string; close(): void };

/** The page of a tenant that browsers return to. */
async function startTenantPage() {
  const server = createServer((_, response) =>
    response
      .writeHead(200, { 'content-type': 'text/html' })
      .end('<link rel="icon" href="data:,"><h1>Welcome back</h1>'),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/signed-in`, close: () => void server.close() };
}

beforeAll(async () => {
  [app, tenantPage] = await Promise.all([startFederatedApp(), startTenantPage()]);
  await changePolicy(app.test, (policy) => ({ ...policy, redirectUris: [tenantPage.url] }));
});
afterAll(async () => {
  tenantPage?.close();
  await app?.close();
});

const manamKey = () => ({ apieco_key: app.test.manam.publishable });

async function open(locale: string, width = 1280): Promise<{ page: Page; problems: string[] }> {
  const context = await browser().newContext({ locale, viewport: { width, height: 800 } });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(error.message));
  return { page, problems };
}

async function backAtTenant(page: Page): Promise<URLSearchParams> {
  await page.waitForURL(`${tenantPage.url}?**`);
  return new URL(page.url()).searchParams;
}

function entry(path: string, codeChallenge: string, more: Record<string, string> = {}): string {
  const query = new URLSearchParams({ redirect_uri: tenantPage.url, code_challenge: codeChallenge, ...more });
  return `${app.test.url}${path}?${query}`;
}

test('a person follows the page’s link to Google, chooses an account and is back with a code', async () => {
  const { codeVerifier, codeChallenge } = makePkce();
  const { page } = await open('en');
  await page.goto(entry(`/manam/googlelogin/${app.test.dev.publishable}`, codeChallenge));
  await page.getByRole('link', { name: 'sara.gm@gmail.com' }).click();
  const code = (await backAtTenant(page)).get('code') ?? '';
  const { account } = await app.test.client(AuthService).redeemLoginCode({ code, codeVerifier });
  expect(account?.email).toBe('sara.gm@gmail.com');
  await page.context().close();
}, 60_000);

/** Signs in at the hosted page of Manam. */
async function signInAtManam(page: Page, { t }: Texts, email: string, secret = password): Promise<void> {
  const proceed = page.getByRole('button', { name: t('continue'), exact: true });
  await page.getByLabel(t('identifier')).fill(email);
  if (await proceed.isVisible()) await proceed.click();
  await page.getByLabel(t('password'), { exact: true }).fill(secret);
  await page.keyboard.press('Enter');
}

type Texts = { readonly t: (word: keyof typeof en, tenant?: string) => string };

const textsOf = (locale: 'en' | 'fa'): Texts => {
  const words: Record<keyof typeof en, string> = locale === 'fa' ? fa : en;
  return { t: (word, tenant = '') => words[word].replaceAll(/\{\w+\}/g, `\u2068${tenant}\u2069`) };
};

const begin = (codeChallenge: string) =>
  entry('/manam/manamlogin', codeChallenge, { client: app.test.dev.publishable });

for (const [locale, width] of [
  ['en', 1280],
  ['fa', 390],
] as const) {
  test(`a user of Manam signs in, consents and is back with a code, in ${locale} at ${width} pixels`, async () => {
    const user = await signUp(app.test, manamKey());
    const { codeVerifier, codeChallenge } = makePkce();
    const { page, problems } = await open(locale, width);
    const texts = textsOf(locale);
    const { t } = texts;
    await page.goto(begin(codeChallenge));
    await signInAtManam(page, texts, user.email, 'wrong-password-47');
    await page.getByRole('alert').first().waitFor();
    await signInAtManam(page, texts, user.email);
    const allow = page.getByRole('button', { name: t('consentAllow'), exact: true });
    await allow.waitFor();
    await page.screenshot({ path: `${folder}consent.${locale}.png` });
    await page.getByText(t('manamLoginAsk', 'Dev')).waitFor();
    await page.getByText(`Sara · ${user.email}`).waitFor();
    await allow.click();
    const code = (await backAtTenant(page)).get('code') ?? '';
    const { account } = await app.test.client(AuthService).redeemLoginCode({ code, codeVerifier });
    expect(account?.email).toBe(user.email);
    // The wrong password is the one thing that the browser complained of.
    expect(problems.filter((problem) => !/40[14]/.test(problem))).toEqual([]);

    // The second time no one is asked: the person is still signed in at Manam.
    await page.goto(begin(makePkce().codeChallenge));
    expect((await backAtTenant(page)).get('code')).toMatch(/^[\w-]{64}$/);
    expect((await page.context().storageState()).cookies).toEqual([]);
    await page.context().close();
  }, 120_000);
}

test('the hosted sign-in asks for the second factor, and a refusal goes back without a code', async () => {
  const user = await enrolTotp(app.test, await signUp(app.test, manamKey()));
  app.test.advance(30_000);
  const { page } = await open('en');
  const texts = textsOf('en');
  await page.goto(begin(makePkce().codeChallenge));
  await signInAtManam(page, texts, user.email);
  const code = page.getByLabel(texts.t('code'), { exact: true });
  await code.waitFor();
  const epoch = Math.floor(app.test.now().getTime() / 1000);
  await code.fill(generateSync({ secret: user.secret, epoch }));
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: texts.t('consentRefuse') }).click();
  expect((await backAtTenant(page)).get('error')).toBe('PROVIDER_DENIED');
  await page.context().close();
}, 120_000);

test('a request that is over says what to do next', async () => {
  const user = await signUp(app.test, manamKey());
  const { page } = await open('en');
  await page.goto(`${app.test.url}/account/manam/manam-login?request=${'A'.repeat(86)}`);
  await signInAtManam(page, textsOf('en'), user.email);
  const alert = page.getByRole('alert').filter({ hasText: /egin again|not valid/ });
  await alert.first().waitFor();
  await page.context().close();
}, 120_000);
