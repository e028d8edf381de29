import type { CDPSession } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshEmail, password, startTestApp, type TestApp } from '../support/app.ts';
import { pictureFolder, useBrowser } from '../support/browser.ts';
import { changePolicy, freePort } from '../support/federation.ts';
import { enrolTotp, signUp } from '../support/journey.ts';
import { button, heading, signIn, type Visitor, visit } from '../support/visitor.ts';

// Passkeys from the first offer to the removal of the last, with Chromium's virtual authenticator.

const folder = pictureFolder('passkeys');
const browser = useBrowser();
let app: TestApp;
let origin: string;

beforeAll(async () => {
  const port = await freePort();
  // An address is no relying party.
  origin = `http://localhost:${port}`;
  app = await startTestApp({ config: { port, issuer: origin } });
  await changePolicy(app, (policy) => ({
    ...policy,
    factorResetHours: 72,
    codeSignIn: { enabled: true, createAccounts: true },
    passkeys: { ...policy.passkeys, mode: 'preferred', passwordless: 'user' },
  }));
});
afterAll(() => app.close());

/** Gives a visitor's browser an authenticator; returns what turns the presence of its user on and off. */
async function holdAuthenticator(who: Visitor): Promise<(isPresent: boolean) => Promise<void>> {
  const cdp: CDPSession = await who.context.newCDPSession(who.page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      ctap2Version: 'ctap2_1',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return async (enabled) => {
    await cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled });
  };
}

const open = async (who: Visitor) => {
  await who.page.goto(`${origin}/account/dev/`);
  await heading(who, who.t('signInTitle')).waitFor();
};
const inside = (who: Visitor) => heading(who, who.t('profile')).waitFor();

for (const viewing of [
  { locale: 'en', width: 1280 },
  { locale: 'fa', width: 390 },
  { locale: 'en', width: 390 },
] as const) {
  const name = `${viewing.locale}, ${viewing.width} wide`;

  test(`a person makes a passkey, lives without a password, and comes back, ${name}`, async () => {
    const { email } = await signUp(app);
    const who = await visit(browser(), origin, viewing, folder);
    const { page, t } = who;
    const setPresent = await holdAuthenticator(who);
    await open(who);
    await who.look('sign-in');
    await signIn(who, email, password);
    await heading(who, t('passkeyOfferTitle')).waitFor();
    await who.look('offer');
    await button(who, t('passkeyAdd')).click();
    await page.getByText(t('recoveryTitle')).waitFor();
    await button(who, t('kept')).click();
    await inside(who);

    await page.getByRole('link', { name: t('security') }).click();
    await page.getByText(t('passkeyBound')).waitFor();
    await page.getByRole('button', { name: t('rename') }).click();
    await page.getByLabel(t('passkeyName')).fill('Blue phone');
    await page
      .locator('.sessions')
      .getByRole('button', { name: t('save') })
      .click();
    await page.getByText('Blue phone').first().waitFor();
    await who.look('passkeys');
    await button(who, t('passwordOff')).click();
    await page.getByText(t('passwordIsOff')).waitFor();
    // It is the last way in.
    await page
      .locator('.sessions')
      .getByRole('button', { name: t('remove') })
      .click();
    await page.locator('.sessions').getByRole('alert').filter({ hasText: /\S/ }).waitFor();
    await who.look('last-passkey');
    await setPresent(false);
    await button(who, t('signOut')).click();

    await heading(who, t('signInTitle')).waitFor();
    await setPresent(true);
    await button(who, t('passkeyUse'))
      .click()
      // The autofill may have been faster.
      .catch(() => {});
    await inside(who);
    expect(who.problems).toEqual([]);
    await who.context.close();
  }, 90_000);

  test(`a person declines for good, adds a passkey later, and removes it, ${name}`, async () => {
    const { email } = await signUp(app);
    const who = await visit(browser(), origin, viewing, folder);
    const { page, t } = who;
    await holdAuthenticator(who);
    await open(who);
    await signIn(who, email, password);
    await button(who, t('passkeyNever')).click();
    await inside(who);
    await button(who, t('signOut')).click();
    await signIn(who, email, password);
    await inside(who);
    await page.getByRole('link', { name: t('security') }).click();
    await button(who, t('passkeyAdd')).click();
    await page.getByText(t('recoveryTitle')).waitFor();
    await button(who, t('kept')).click();
    await page.getByText(t('passkeyBound')).waitFor();
    // A device has one passkey for an account.
    await button(who, t('passkeyAdd')).click();
    await page.getByText(t('passkeyHeld')).waitFor();
    await page
      .locator('.sessions')
      .getByRole('button', { name: t('remove') })
      .click();
    await page.getByText(t('passkeyBound')).waitFor({ state: 'detached' });
    expect(who.problems).toEqual([]);
    await who.context.close();
  }, 90_000);
}

for (const viewing of [
  { locale: 'en', width: 1280 },
  { locale: 'fa', width: 390 },
] as const) {
  const name = `${viewing.locale}, ${viewing.width} wide`;

  test(`a passkey is the second step and renews a session, ${name}`, async () => {
    const user = await enrolTotp(app, await signUp(app));
    const who = await visit(browser(), origin, viewing, folder);
    const { page, t } = who;
    const setPresent = await holdAuthenticator(who);
    await open(who);
    app.advance(60_000);
    await signIn(who, user.email, password);
    await page.getByLabel(t('code'), { exact: true }).fill(user.totp());
    await button(who, t('continue')).click();
    await inside(who);
    await page.getByRole('link', { name: t('security') }).click();
    await button(who, t('passkeyAdd')).click();
    await page.getByText(t('passkeyBound')).waitFor();
    // Else the autofill of the form would be faster.
    await setPresent(false);
    await button(who, t('signOut')).click();
    await signIn(who, user.email, password);
    await heading(who, t('secondFactorTitle')).waitFor();
    await setPresent(true);
    await who.look('second-step');
    await button(who, t('passkeyUse')).click();
    await inside(who);
    await page.getByRole('link', { name: t('security') }).click();
    app.advance(6 * 60_000);
    await page
      .locator('.sessions')
      .getByRole('button', { name: t('remove') })
      .click();
    await heading(who, t('reauthTitle')).waitFor();
    await who.look('step-up');
    await page
      .getByRole('dialog')
      .getByRole('button', { name: t('passkeyUse') })
      .click();
    await page.getByText(t('passkeyBound')).waitFor({ state: 'detached' });
    expect(who.problems).toEqual([]);
    await who.context.close();
  }, 90_000);

  test(`someone who lost every second step asks for a reset, and the owner stops it, ${name}`, async () => {
    const user = await enrolTotp(app, await signUp(app));
    const who = await visit(browser(), origin, viewing, folder);
    const { page, t } = who;
    await open(who);
    await signIn(who, user.email, password);
    await button(who, t('useRecovery')).click();
    await button(who, t('resetAsk')).click();
    await page.getByText(t('resetWaits').split('\u2068')[0] ?? '').waitFor();
    await who.look('reset-waits');
    const [notice] = (await app.messagesTo(user.email)).filter(({ link }) => link.includes('/cancel-reset?'));
    const { pathname, search } = new URL(notice?.link ?? '');
    await page.goto(`${origin}${pathname}${search}`);
    await heading(who, t('reportTitle')).waitFor();
    await who.look('reset-stop');
    await button(who, t('resetStop')).click();
    await page.getByText(t('resetStopped')).waitFor();
    expect(who.problems).toEqual([]);
    await who.context.close();
  }, 90_000);
}

test('a new account begins with a passkey as its only authenticator', async () => {
  const email = freshEmail();
  const who = await visit(browser(), origin, { locale: 'en', width: 1280 }, folder);
  const { page, t } = who;
  await holdAuthenticator(who);
  await open(who);
  await page.getByLabel(t('identifier')).fill(email);
  await button(who, t('continue')).click();
  await button(who, t('codeInstead')).click();
  await page.getByLabel(t('code'), { exact: true }).waitFor();
  const [message] = await app.messagesTo(email);
  await page.getByLabel(t('code'), { exact: true }).fill(message?.code ?? '');
  await button(who, t('signIn')).click();
  await button(who, t('later')).click();
  await heading(who, t('passkeyOfferTitle')).waitFor();
  await button(who, t('passkeyAdd')).click();
  await button(who, t('kept')).click();
  await inside(who);
  await page.getByRole('link', { name: t('security') }).click();
  await heading(who, t('setPassword')).waitFor();
  await page.getByText(t('passkeyBound')).waitFor();
  expect(who.problems).toEqual([]);
  await who.context.close();
}, 60_000);

test('a passkey of the autofill signs in without a press of the button', async () => {
  const { email } = await signUp(app);
  const who = await visit(browser(), origin, { locale: 'en', width: 1280 }, folder);
  const { page, t } = who;
  const setPresent = await holdAuthenticator(who);
  await open(who);
  await signIn(who, email, password);
  await button(who, t('passkeyAdd')).click();
  await button(who, t('kept')).click();
  await inside(who);
  await setPresent(false);
  await button(who, t('signOut')).click();
  await heading(who, t('signInTitle')).waitFor();
  await setPresent(true);
  await page.reload();
  await inside(who);
  expect(who.problems).toEqual([]);
  await who.context.close();
}, 60_000);

test('a passkey sign-in honours "Stay signed in"', async () => {
  const { email, userId } = await signUp(app);
  const who = await visit(browser(), origin, { locale: 'en', width: 1280 }, folder);
  const { page, t } = who;
  const setPresent = await holdAuthenticator(who);
  const isRemembered = async () => {
    const [row] = await app.sql(
      "SELECT remember FROM sessions WHERE user_id = UNHEX(REPLACE(?, '-', '')) ORDER BY id DESC LIMIT 1",
      [userId],
    );
    return Number(row?.['remember']) === 1;
  };
  await open(who);
  await signIn(who, email, password);
  await button(who, t('passkeyAdd')).click();
  await button(who, t('kept')).click();
  await inside(who);
  expect(await isRemembered()).toBe(false);
  await setPresent(false);
  await button(who, t('signOut')).click();
  await heading(who, t('signInTitle')).waitFor();
  await page.getByLabel(t('remember')).check();
  await who.look('remember');
  await setPresent(true);
  await button(who, t('passkeyUse'))
    .click()
    // The autofill may have been faster.
    .catch(() => {});
  await inside(who);
  expect(await isRemembered()).toBe(true);
  expect(who.problems).toEqual([]);
  await who.context.close();
}, 60_000);
