import { beforeAll, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { pictureFolder, useBrowser } from '../support/browser.ts';
import { signUpByCode } from '../support/codes.ts';
import { changePolicy } from '../support/federation.ts';
import { bearer, freshMobile, moveTo, signUp } from '../support/journey.ts';
import { button, heading, signIn, visit } from '../support/visitor.ts';

// The pages that keep an intruder out: removing an address, recovering without what was added
// lately, and a sign-in with a provider that returned without success.

const folder = pictureFolder('account');
const browser = useBrowser();
const app = useTestApp();
beforeAll(() =>
  changePolicy(app(), (policy) => ({
    ...policy,
    factorResetHours: 48,
    codeSignIn: { enabled: true, createAccounts: true },
  })),
);

const newest = async (to: string) => (await app().messagesTo(to))[0];

async function signUpWithMobile() {
  const user = await signUp(app());
  const mobile = freshMobile();
  const profile = app().client(ProfileService, bearer(user.accessToken));
  await profile.startMobileChange({ mobile });
  await profile.confirmMobileChange({ code: (await newest(`+98${mobile.slice(1)}`))?.code ?? '' });
  return { ...user, mobile };
}

for (const viewing of [
  { locale: 'en', width: 1280 },
  { locale: 'fa', width: 390 },
  { locale: 'en', width: 390 },
] as const) {
  const name = `in ${viewing.locale}, ${viewing.width} wide`;

  test(`a sign-in that a provider ended says why, ${name}`, async () => {
    const who = await visit(browser(), app().url, viewing, folder);
    const { page, t } = who;
    for (const [reason, word] of [
      ['PROVIDER_DENIED', 'signInDenied'],
      ['LOCAL_LOGIN_REQUIRED', 'signInLocal'],
      ['REGISTRATION_REQUIRED', 'signInRegister'],
      ['<script>alert(1)</script>', 'signInFailed'],
    ] as const) {
      await page.goto(`${app().url}/account/dev/?error=${encodeURIComponent(reason)}`);
      await page.getByText(t(word)).waitFor();
    }
    await who.look('sign-in-failed');
    expect(who.problems).toEqual([]);
  });

  test(`an owner freezes the account after a change that was not theirs, and undoes it, ${name}`, async () => {
    const user = await signUp(app());
    const intruder = app().client(RecoveryService, bearer(user.accessToken));
    await intruder.changePassword({ currentPassword: password, password: 'an-intruders-orbit-47' });
    const { pathname, search } = new URL((await newest(user.email))?.link ?? '');
    const who = await visit(browser(), app().url, viewing, folder);
    const { page, t } = who;
    await page.goto(`${app().url}${pathname}${search}`);
    await heading(who, t('undoTitle')).waitFor();
    await who.look('undo');
    await button(who, t('undoFreeze')).click();
    await page.getByText(t('undoFrozen')).waitFor();
    await button(who, t('undoByCode')).click();
    await page.getByLabel(t('code'), { exact: true }).waitFor();
    await button(who, t('undoByPassword')).click();
    await page.getByLabel(t('undoPassword'), { exact: true }).fill('not-the-old-orbit-46');
    await button(who, t('undoSubmit')).click();
    await page.getByText(t('undoWrong')).waitFor();
    await who.look('undo-frozen');
    await page.getByLabel(t('undoPassword'), { exact: true }).fill(password);
    await button(who, t('undoSubmit')).click();
    await page.getByText(t('undoDone')).waitFor();
    await page.getByRole('link', { name: t('signIn') }).click();
    await signIn(who, user.email, password);
    await heading(who, t('profile')).waitFor();
    expect(who.problems).toEqual([]);
    await who.context.close();
  });

  test(`an owner whose account had no password waits, and whoever has it is asked, ${name}`, async () => {
    const user = await signUpByCode(app());
    const theirs = freshEmail();
    await moveTo(app(), user, theirs);
    const who = await visit(browser(), app().url, viewing, folder);
    const { page, t } = who;
    const open = async (to: string, part: string) => {
      const found = (await app().messagesTo(to)).find(({ link }) => link.includes(`/undo?${part}`));
      const { pathname, search } = new URL(found?.link ?? '');
      await page.goto(`${app().url}${pathname}${search}`);
    };
    await open(user.email, 'token=');
    await button(who, t('undoFreeze')).click();
    await button(who, t('undoNeither')).click();
    const waits = t('undoWaits', { date: '|' }).split('|')[0] ?? '';
    await page.getByText(waits).waitFor();
    await who.look('undo-waits');
    await open(user.email, 'step=restore');
    await button(who, t('undoSubmit')).click();
    // A wait of days is told by its end.
    await page
      .getByRole('alert')
      .filter({ hasText: /20\d\d|[۰-۹]{4}/ })
      .waitFor();
    await who.look('undo-too-early');
    await open(theirs, 'step=reject');
    await heading(who, t('undoRejectTitle')).waitFor();
    await who.look('undo-reject');
    await button(who, t('undoReject')).click();
    await page.getByText(t('undoRejected')).waitFor();
    expect(who.problems).toEqual([]);
    await who.context.close();
  });

  test(`a session tells of an undo that waits, and ends it, ${name}`, async () => {
    const user = await signUpByCode(app());
    const own = freshEmail();
    await moveTo(app(), user, own);
    const recovery = app().client(RecoveryService);
    const notice = (await app().messagesTo(user.email)).find(({ link }) => link.includes('/undo?'));
    await recovery.startUndo({ token: notice?.code ?? '' });
    const who = await visit(browser(), app().url, viewing, folder);
    const { page, t } = who;
    await page.goto(`${app().url}/account/dev/`);
    await page.getByLabel(t('identifier')).fill(own);
    await button(who, t('continue')).click();
    await button(who, t('codeInstead')).click();
    const field = page.getByLabel(t('code'), { exact: true });
    await field.waitFor();
    await field.fill((await newest(own))?.code ?? '');
    await button(who, t('signIn')).click();
    await heading(who, t('profile')).waitFor();
    await page.getByRole('link', { name: t('security') }).click();
    await button(who, t('undoReject')).waitFor();
    await who.look('undo-known');
    await button(who, t('undoReject')).click();
    await button(who, t('undoReject')).waitFor({ state: 'detached' });
    expect(who.problems).toEqual([]);
    await who.context.close();
  });

  test(`a user removes a number, and is asked once more, ${name}`, async () => {
    const user = await signUpWithMobile();
    const who = await visit(browser(), app().url, viewing, folder);
    const { page, t } = who;
    await page.goto(`${app().url}/account/dev/`);
    await signIn(who, user.email, password);
    await heading(who, t('profile')).waitFor();
    await page
      .getByRole('button', { name: t('remove') })
      .nth(1)
      .click();
    await page.getByText(t('removeAsk')).waitFor();
    await who.look('remove-mobile');
    await page
      .locator('form')
      .filter({ hasText: t('removeAsk') })
      .locator('button[type="submit"]')
      .click();
    await page.getByText(t('removed')).waitFor();
    await expect(app().client(AuthService).login({ mobile: user.mobile, password })).rejects.toThrowError();
    expect(who.problems).toEqual([]);
  });

  for (const isKept of [true, false]) {
    test(`a recovery ${isKept ? 'keeps what its owner added' : 'takes what was added lately away'}, ${name}`, async () => {
      const user = await signUpWithMobile();
      const who = await visit(browser(), app().url, viewing, folder);
      const { page, t } = who;
      await app().client(RecoveryService).recover({ email: user.email });
      await page.goto((await newest(user.email))?.link ?? '');
      await page
        .getByLabel(t('password'), { exact: true })
        .or(page.getByLabel(t('newPassword'), { exact: true }))
        .first()
        .fill('brand-new-secret-48');
      if (isKept) await page.getByLabel(t('keepRecent')).check();
      await who.look('recover-keep-recent');
      await button(who, t('save')).click();
      await page.getByText(t('recovered')).waitFor();
      const login = app().client(AuthService).login({ mobile: user.mobile, password: 'brand-new-secret-48' });
      expect(
        await login.then(
          () => true,
          () => false,
        ),
      ).toBe(isKept);
      expect(who.problems).toEqual([]);
    });
  }
}
