import { beforeAll, expect, test } from 'vitest';
import { password, useTestApp } from '../support/app.ts';
import { pictureFolder, useBrowser } from '../support/browser.ts';
import { changePolicy } from '../support/federation.ts';
import { enrolTotp, signUp } from '../support/journey.ts';
import { button, heading, signIn, type Visitor, visit } from '../support/visitor.ts';

// Devices: one that is spared the second factor, and one that the owner does not know.

const folder = pictureFolder('devices');
const browser = useBrowser();
const app = useTestApp();

beforeAll(() => changePolicy(app(), (policy) => ({ ...policy, rememberDeviceDays: 30 })));

const open = async (who: Visitor) => {
  await who.page.goto(`${app().url}/account/dev/`);
  await heading(who, who.t('signInTitle')).waitFor();
};

for (const viewing of [
  { locale: 'en', width: 1280 },
  { locale: 'fa', width: 390 },
] as const) {
  const name = `${viewing.locale}, ${viewing.width} wide`;

  test(`a remembered device is not asked for a code until its owner removes it, ${name}`, async () => {
    const user = await enrolTotp(app(), await signUp(app()));
    const who = await visit(browser(), app().url, viewing, folder);
    const { page, t } = who;
    await open(who);
    app().advance(60_000);
    await signIn(who, user.email, password);
    await page.getByLabel(t('code'), { exact: true }).fill(user.totp());
    const remember = page.getByRole('checkbox');
    await remember.check();
    await who.look('second-factor');
    await button(who, t('continue')).click();
    await heading(who, t('profile')).waitFor();
    await button(who, t('signOut')).click();
    await signIn(who, user.email, password);
    await heading(who, t('profile')).waitFor();

    await page.getByRole('link', { name: t('security') }).click();
    await heading(who, t('trustedDevices')).waitFor();
    await who.look('trusted-devices');
    await page.locator('.sessions').getByRole('button').first().click();
    // The session stood on that device alone.
    await page.getByText(t('sessionEnded')).waitFor();
    await signIn(who, user.email, password);
    await heading(who, t('secondFactorTitle')).waitFor();
    expect(who.problems).toEqual([]);
    await who.context.close();
  }, 60_000);

  test(`an owner ends a sign-in that was not theirs, ${name}`, async () => {
    const { email } = await signUp(app());
    const thief = await visit(browser(), app().url, viewing, folder);
    await open(thief);
    await signIn(thief, email, password);
    await heading(thief, thief.t('profile')).waitFor();
    await thief.page.getByRole('link', { name: thief.t('sessions') }).click();
    await thief.page.getByText(viewing.locale === 'fa' ? 'Chrome در Linux' : 'Chrome on Linux').waitFor();
    await thief.look('sessions');

    const [notice] = (await app().messagesTo(email)).filter(({ link }) => link.includes('/report?'));
    const { pathname, search } = new URL(notice?.link ?? '');
    const who = await visit(browser(), app().url, viewing, folder);
    await who.page.goto(`${app().url}${pathname}${search}`);
    await heading(who, who.t('reportTitle')).waitFor();
    await who.look('report');
    await button(who, who.t('reportSubmit')).click();
    await who.page.getByText(who.t('reportDone')).waitFor();
    await thief.page.evaluate("dispatchEvent(new Event('focus'))");
    await thief.page.getByText(thief.t('sessionEnded')).waitFor();
    await who.page.goto(`${app().url}${pathname}${search}`);
    await button(who, who.t('reportSubmit')).click();
    await who.page.getByRole('alert').filter({ hasText: /\S/ }).waitFor();
    await who.look('report-refused');
    expect(who.problems).toEqual([]);
    await who.context.close();
    await thief.context.close();
  }, 60_000);
}
