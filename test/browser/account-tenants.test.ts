import { generateSync } from 'otplib';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectAdmin, makeTenant } from '../support/admin.ts';
import { freshEmail, startTestApp, type TestApp } from '../support/app.ts';
import { pictureFolder, useBrowser } from '../support/browser.ts';
import { freePort } from '../support/federation.ts';
import { enrolSms, freshMobile, register, signUp } from '../support/journey.ts';
import { button, heading, signIn, type Viewing, visit } from '../support/visitor.ts';

// The tenant's settings of its pages, and the paths beside the usual one.

const folder = pictureFolder('account');
const browser = useBrowser();
const password = 'quiet-orbit-lantern-47';
let app: TestApp;

function logo(): string {
  const image = new PNG({ width: 96, height: 32 });
  image.data.fill(0xb0);
  return `data:image/png;base64,${PNG.sync.write(image).toString('base64')}`;
}

beforeAll(async () => {
  const local = { host: '127.0.0.1', port: 0 };
  // The pages call from the issuer's origin, which every tenant lets in.
  const port = await freePort();
  const config = { admin: local, port, issuer: `http://127.0.0.1:${port}` };
  app = await startTestApp({ config });
  const operator = await connectAdmin(app);
  await makeTenant(operator, 'shop', {
    senders: { default: 'info@shop.example' },
    branding: { color: '#ffd400', logo: logo() },
    requireSecondFactor: true,
    defaultLocale: 'fa',
  });
  for (const [slug, color] of [
    ['snow', '#ffffff'],
    ['coal', '#000000'],
  ] as const)
    await makeTenant(operator, slug, { senders: { default: 'info@shop.example' }, branding: { color } });
});
afterAll(async () => {
  await app?.close();
});

const visitor = (viewing: Viewing) => visit(browser(), app.url, viewing, folder);
const codeFor = async (to: string) => (await app.messagesTo(to))[0]?.code ?? '';

test('a tenant’s name, colour and logo are on its pages, and its text stays readable on the colour', async () => {
  const who = await visitor({ locale: 'en', width: 1280 });
  await who.page.goto(`${app.url}/account/shop/`);
  await heading(who, who.t('signInTitle')).waitFor();
  expect(await who.page.title()).toBe(`${who.t('signInTitle')} · shop`);
  expect(await who.page.evaluate("document.querySelector('header img').naturalWidth")).toBe(96);
  const style = await who.page.evaluate(
    "(({ color, backgroundColor }) => [color, backgroundColor])(getComputedStyle(document.querySelector('button.primary')))",
  );
  expect(style).toEqual(['rgb(0, 0, 0)', 'rgb(255, 212, 0)']);
  await who.look('branded');
  for (const slug of ['snow', 'coal']) {
    await who.page.goto(`${app.url}/account/${slug}/`);
    await heading(who, who.t('signInTitle')).waitFor();
    await who.look(slug);
  }
  expect(who.problems).toEqual([]);
  await who.context.close();
});

test('where a tenant demands a second factor, a first sign-in leads through its setup and then inside', async () => {
  const who = await visitor({ locale: 'en', width: 390 });
  const { page, t } = who;
  const email = freshEmail();
  await page.goto(`${app.url}/account/shop/sign-up`);
  await page.getByLabel(t('identifier')).fill(email);
  await page.getByLabel(t('password'), { exact: true }).fill(password);
  await button(who, t('signUp')).click();
  await heading(who, t('mailSentTitle')).waitFor();
  await page.goto((await app.messagesTo(email))[0]?.link ?? '');
  await button(who, t('confirm')).click();
  await signIn(who, email, password);
  await page.getByText(t('twoFactorRequired', { tenant: 'shop' })).waitFor();
  await who.look('second-factor-demanded');
  await page.getByRole('button', { name: `${t('setUp')} ${t('totp')}` }).click();
  await button(who, t('continue')).click();
  await page.getByLabel(t('proofCode')).waitFor();
  await page.getByLabel(t('proofCode')).fill(await codeFor(email));
  await button(who, t('continue')).click();
  const secret = ((await page.locator('code.secret').textContent()) ?? '').replaceAll(' ', '');
  const code = generateSync({ secret, epoch: Math.floor(app.now().getTime() / 1000) });
  await page.getByLabel(t('scanCode')).fill(code);
  await button(who, t('confirm')).click();
  await button(who, t('kept')).click();
  await heading(who, t('profile')).waitFor();
  await page.getByText(email).waitFor();
  expect(who.problems).toEqual([]);
  await who.context.close();
}, 60_000);

test('a person registers and recovers by mobile, typing Persian digits, at the keyboard alone', async () => {
  const who = await visitor({ locale: 'fa', width: 390 });
  const { page, t } = who;
  /** A new page puts the focus on its title; only then does someone continue from there. */
  const begun = () => page.locator('h1:focus').waitFor();
  const mobile = freshMobile();
  const number = `+98${mobile.slice(1)}`;
  const persian = mobile.replaceAll(/\d/g, (digit) => String.fromCharCode(0x06f0 + Number(digit)));
  await page.goto(`${app.url}/account/dev/sign-up`);
  await begun();
  await page.getByLabel(t('identifier')).focus();
  await page.keyboard.type(persian);
  await page.keyboard.press('Tab');
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
  await page.getByLabel(t('code'), { exact: true }).waitFor();
  await begun();
  await page.getByLabel(t('code'), { exact: true }).focus();
  await page.keyboard.type((await codeFor(number)).toLowerCase());
  await page.keyboard.press('Enter');
  // The page of the sign-up goes on by itself.
  await heading(who, t('profile')).waitFor();
  await button(who, t('signOut')).focus();
  await page.keyboard.press('Enter');
  await heading(who, t('signInTitle')).waitFor();

  await page.getByRole('link', { name: t('forgot') }).focus();
  await page.keyboard.press('Enter');
  await heading(who, t('recoverTitle')).waitFor();
  await begun();
  await page.getByLabel(t('identifier')).focus();
  await page.keyboard.type(persian);
  await page.keyboard.press('Enter');
  await page.getByLabel(t('newPassword')).waitFor();
  await begun();
  await page.getByLabel(t('code'), { exact: true }).focus();
  await page.keyboard.type(await codeFor(number));
  await page.getByLabel(t('newPassword')).focus();
  await page.keyboard.type('other-orbit-lantern-48');
  await who.look('recover-by-sms');
  await page.keyboard.press('Enter');
  await page.getByText(t('recovered')).waitFor();
  await signIn(who, persian, 'other-orbit-lantern-48');
  await heading(who, t('profile')).waitFor();
  expect(who.problems).toEqual([]);
  await who.context.close();
}, 60_000);

test('the step-up dialog sends a code to a user who has SMS alone', async () => {
  const who = await visitor({ locale: 'en', width: 1280 });
  const { page, t } = who;
  const user = await signUp(app);
  const { number } = await enrolSms(app, user);
  await page.goto(`${app.url}/account/dev/`);
  await signIn(who, user.email, password);
  await page.getByLabel(t('code'), { exact: true }).waitFor();
  await page.getByLabel(t('code'), { exact: true }).fill(await codeFor(number));
  await button(who, t('continue')).click();
  await page.getByRole('link', { name: t('security') }).click();
  app.advance(301_000);
  const opener = button(who, t('recoveryNew'));
  await opener.click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: t('useSms') }).click();
  await dialog.getByText(t('codeSent')).waitFor();
  await dialog.getByLabel(t('password'), { exact: true }).fill(password);
  await dialog.getByLabel(`${t('code')} / ${t('recoveryCode')}`).fill(await codeFor(number));
  await dialog.getByRole('button', { name: t('confirm') }).click();
  await page.getByText(t('recoveryTitle')).waitFor();
  // Screen readers continue at the content that replaced the form.
  expect(await page.evaluate('document.activeElement.tagName')).toBe('H3');
  await who.context.close();
}, 60_000);

test('ignores a link of another tenant, and shows a rejected token to paste', async () => {
  const who = await visitor({ locale: 'en', width: 1280 });
  const { page, t } = who;
  const user = await signUp(app);
  await page.goto(`${app.url}/account/dev/`);
  await signIn(who, user.email, password);
  await page.getByRole('link', { name: t('security') }).click();
  await page.getByRole('button', { name: `${t('setUp')} ${t('totp')}` }).click();
  await button(who, t('continue')).click();
  await page.getByText(t('proofSent')).waitFor();
  for (const slug of ['shop', 'dev']) {
    const other = await who.context.newPage();
    await other.goto(`${app.url}/account/${slug}/two-factor?factor=totp&token=nonsense`);
    await other.getByText(t('linkPaste')).waitFor();
    await other.close();
    // Only the same tenant's code reached the page, which shows that it is invalid.
    const alerts = page.getByRole('alert').filter({ hasText: /\S/ });
    if (slug === 'shop') expect(await alerts.count()).toBe(0);
    else await alerts.waitFor();
  }
  await page.getByLabel(t('proofCode')).fill(await codeFor(user.email));
  await button(who, t('continue')).click();
  await page.locator('img.qr').waitFor();
  await page.getByRole('button', { name: t('cancel') }).click();
  await page.getByRole('button', { name: `${t('setUp')} ${t('totp')}` }).waitFor();
  expect(who.problems).toEqual([]);
  await who.context.close();
}, 60_000);

test('an outage does not report a confirmation as used, and a reload keeps it', async () => {
  const who = await visitor({ locale: 'en', width: 1280 });
  const { page, t } = who;
  const email = freshEmail();
  await register(app, email);
  await page.goto((await app.messagesTo(email))[0]?.link ?? '');
  await page.route('**/manam.v1.**', (route) => route.abort());
  await button(who, t('confirm')).click();
  await page.getByText(t('offline')).waitFor();
  expect(await page.getByText(t('confirmFailed')).count()).toBe(0);
  await page.unroute('**/manam.v1.**');
  await page.reload();
  await button(who, t('confirm')).click();
  await page.getByText(t('confirmed')).waitFor();
  await who.context.close();
});

test('the link of a new address, opened on the same device, ends the change in the page that began it', async () => {
  const who = await visitor({ locale: 'en', width: 1280 });
  const { page, t } = who;
  const user = await signUp(app);
  await page.goto(`${app.url}/account/dev/`);
  await signIn(who, user.email, password);
  await page.getByRole('button', { name: `${t('change')} ${t('email')}` }).click();
  const newEmail = freshEmail();
  await page.getByLabel(t('newEmail')).fill(newEmail);
  await button(who, t('continue')).click();
  await page.getByLabel(t('proofCode')).waitFor();
  const link = await who.context.newPage();
  await link.goto((await app.messagesTo(newEmail))[0]?.link ?? '');
  await link.getByText(t('linkOther')).waitFor();
  await page.getByText(newEmail).waitFor();
  expect(who.problems).toEqual([]);
  await who.context.close();
});

test('a birthday can be taken back, and a press on the language keeps the focus', async () => {
  const who = await visitor({ locale: 'en', width: 1280 });
  const { page, t } = who;
  const user = await signUp(app);
  await page.goto(`${app.url}/account/dev/`);
  await signIn(who, user.email, password);
  await page.getByLabel(t('day')).selectOption('5');
  await page.getByLabel(t('month')).selectOption('5');
  await page.getByLabel(t('year')).fill('1990');
  await button(who, t('save')).click();
  await page.getByText(t('saved')).waitFor();
  const hidden = () => page.locator('input[name="birthday"]').inputValue();
  await page.getByLabel(t('calendar')).selectOption('jalali');
  expect(await hidden()).toBe('1990-05-05');
  await page.getByLabel(t('day')).selectOption('1');
  await page.getByLabel(t('day')).selectOption('0');
  expect(await hidden()).toBe('');
  await button(who, t('language')).focus();
  await page.keyboard.press('Enter');
  await page.locator('html[dir="rtl"]').waitFor();
  expect(await page.evaluate('document.activeElement.tagName')).toBe('BUTTON');
  expect(who.problems).toEqual([]);
  await who.context.close();
});

test('the language changes in place, and nothing that was typed is lost', async () => {
  const who = await visitor({ locale: 'en', width: 1280 });
  const { page, t } = who;
  await page.goto(`${app.url}/account/dev/`);
  await page.getByLabel(t('identifier')).fill('sara@example.com');
  await button(who, t('language')).click();
  await page.locator('html[dir="rtl"]').waitFor();
  expect(await page.locator('input[name="identifier"]').inputValue()).toBe('sara@example.com');
  await page.getByRole('button', { name: 'ادامه', exact: true }).click();
  await page.getByRole('button', { name: 'ورود', exact: true }).click();
  // Refused in the language that the page speaks now.
  await page.getByRole('alert').filter({ hasText: /[؀-ۿ]/ }).waitFor();
  await who.context.close();
});

test('reports an outage, and the form can be sent again afterwards', async () => {
  const who = await visitor({ locale: 'en', width: 1280 });
  const { page, t } = who;
  const { email } = await signUp(app);
  await page.goto(`${app.url}/account/dev/`);
  await page.route('**/manam.v1.**', (route) => route.abort());
  await signIn(who, email, password);
  await page.getByText(t('offline')).waitFor();
  await page.unroute('**/manam.v1.**');
  await button(who, t('signIn')).click();
  await heading(who, t('profile')).waitFor();
  await who.context.close();
});

test('the mailbox looks like the other pages and passes the accessibility checks', async () => {
  const who = await visitor({ locale: 'en', width: 1280 });
  await signUp(app);
  await who.page.goto(`${app.url}/dev/messages`);
  await heading(who, 'Mailbox').waitFor();
  await who.look('mailbox');
  expect(who.problems).toEqual([]);
  await who.context.close();
});
