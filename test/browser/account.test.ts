import { readFileSync } from 'node:fs';
import jsQR from 'jsqr';
import { generateSync } from 'otplib';
import type { Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { expect, test } from 'vitest';
import { freshEmail, useTestApp } from '../support/app.ts';
import { pictureFolder, useBrowser } from '../support/browser.ts';
import { freshMobile } from '../support/journey.ts';
import { button, heading, signIn, type Viewing, type Visitor, visit } from '../support/visitor.ts';

// The life of an account as a person sees it, in both languages, on a phone and on a desktop. Every page
// on the way is looked at by axe and kept as a picture.

const folder = pictureFolder('account');
const browser = useBrowser();
const app = useTestApp();
const password = 'canary-orbit-lantern-77';

const visitor = (viewing: Viewing) => visit(browser(), app().url, viewing, folder);

async function newestCode(to: string): Promise<string> {
  const [message] = await app().messagesTo(to);
  return message?.code ?? '';
}

/** Types the newest code to an address, once the page asks for one: then its message is there. */
async function typeCode({ page }: Visitor, label: string, to: string): Promise<void> {
  const field = page.getByLabel(label, { exact: true });
  await field.waitFor();
  await field.fill(await newestCode(to));
}

async function newestLink(to: string): Promise<string> {
  const [message] = await app().messagesTo(to);
  return message?.link ?? '';
}

/** The secret that an authenticator app reads out of the picture on the page. */
async function scanQr(page: Page): Promise<string> {
  const bytes = await page.locator('img.qr').screenshot();
  const { data, width, height } = PNG.sync.read(bytes);
  const found = (
    jsQR as unknown as (data: Uint8ClampedArray, width: number, height: number) => { data: string } | null
  )(new Uint8ClampedArray(data), width, height);
  return new URL(found?.data ?? '').searchParams.get('secret') ?? '';
}

for (const viewing of [
  { locale: 'en', width: 1280 },
  { locale: 'fa', width: 390 },
] as const) {
  test(`a person lives the whole life of an account in ${viewing.locale}, ${viewing.width} wide`, async () => {
    const who = await visitor(viewing);
    const { page, t, look, problems } = who;
    const email = freshEmail();
    await page.goto(`${app().url}/account/dev/`);
    await heading(who, t('signInTitle')).waitFor();
    expect(await page.locator('html').getAttribute('dir')).toBe(viewing.locale === 'fa' ? 'rtl' : 'ltr');
    await look('sign-in');

    // Sign up, with what is wrong said beside its field first.
    await page.getByRole('link', { name: t('signUp') }).click();
    await page.getByLabel(t('identifier')).fill('nobody@');
    await page.getByLabel(t('password'), { exact: true }).fill('short');
    await button(who, t('signUp')).click();
    await page.locator('.mistake').nth(1).waitFor();
    expect(await page.locator('[aria-invalid="true"]').count()).toBe(2);
    await look('sign-up-mistakes');
    await page.getByLabel(t('identifier')).fill(email);
    await page.getByLabel(t('password'), { exact: true }).fill(password);
    await page.getByText(t('strength4')).waitFor();
    await button(who, t('showPassword')).click();
    expect(await page.getByLabel(t('password'), { exact: true }).getAttribute('type')).toBe('text');
    await page.getByLabel(`${t('firstName')} (${t('optional')})`).fill('Sara');
    await look('sign-up');
    await button(who, t('signUp')).click();
    await heading(who, t('mailSentTitle')).waitFor();
    await look('mail-sent');
    await button(who, t('sendAgain')).click();
    await page.getByText(t('sentAgain')).waitFor();

    // Confirm by the link, whose token does not stay in the address.
    await page.goto(await newestLink(email));
    await heading(who, t('confirmTitle')).waitFor();
    expect(page.url()).not.toContain('cnf');
    await look('confirm');
    await button(who, t('confirm')).click();
    await page.getByText(t('confirmed')).waitFor();
    await signIn(who, email, 'wrong-orbit-lantern-77');
    await page.getByRole('alert').filter({ hasText: /\S/ }).waitFor();
    await look('sign-in-refused');
    await signIn(who, email, password);
    await heading(who, t('profile')).waitFor();

    // Profile, with a birthday in the calendar of the language.
    await page.getByLabel(t('lastName'), { exact: true }).fill('Ahmadi');
    await page.getByLabel(t('calendar')).selectOption('jalali');
    await page.getByLabel(t('day')).selectOption('3');
    await page.getByLabel(t('month')).selectOption('1');
    await page.getByLabel(t('year')).fill(viewing.locale === 'fa' ? '۱۳۷۰' : '1370');
    await button(who, t('save')).click();
    await page.getByText(t('saved')).waitFor();
    await look('profile');
    const languageNow = () => page.locator('select[name="locale"]').inputValue();
    expect(await languageNow()).toBe(viewing.locale);
    await page.locator('select[name="locale"]').selectOption('fa');
    // Taking the other calendar takes no birthday away.
    await page.getByLabel(t('calendar')).selectOption('gregorian');
    await button(who, t('save')).click();
    await page.getByText(t('saved')).waitFor();
    await page.getByRole('link', { name: t('sessions') }).click();
    await page.getByRole('link', { name: t('profile') }).click();
    await page.getByLabel(t('year')).waitFor();
    expect(await languageNow()).toBe('fa');
    expect(await page.getByLabel(t('calendar')).inputValue()).toBe('jalali');

    // A mobile number, proved by a code.
    const mobile = freshMobile();
    await page.getByRole('button', { name: t('add') }).click();
    await page.getByLabel(t('newMobile')).fill(mobile);
    await button(who, t('continue')).click();
    await typeCode(who, t('code'), `+98${mobile.slice(1)}`);
    await button(who, t('confirm')).click();
    await page.getByText(t('changed')).waitFor();

    // An authenticator app, whose proof comes over from the link's page by itself.
    await page.getByRole('link', { name: t('security') }).click();
    await heading(who, t('security')).waitFor();
    await look('security');
    await page.getByRole('button', { name: `${t('setUp')} ${t('totp')}` }).click();
    await button(who, t('continue')).click();
    await page.getByText(t('proofSent')).waitFor();
    await look('proof');
    const linkPage = await who.context.newPage();
    await linkPage.goto(await newestLink(email));
    await linkPage.getByText(t('linkOther')).waitFor();
    await linkPage.close();
    await page.locator('img.qr').waitFor();
    await look('totp');
    const secret = await scanQr(page);
    const totp = () => generateSync({ secret, epoch: Math.floor(app().now().getTime() / 1000) });
    await page.getByLabel(t('scanCode')).fill(totp());
    await button(who, t('confirm')).click();
    await page.getByText(t('recoveryTitle')).waitFor();
    const codes = await page.locator('.codes code').allTextContents();
    expect(codes).toHaveLength(10);
    await look('recovery-codes');
    await button(who, t('copy')).click();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(`${codes.join('\n')}\n`);
    const downloading = page.waitForEvent('download');
    await button(who, t('download')).click();
    expect(readFileSync((await (await downloading).path()) ?? '', 'utf8')).toContain(codes[9]);
    await button(who, t('kept')).click();

    // SMS as another factor, with the proof pasted.
    await page.getByRole('button', { name: `${t('setUp')} ${t('sms')}` }).click();
    await button(who, t('continue')).click();
    await typeCode(who, t('proofCode'), email);
    await button(who, t('continue')).click();
    const factorNumber = freshMobile();
    await page.getByLabel(t('mobile')).fill(factorNumber);
    await button(who, t('continue')).click();
    await typeCode(who, t('code'), `+98${factorNumber.slice(1)}`);
    await button(who, t('confirm')).click();
    await page.getByRole('button', { name: `${t('turnOff')} ${t('sms')}` }).waitFor();

    // New recovery codes take a fresh sign-in once that of the start is old.
    app().advance(301_000);
    await button(who, t('recoveryNew')).click();
    await heading(who, t('reauthTitle')).waitFor();
    await look('reauthenticate');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(t('password'), { exact: true }).fill(password);
    await dialog.getByLabel(`${t('code')} / ${t('recoveryCode')}`).fill(totp());
    await dialog.getByRole('button', { name: t('confirm') }).click();
    await page.getByText(t('recoveryTitle')).waitFor();
    const fresh = await page.locator('.codes code').allTextContents();
    await button(who, t('kept')).click();

    // A second sign-in elsewhere, with a recovery code, and its end from here.
    const other = await visitor(viewing);
    await other.page.goto(`${app().url}/account/dev/`);
    await signIn(other, email, password);
    await heading(other, t('secondFactorTitle')).waitFor();
    await other.look('second-factor');
    await button(other, t('useSms')).click();
    await other.page.getByText(t('smsHint', { number: factorNumber.slice(-4) })).waitFor();
    await other.page.getByLabel(t('code'), { exact: true }).fill('000000');
    await button(other, t('continue')).click();
    await other.page.getByRole('alert').filter({ hasText: /\S/ }).first().waitFor();
    await button(other, t('useRecovery')).click();
    await other.page.getByLabel(t('recoveryCode')).fill(fresh[0] ?? '');
    await button(other, t('continue')).click();
    await heading(other, t('profile')).waitFor();
    await page.getByRole('link', { name: t('sessions') }).click();
    const end = page.getByRole('button', { name: t('endSession') }).first();
    await end.waitFor();
    await look('sessions');
    await end.click();
    await page.locator('.sessions li').nth(1).waitFor({ state: 'detached' });
    // The other page learns of it by itself.
    await other.page.getByText(t('sessionEnded')).waitFor();
    expect(other.problems).toEqual([]);
    await other.context.close();

    // Another address: its link opens on a device that is not signed in.
    const newEmail = freshEmail();
    await page.getByRole('link', { name: t('profile') }).click();
    await page.getByRole('button', { name: `${t('change')} ${t('email')}` }).click();
    await page.getByLabel(t('newEmail')).fill(newEmail);
    await button(who, t('continue')).click();
    await page.getByLabel(t('proofCode')).waitFor();
    const elsewhere = await visitor(viewing);
    await elsewhere.page.goto(await newestLink(newEmail));
    await elsewhere.page.getByText(t('linkSignIn')).waitFor();
    await elsewhere.look('email-link');
    await elsewhere.context.close();
    await typeCode(who, t('proofCode'), newEmail);
    await button(who, t('confirm')).click();
    await page.getByText(newEmail).waitFor();

    // Another password, and a forgotten one.
    await page.getByRole('link', { name: t('security') }).click();
    await page.getByLabel(t('currentPassword')).fill(password);
    await page.getByLabel(t('newPassword')).fill('second-orbit-lantern-78');
    await button(who, t('changePassword')).click();
    await page.getByText(t('passwordChanged')).waitFor();
    await button(who, t('signOut')).click();
    await page.getByText(t('signedOut')).waitFor();
    await page.getByRole('link', { name: t('forgot') }).click();
    await heading(who, t('recoverTitle')).waitFor();
    await look('recover');
    await page.getByLabel(t('identifier')).fill(newEmail);
    await button(who, t('recoverSend')).click();
    await heading(who, t('mailSentTitle')).waitFor();
    const recovery = await newestLink(newEmail);
    await page.goto(recovery);
    await page.getByLabel(t('newPassword')).fill('third-orbit-lantern-79');
    await look('new-password');
    await button(who, t('save')).click();
    await page.getByText(t('recovered')).waitFor();
    // The used link still offers a next step.
    await page.goto(recovery);
    await page.getByLabel(t('newPassword')).fill('fourth-orbit-lantern-80');
    await button(who, t('save')).click();
    await page.getByRole('link', { name: t('recoverAgain') }).click();
    await heading(who, t('recoverTitle')).waitFor();

    // Turning a factor off, and the end of the account.
    await page.goto(`${app().url}/account/dev/`);
    app().advance(30_000);
    await signIn(who, newEmail, 'third-orbit-lantern-79');
    await page.getByLabel(t('code'), { exact: true }).fill(totp());
    await button(who, t('continue')).click();
    await page.getByRole('link', { name: t('security') }).click();
    await page.getByRole('button', { name: `${t('turnOff')} ${t('totp')}` }).click();
    app().advance(30_000);
    await page.getByLabel(`${t('code')} / ${t('recoveryCode')}`).fill(totp());
    await button(who, t('turnOff')).click();
    await page.getByRole('button', { name: `${t('setUp')} ${t('totp')}` }).waitFor();
    await page.getByRole('button', { name: t('deleteTitle'), exact: true }).click();
    await page.getByLabel(t('deleteConfirm', { word: t('deleteWord') })).fill('no');
    await button(who, t('deleteNow')).click();
    await page.getByText(t('wrongWord')).waitFor();
    await look('delete');
    await page.getByLabel(t('deleteConfirm', { word: t('deleteWord') })).fill(t('deleteWord'));
    await button(who, t('deleteNow')).click();
    await heading(who, t('deleted')).waitFor();
    await look('deleted');
    expect(problems).toEqual([]);
    await who.context.close();
  }, 240_000);
}
