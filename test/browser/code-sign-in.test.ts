import type { Locator } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import type { TenantPolicy } from '../../src/domain/policy.ts';
import { freshEmail, startTestApp, type TestApp, useTestApp } from '../support/app.ts';
import { pictureFolder, useBrowser } from '../support/browser.ts';
import { changePolicy } from '../support/federation.ts';
import { freshMobile, signUp } from '../support/journey.ts';
import { button, heading, type Viewing, type Visitor, visit } from '../support/visitor.ts';

const folder = pictureFolder('code');
const browser = useBrowser();
const app = useTestApp();

beforeAll(() =>
  changePolicy(app(), (policy) => ({ ...policy, codeSignIn: { enabled: true, createAccounts: true } })),
);

const newest = async (to: string) => (await app().messagesTo(to))[0];

async function open(viewing: Viewing, { url } = app()): Promise<Visitor> {
  const who = await visit(browser(), url, viewing, folder);
  await who.page.goto(`${url}/account/dev/`);
  await heading(who, who.t('signInTitle')).waitFor();
  return who;
}

/** Asks for a code on the page. */
async function askForCode(who: Visitor, identifier: string): Promise<void> {
  const { page, t } = who;
  await page.getByLabel(t('identifier')).fill(identifier);
  await button(who, t('continue')).click();
  await button(who, t('codeInstead')).click();
  await page.getByLabel(t('code'), { exact: true }).waitFor();
}

/** Types the newest code to an address, once a page asks for one: then its message is there. */
async function typeCode(field: Locator, to: string): Promise<void> {
  await field.waitFor();
  await field.fill((await newest(to))?.code ?? '');
}

/** The link of a mail at the address of the test's server, which is not that of the configuration. */
async function linkTo(email: string): Promise<string> {
  const { pathname, hash } = new URL((await newest(email))?.link ?? '');
  return `${app().url}${pathname}${hash}`;
}

for (const viewing of [
  { locale: 'en', width: 1280 },
  { locale: 'fa', width: 390 },
] as const) {
  const name = `${viewing.locale}, ${viewing.width} wide`;

  test(`a code makes an account, whose owner says the name and sets a password, ${name}`, async () => {
    const who = await open(viewing);
    const { page, t, look } = who;
    const email = freshEmail();
    await page.getByLabel(t('identifier')).fill(email);
    await button(who, t('continue')).click();
    await look('password-step');
    await button(who, t('codeInstead')).click();
    await page.getByLabel(t('code'), { exact: true }).fill('000000');
    await look('type-code');
    await button(who, t('signIn')).click();
    await page.getByRole('alert').filter({ hasText: /\S/ }).waitFor();
    await typeCode(page.getByLabel(t('code'), { exact: true }), email);
    await button(who, t('signIn')).click();
    await heading(who, t('welcome')).waitFor();
    await look('names');
    await page.getByLabel(`${t('firstName')} (${t('optional')})`).fill('Sara');
    await button(who, t('save')).click();
    await heading(who, t('profile')).waitFor();
    expect(await page.getByLabel(t('firstName'), { exact: true }).inputValue()).toBe('Sara');

    // Without a password a code confirms who it is.
    app().advance(301_000);
    await page.getByRole('link', { name: t('security') }).click();
    await heading(who, t('setPassword')).waitFor();
    await look('security-without-password');
    await page.getByLabel(t('newPassword')).fill('canary-orbit-lantern-77');
    await button(who, t('setPassword')).click();
    await heading(who, t('reauthTitle')).waitFor();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: t('reauthCodeSend') }).click();
    await typeCode(dialog.getByLabel(t('code'), { exact: true }), email);
    await look('reauthenticate-by-code');
    await dialog.getByRole('button', { name: t('confirm') }).click();
    await heading(who, t('changePassword')).waitFor();
    await page.getByText(t('passwordChanged')).waitFor();
    expect(who.problems).toEqual([]);
    await who.context.close();
  }, 60_000);

  test(`the link signs in where it was asked for, and shows the code anywhere else, ${name}`, async () => {
    const { email } = await signUp(app());
    const who = await open(viewing);
    await askForCode(who, email);
    const link = await linkTo(email);
    // What reads mails opens its links.
    for (let count = 0; count < 10; count += 1)
      expect((await fetch(link.split('#')[0] ?? '')).status).toBe(200);

    const elsewhere = await visit(browser(), app().url, viewing, folder);
    const asked: string[] = [];
    elsewhere.page.on('request', (request) => asked.push(request.url()));
    await elsewhere.page.goto(link);
    await elsewhere.page.getByText((await newest(email))?.code ?? '', { exact: true }).waitFor();
    await elsewhere.look('code-shown');
    expect(elsewhere.page.url()).not.toContain('token');
    expect(asked.filter((url) => url.includes('manam.v1'))).toEqual([]);
    await elsewhere.context.close();

    const tab = await who.context.newPage();
    await tab.goto(link);
    await tab.getByRole('button', { name: who.t('signIn'), exact: true }).click();
    await tab.getByRole('heading', { name: who.t('profile'), exact: true }).waitFor();
    // The page that waited is signed in as well.
    await heading(who, who.t('profile')).waitFor();
    expect(who.problems).toEqual([]);
    await who.context.close();
  }, 60_000);
}

/** Another instance with a changed policy: instances keep one for seconds. */
async function withPolicy(
  changes: Partial<TenantPolicy>,
  work: (later: TestApp) => Promise<void>,
): Promise<void> {
  let before: TenantPolicy | undefined;
  await changePolicy(app(), (policy) => {
    before = policy;
    return { ...policy, ...changes };
  });
  const later = await startTestApp({ sibling: app() });
  await work(later);
  await later.close();
  await changePolicy(app(), (policy) => before ?? policy);
}

test('a new user accepts the terms of the tenant before going on', async () => {
  await withPolicy({ terms: { url: 'https://tenant.com/terms', version: '2026-11' } }, async (later) => {
    const who = await open({ locale: 'fa', width: 390 }, later);
    const { page, t } = who;
    const email = freshEmail();
    await askForCode(who, email);
    await typeCode(page.getByLabel(t('code'), { exact: true }), email);
    await button(who, t('signIn')).click();
    await button(who, t('later')).click();
    await heading(who, t('termsTitle')).waitFor();
    await who.look('terms');
    await page.reload();
    await button(who, t('termsAccept')).click();
    await heading(who, t('profile')).waitFor();
    await page.reload();
    await heading(who, t('profile')).waitFor();
    expect(who.problems).toEqual([]);
    await who.context.close();
  });
}, 60_000);

test('a tenant that puts codes first asks for no password', async () => {
  await withPolicy({ signInOrder: ['code'] }, async (later) => {
    const who = await open({ locale: 'en', width: 390 }, later);
    const { page, t } = who;
    expect(await page.getByText(t('forgot')).count()).toBe(0);
    const mobile = freshMobile();
    await button(who, t('continue')).click();
    await page.getByText(t('identifierMissing')).waitFor();
    await page.getByLabel(t('identifier')).fill(mobile);
    await button(who, t('continue')).click();
    await typeCode(page.getByLabel(t('code'), { exact: true }), `+98${mobile.slice(1)}`);
    await who.look('code-by-sms');
    await button(who, t('signIn')).click();
    await heading(who, t('welcome')).waitFor();
    await button(who, t('later')).click();
    await heading(who, t('profile')).waitFor();
    expect(who.problems).toEqual([]);
    await who.context.close();
  });
}, 60_000);

test('a page does the work that the service asks for, in a worker', async () => {
  const { email } = await signUp(app());
  await withPolicy({ proofOfWork: 'always' }, async (later) => {
    const who = await open({ locale: 'en', width: 1280 }, later);
    const { page, t } = who;
    const working = page.waitForEvent('worker');
    await askForCode(who, email);
    await working;
    await typeCode(page.getByLabel(t('code'), { exact: true }), email);
    await button(who, t('signIn')).click();
    await heading(who, t('profile')).waitFor();
    expect(who.problems).toEqual([]);
    await who.context.close();
  });
}, 60_000);
