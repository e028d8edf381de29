import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { freshEmail, password } from '../support/app.ts';
import { goTo, settled, useConsole, viewings } from '../support/console.ts';
import { bearer, signUp } from '../support/journey.ts';
import { makeMember, signUpAtManam } from '../support/members.ts';
import { button, heading, type Visitor } from '../support/visitor.ts';

const { app, enter } = useConsole();

/** Proves once more who one is, where the console asks for it. */
async function proveAgain({ page, t }: Visitor): Promise<void> {
  const dialog = page.getByRole('dialog', { name: t('reauthTitle') });
  await dialog.getByLabel(t('password'), { exact: true }).fill(password);
  await dialog.getByRole('button', { name: t('confirm'), exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
}

const makeStale = (userId: string) =>
  app().sql('UPDATE sessions SET auth_time = auth_time - INTERVAL 6 MINUTE WHERE user_id = UNHEX(?)', [
    userId.replaceAll('-', ''),
  ]);

test.each(viewings)(
  'someone makes a tenant and comes to its console, $locale, $width wide',
  async (viewing) => {
    const user = await signUpAtManam(app());
    const who = await enter(viewing, user.email);
    const { page, c, problems, look } = who;
    await page.getByLabel(c('tenantName')).fill('Tea house');
    await page.getByLabel(c('tenantSlug')).fill('manam-tea');
    await button(who, c('tenantCreate')).click();
    await page.getByRole('alert').first().waitFor();
    await look('tenant-refused');
    await page.getByLabel(c('tenantSlug')).fill(`tea-${viewing.locale}`);
    await button(who, c('tenantCreate')).click();
    await page.getByText(/^manam_sk_/).waitFor();
    await look('tenant-keys');
    const publishable = (await page.getByText(/^manam_pk_/).textContent()) ?? '';
    const key = (await page.getByText(/^manam_sk_/).textContent()) ?? '';
    expect((await app().client(ManagementService, { 'x-api-key': key }).listUsers({})).users).toEqual([]);
    await button(who, c('keysKept')).click();
    await heading(who, c('overview')).waitFor();
    await page.getByText(c('startWaiting')).waitFor();
    await page
      .getByText(/manam_pk_/)
      .first()
      .waitFor();
    await look('start');
    // The members of a tenant that has proved no sender are the only ones who get its mails.
    const auth = app().client(AuthService, { 'x-api-key': publishable });
    await auth.register({ email: user.email, password });
    const mail = (await app().messagesTo(user.email)).find(({ link }) => link.includes('/confirm'));
    await auth.confirmEmail({ cnf: mail?.code ?? '' });
    await auth.login({ email: user.email, password });
    await page.getByText(c('startArrived')).waitFor();
    expect(problems).toEqual([]);
    await who.context.close();
  },
);

test('an owner creates, finds, disables and enables a user', async () => {
  const owner = await makeMember(app(), 'owner');
  const who = await enter({ locale: 'en', width: 1280 }, owner.email, '/console/dev/users');
  const { page, c, problems } = who;
  const email = freshEmail();
  await button(who, c('userCreate')).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(c('email')).fill('no address');
  await dialog.getByRole('button', { name: c('userCreate') }).click();
  await dialog.locator('[aria-invalid="true"]').waitFor();
  await dialog.getByLabel(c('email')).fill(email);
  await dialog.getByLabel(c('firstName')).fill('Leila');
  await dialog.getByRole('button', { name: c('userCreate') }).click();
  await page.getByText(c('userCreated')).waitFor();
  await page.getByLabel(c('usersSearch')).fill(email.slice(0, 12));
  await page.getByRole('link', { name: 'Leila' }).click();
  await button(who, c('disable')).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: c('disable') })
    .click();
  await page.getByText(c('userDisabled')).waitFor();
  await page.getByText(c('stateDisabled'), { exact: true }).waitFor();
  await button(who, c('enable')).click();
  await page.getByText(c('userEnabled')).waitFor();
  expect(problems).toEqual([]);
  await who.context.close();
});

test('a new key asks who it is first, and shows its text once', async () => {
  const owner = await makeMember(app(), 'owner');
  const who = await enter({ locale: 'en', width: 1280 }, owner.email, '/console/dev/keys');
  const { page, c, look, problems } = who;
  await heading(who, c('keys')).waitFor();
  await makeStale(owner.userId);
  await button(who, c('keyAdd')).click();
  const dialog = page.getByRole('dialog', { name: c('keyAdd') });
  await dialog.getByLabel(c('name'), { exact: true }).fill('shop');
  await dialog.getByLabel(c('kind')).selectOption('secret');
  await dialog.getByLabel('users.read').check();
  await dialog.getByRole('button', { name: c('keyAdd') }).click();
  await proveAgain(who);
  await page.getByText(/^manam_sk_/).waitFor();
  await look('key-made');
  const key = (await page.getByText(/^manam_sk_/).textContent()) ?? '';
  await button(who, c('keptIt')).click();
  await page.getByRole('cell', { name: 'shop', exact: true }).waitFor();
  expect(await page.getByText(/^manam_sk_/).count()).toBe(0);
  await app().client(ManagementService, { 'x-api-key': key }).listUsers({});
  expect(problems).toEqual([]);
  await who.context.close();
});

test('a viewer sees masked addresses and nothing to press', async () => {
  const viewer = await makeMember(app(), 'viewer');
  const someone = await signUp(app());
  const who = await enter(
    { locale: 'en', width: 1280 },
    viewer.email,
    `/console/dev/users/${someone.userId}`,
  );
  const { page, c } = who;
  await heading(who, c('history')).waitFor();
  expect(await page.getByText(someone.email).count()).toBe(0);
  for (const word of ['edit', 'disable', 'delete', 'resetFactors', 'setPassword', 'sendRecovery'] as const)
    expect(await button(who, c(word)).count(), word).toBe(0);
  await goTo(who, 'keys');
  expect(await button(who, c('keyAdd')).count()).toBe(0);
  await who.context.close();
});

test('a tenant that one has no part in is as one that does not exist', async () => {
  const owner = await makeMember(app(), 'owner');
  const who = await enter({ locale: 'en', width: 1280 }, owner.email, '/console/no-such-tenant/');
  await who.page.getByText(who.c('tenantUnknown')).waitFor();
  await button(who, /Dev/ as unknown as string)
    .first()
    .waitFor();
  await who.context.close();
});

test('the first load of the console is at most 120 kB compressed, in either language', async () => {
  for (const locale of ['en', 'fa'] as const) {
    const owner = await makeMember(app(), 'owner');
    const who = await enter({ locale, width: 1280 }, owner.email, '/console/dev/');
    await heading(who, who.c('overview')).waitFor();
    await settled(who);
    const sizes: number[] = [];
    who.page.on('response', (response) => {
      const isOfPage = /\/console\/|\/account\/-\//.test(response.url());
      if (isOfPage) sizes.push(Number(response.headers()['content-length'] ?? Number.NaN));
    });
    await who.page.reload();
    await heading(who, who.c('overview')).waitFor();
    await settled(who);
    expect(sizes.length).toBeGreaterThan(5);
    expect(sizes.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(120_000);
    await who.context.close();
  }
});

test('with the keyboard alone someone finds a user and disables them', async () => {
  const owner = await makeMember(app(), 'owner');
  const someone = await signUp(app());
  const who = await enter({ locale: 'en', width: 1280 }, owner.email, '/console/dev/');
  const { page, c } = who;
  await heading(who, c('overview')).waitFor();
  /** Goes on with Tab until the focus is on what has the name. */
  const tabTo = async (name: string) => {
    for (let step = 0; step < 80; step += 1) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate(
        "(document.activeElement?.labels?.[0]?.innerText ?? document.activeElement?.innerText ?? '').trim()",
      );
      if (focused === name) return;
    }
    throw new Error(`the focus never came to ${name}`);
  };
  await page.keyboard.press('Control+Home');
  await page.evaluate('document.activeElement.blur()');
  await tabTo(c('users'));
  await page.keyboard.press('Enter');
  await heading(who, c('users')).waitFor();
  await tabTo(c('usersSearch'));
  await page.keyboard.type(someone.email);
  await page.getByText(someone.email).waitFor();
  await settled(who);
  await page.getByRole('row').filter({ hasText: someone.email }).getByRole('link').focus();
  await page.keyboard.press('Enter');
  await heading(who, c('history')).waitFor();
  await tabTo(c('disable'));
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await tabTo(c('disable'));
  await page.keyboard.press('Enter');
  await page.getByText(c('userDisabled')).waitFor();
  await who.context.close();
});

test('colour and words are previewed as they will be, and then are so', async () => {
  const owner = await makeMember(app(), 'owner');
  const who = await enter({ locale: 'en', width: 1280 }, owner.email, '/console/dev/branding');
  const { page, c, t } = who;
  await heading(who, c('branding')).waitFor();
  await page.getByLabel(c('color')).fill('#ffd400');
  const preview = page.locator('.preview').getByText(t('continue'), { exact: true });
  const colorOf = (selector: string) =>
    page.evaluate(`getComputedStyle(document.querySelector('${selector}')).backgroundColor`);
  await preview.waitFor();
  await expect.poll(() => colorOf('.preview button.primary'), { timeout: 30_000 }).toBe('rgb(255, 212, 0)');
  await button(who, c('save')).click();
  await page.getByText(c('saved')).waitFor();
  await goTo(who, 'messages');
  await page.getByLabel(c('subject')).fill('Hello from {tenant}');
  await page.getByText('Hello from Dev').waitFor();
  await button(who, c('save')).click();
  await page.getByText(c('saved')).waitFor();
  const manage = app().client(ManagementService, owner.headers);
  const { policy } = await manage.getPolicy({});
  expect(policy).toMatchObject({
    branding: { color: '#ffd400' },
    templates: { 'confirm-email': { en: { subject: 'Hello from {tenant}' } } },
  });
  await manage.updatePolicy({ policy: { branding: null, templates: null } });
  await who.context.close();
});

test('a second connection of a kind needs a name of its own, and takes nothing from the first', async () => {
  const owner = await makeMember(app(), 'owner');
  const manage = app().client(ManagementService, owner.headers);
  const settings = { kind: 'github', clientId: 'first', domains: ['example.com'] };
  await manage.setConnection({ name: 'github', settings });
  const who = await enter({ locale: 'en', width: 1280 }, owner.email, '/console/dev/sign-in/new');
  const { page, c } = who;
  await heading(who, c('providerAdd')).waitFor();
  await page.getByLabel(c('provider'), { exact: true }).selectOption('github');
  await page.getByLabel(c('clientId')).fill('second');
  await button(who, c('save')).click();
  await page.getByText(c('connectionNameTaken')).waitFor();
  const named = async (name: string) =>
    (await manage.listConnections({})).connections.find((each) => each.name === name)?.settings;
  expect(await named('github')).toMatchObject(settings);
  await page.getByLabel(c('connectionName')).fill('github-two');
  await button(who, c('save')).click();
  await page.getByText(c('saved')).waitFor();
  expect(await named('github-two')).toMatchObject({ kind: 'github', clientId: 'second' });
  await who.context.close();
});

test('the policy as JSON loses what is taken out of it, and takes nothing but an object', async () => {
  const owner = await makeMember(app(), 'owner');
  const manage = app().client(ManagementService, owner.headers);
  await manage.updatePolicy({ policy: { roles: { editor: ['posts.write'] } } });
  const who = await enter({ locale: 'en', width: 1280 }, owner.email, '/console/dev/settings');
  const { page, c } = who;
  await page.getByText(c('policyWhole')).click();
  const field = page.getByLabel(c('policyJson'));
  const form = page.locator('details form');
  const policy = JSON.parse(await field.inputValue()) as { roles: Record<string, unknown> };
  await field.fill('[]');
  await form.getByRole('button', { name: c('save') }).click();
  await page.getByText(c('notJson')).waitFor();
  delete policy.roles['editor'];
  await field.fill(JSON.stringify(policy));
  await form.getByRole('button', { name: c('save') }).click();
  await page.getByText(c('saved')).waitFor();
  const { roles } = (await manage.getPolicy({})).policy as { roles: object };
  expect(Object.keys(roles)).not.toContain('editor');
  await who.context.close();
});

test('a tenant that has proved no sender is told so, and what to do', async () => {
  const user = await signUpAtManam(app());
  const made = await app()
    .client(ManagementService, { 'x-api-key': app().manam.publishable, ...bearer(user.accessToken) })
    .createTenant({ slug: 'quince', name: 'Quince' });
  const who = await enter({ locale: 'fa', width: 390 }, user.email, `/console/${made.tenant?.slug}/users`);
  await heading(who, who.c('users')).waitFor();
  await who.page.getByText(who.c('confined')).waitFor();
  await who.look('confined');
  await who.context.close();
});

test('when the membership ends the console shows nothing more', async () => {
  const owner = await makeMember(app(), 'owner');
  const leaver = await makeMember(app(), 'admin');
  const who = await enter({ locale: 'en', width: 1280 }, leaver.email, '/console/dev/users');
  await heading(who, who.c('users')).waitFor();
  await app().client(ManagementService, owner.headers).removeMember({ userId: leaver.userId });
  await who.page.getByRole('link', { name: who.c('keys'), exact: true }).click();
  await who.page.getByRole('alert').first().waitFor();
  await who.context.close();
});
