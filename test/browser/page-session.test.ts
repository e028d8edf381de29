import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { pictureFolder, useBrowser } from '../support/browser.ts';
import { failure, failureOf } from '../support/errors.ts';
import { bearer, signUp } from '../support/journey.ts';
import { button, heading, signIn, type Visitor, visit } from '../support/visitor.ts';

// Sessions without cookies: they survive reloads and tabs, and a copy of what they leave opens nothing.

const folder = pictureFolder('session');
const browser = useBrowser();
const app = useTestApp();

async function signedIn(): Promise<{ who: Visitor; user: Awaited<ReturnType<typeof signUp>> }> {
  const user = await signUp(app());
  const who = await visit(browser(), app().url, { locale: 'en', width: 1280 }, folder);
  await who.page.goto(`${app().url}/account/dev/`);
  await signIn(who, user.email, password);
  await heading(who, who.t('profile')).waitFor();
  return { who, user };
}

/** Opens the account in one more tab. */
async function openTab({ context, t }: Visitor): Promise<Page> {
  const tab = await context.newPage();
  await tab.goto(`${app().url}/account/dev/`);
  await tab.getByRole('heading', { name: t('profile'), exact: true }).waitFor();
  return tab;
}

/** What lies in the database of the browser under a name that ends so. */
const stored = (page: Page, end: string) =>
  page.evaluate(`(async () => {
    const database = await new Promise((resolve) => {
      const request = indexedDB.open('manam');
      request.onsuccess = () => resolve(request.result);
    });
    const rows = database.transaction('sessions').objectStore('sessions');
    const answer = (request) => new Promise((resolve) => { request.onsuccess = () => resolve(request.result); });
    const name = (await answer(rows.getAllKeys())).find((each) => each.endsWith('${end}'));
    const value = await answer(rows.get(name));
    if (typeof value === 'string') return value;
    return await crypto.subtle.exportKey('jwk', value.privateKey).then(() => 'exported', (error) => error.name);
  })()`);

test('a session survives a reload and is the same in a second tab, without a cookie', async () => {
  const { who, user } = await signedIn();
  await who.page.reload();
  await heading(who, who.t('profile')).waitFor();
  await openTab(who);
  const { sessions } = await app().client(AuthService, bearer(user.accessToken)).listSessions({});
  expect(sessions).toHaveLength(2);
  const { cookies, origins } = await who.context.storageState();
  expect(cookies).toEqual([]);
  // Who is signed in, for the choice among several accounts, and nothing that signs anyone in.
  const kept = origins.flatMap(({ localStorage }) => localStorage);
  const accounts = [{ name: 'dev', label: expect.stringContaining('@example.com') as string }];
  expect(kept.map(({ name, value }) => [name, JSON.parse(value) as unknown])).toEqual([
    ['manam.accounts.dev', accounts],
  ]);
  expect(who.problems).toEqual([]);
  await who.context.close();
});

test('what lies in the storage opens nothing anywhere else, and the key does not come out', async () => {
  const { who } = await signedIn();
  const refreshToken = String(await stored(who.page, 'token'));
  expect(refreshToken).toMatch(/^[\w-]{60,}$/);
  expect(await failureOf(app().client(AuthService).refreshToken({ refreshToken }))).toEqual(
    failure('Unauthenticated', 'DPOP_PROOF_INVALID'),
  );
  expect(await stored(who.page, 'key')).toBe('InvalidAccessError');
  await who.page.reload();
  await heading(who, who.t('profile')).waitFor();
  await who.context.close();
});

test('tabs renew their session once', async () => {
  const { who } = await signedIn();
  await who.context.clock.install({ time: app().now() });
  await who.page.reload();
  await heading(who, who.t('profile')).waitFor();
  const tabs = [who.page, await openTab(who), await openTab(who)];
  let refreshes = 0;
  for (const tab of tabs)
    tab.on('request', (request) => {
      if (request.url().endsWith('/RefreshToken')) refreshes += 1;
    });
  // All of them ask at the moment at which the token has become old.
  app().advance(580_000);
  await who.context.clock.fastForward(580_000);
  await Promise.all(tabs.map((tab) => tab.getByRole('link', { name: who.t('sessions') }).click()));
  for (const tab of tabs) await tab.locator('.sessions li').first().waitFor();
  expect(refreshes).toBe(1);
  expect(who.problems).toEqual([]);
  await who.context.close();
});

test('signing out in one tab signs out in all', async () => {
  const { who } = await signedIn();
  const tab = await openTab(who);
  await button(who, who.t('signOut')).click();
  await tab.getByText(who.t('sessionEnded')).waitFor();
  await tab.reload();
  await tab.getByRole('heading', { name: who.t('signInTitle'), exact: true }).waitFor();
  await who.context.close();
});

test('a session that was ended elsewhere is noticed when someone comes back to the page', async () => {
  const { who, user } = await signedIn();
  const tab = await openTab(who);
  await app().client(AuthService, bearer(user.accessToken)).revokeOtherSessions({});
  await tab.evaluate("dispatchEvent(new Event('focus'))");
  await tab.getByText(who.t('sessionEnded')).waitFor();
  await who.page.getByText(who.t('sessionEnded')).waitFor();
  await who.context.close();
});

test('another user who signs in in a second tab is the user of both', async () => {
  const { who } = await signedIn();
  const tab = await openTab(who);
  const other = await signUp(app());
  await button(who, who.t('signOut')).click();
  await tab.getByText(who.t('sessionEnded')).waitFor();
  await signIn(who, other.email, password);
  await who.page.getByText(other.email).waitFor();
  await tab.getByText(other.email).waitFor();
  await who.context.close();
});

test('without IndexedDB the session lives in the memory of its page', async () => {
  const user = await signUp(app());
  const who = await visit(browser(), app().url, { locale: 'en', width: 1280 }, folder);
  await who.context.addInitScript('Object.defineProperty(globalThis, "indexedDB", { value: undefined })');
  await who.page.goto(`${app().url}/account/dev/`);
  await signIn(who, user.email, password);
  await heading(who, who.t('profile')).waitFor();
  await who.page.getByRole('link', { name: who.t('sessions') }).click();
  await who.page.locator('.sessions li').first().waitFor();
  await who.page.reload();
  await heading(who, who.t('signInTitle')).waitFor();
  await who.context.close();
});

test('a device whose clock is wrong keeps its session', async () => {
  const user = await signUp(app());
  const who = await visit(browser(), app().url, { locale: 'en', width: 1280 }, folder);
  await who.page.clock.install({ time: Date.now() - 3 * 3_600_000 });
  await who.page.goto(`${app().url}/account/dev/`);
  await signIn(who, user.email, password);
  await heading(who, who.t('profile')).waitFor();
  await who.page.reload();
  await heading(who, who.t('profile')).waitFor();
  await who.context.close();
});

test('a step-up in one tab leaves the others alone', async () => {
  const { who } = await signedIn();
  const tab = await openTab(who);
  await tab.getByLabel(who.t('firstName'), { exact: true }).fill('typed and not saved');
  app().advance(301_000);
  await who.page.getByRole('button', { name: `${who.t('change')} ${who.t('email')}` }).click();
  await who.page.getByLabel(who.t('newEmail')).fill(freshEmail());
  await button(who, who.t('continue')).click();
  const dialog = who.page.getByRole('dialog');
  await dialog.getByLabel(who.t('password'), { exact: true }).fill(password);
  await dialog.getByRole('button', { name: who.t('confirm') }).click();
  await who.page.getByLabel(who.t('proofCode')).waitFor();
  expect(await tab.getByLabel(who.t('firstName'), { exact: true }).inputValue()).toBe('typed and not saved');
  await who.context.close();
});

test('a session that was ended elsewhere ends in all tabs by itself, and a new one is not touched', async () => {
  const { who, user } = await signedIn();
  const tab = await openTab(who);
  await app().client(AuthService, bearer(user.accessToken)).revokeOtherSessions({});
  for (const each of [who.page, tab]) await each.getByText(who.t('sessionEnded')).waitFor();
  await signIn(who, user.email, password);
  await heading(who, who.t('profile')).waitFor();
  await who.page.reload();
  await heading(who, who.t('profile')).waitFor();
  expect(who.problems).toEqual([]);
  await who.context.close();
});
