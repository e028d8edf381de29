import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { password, useTestApp } from '../support/app.ts';
import { pictureFolder, useBrowser } from '../support/browser.ts';
import { failureOf } from '../support/errors.ts';
import { signUp } from '../support/journey.ts';
import { button, heading, signIn, visit } from '../support/visitor.ts';

// What a user reads of their own account.

const folder = pictureFolder('activity');
const browser = useBrowser();
const app = useTestApp();

for (const viewing of [
  { locale: 'en', width: 1280 },
  { locale: 'fa', width: 390 },
] as const)
  test(`a user reads what happened to the account, ${viewing.locale}, ${viewing.width} wide`, async () => {
    const { email } = await signUp(app());
    for (let index = 0; index < 20; index += 1)
      await failureOf(
        app()
          .client(AuthService)
          .login({ email, password: `not the password ${index}` }),
      );
    app().advance(3_600_000);
    const who = await visit(browser(), app().url, viewing, folder);
    const { page, t } = who;
    await page.goto(`${app().url}/account/dev/`);
    await signIn(who, email, password);
    await heading(who, t('profile')).waitFor();
    await page.getByRole('link', { name: t('activity'), exact: true }).click();
    await heading(who, t('activity')).waitFor();
    const items = page.locator('.sessions li');
    await items.first().waitFor();
    expect(await items.count()).toBe(20);
    await page.getByText(t('sessionCurrent')).waitFor();
    expect(await page.locator('.failed').count()).toBeGreaterThan(5);
    await who.look('activity');
    await button(who, t('activityMore')).click();
    await items.nth(21).waitFor();
    expect(who.problems).toEqual([]);
    await who.context.close();
  }, 60_000);
