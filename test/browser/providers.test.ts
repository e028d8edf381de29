import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { EmulatedUser } from '../../src/dev/emulated-providers.ts';
import { emulatedUsers } from '../../src/dev/emulated-providers.ts';
import { password } from '../support/app.ts';
import { pictureFolder, useBrowser } from '../support/browser.ts';
import type { FederatedApp } from '../support/federation.ts';
import { signUp } from '../support/journey.ts';
import { connect, freshUser, startConnectedApp } from '../support/providers.ts';
import { button, heading, signIn, type Viewing, type Visitor, visit } from '../support/visitor.ts';

// People who come in with an account that they have elsewhere, on the hosted pages: each provider is an emulator with
// its own habits. Every page on the way is looked at by axe and kept as a picture.

const folder = pictureFolder('providers');
const browser = useBrowser();
let app: FederatedApp;
beforeAll(async () => {
  app = await startConnectedApp();
});
afterAll(() => app.close());
afterEach(() => app.emulators.of('github').beHonest());

const names = {
  google: 'Google',
  apple: 'Apple',
  microsoft: 'Microsoft',
  github: 'GitHub',
  linkedin: 'LinkedIn',
  oidc: 'oidc',
} as const;

async function arrive(viewing: Viewing): Promise<Visitor> {
  const who = await visit(browser(), app.test.url, viewing, folder);
  await who.page.goto(`${app.test.url}/account/dev/`);
  await heading(who, who.t('signInTitle')).waitFor();
  return who;
}

/** The page of a provider where an account is chosen. */
async function choose({ page }: Visitor, user: EmulatedUser): Promise<void> {
  await page.getByRole('link', { name: user.email }).click();
}

const continueWith = (who: Visitor, provider: string) =>
  who.page.getByRole('button', { name: who.t('providerContinue', { provider }) });

/** Adds an account that can be chosen at every provider. */
function addUser(user: EmulatedUser): EmulatedUser {
  (emulatedUsers as EmulatedUser[]).push(user);
  return user;
}

/** Requests to other sites than ours, which a journey to a provider has. */
const ownProblems = ({ problems }: Visitor) =>
  problems.filter((problem) => !problem.startsWith('asked http'));

describe.each(Object.values(names))('%s', (name) => {
  test('a person signs up, finds the account again, and sees what it is connected with', async () => {
    const user = addUser(freshUser());
    const who = await arrive({ locale: 'en', width: 1280 });
    await continueWith(who, name).click();
    await choose(who, user);
    await heading(who, who.t('profile')).waitFor();
    expect(new URL(who.page.url()).search).toBe('');
    await who.page.goto(`${app.test.url}/account/dev/security`);
    await who.page.getByText(user.email).first().waitFor();
    await button(who, who.t('signOut')).click();
    await heading(who, who.t('signInTitle')).waitFor();
    // What was used last comes first.
    const first = who.page.locator('.providers button').first();
    await first.getByText(who.t('lastUsed')).waitFor();
    expect(await first.textContent()).toContain(name);
    await first.click();
    await choose(who, user);
    await heading(who, who.t('profile')).waitFor();
    expect(ownProblems(who)).toEqual([]);
    await who.context.close();
  }, 60_000);
});

for (const viewing of [
  { locale: 'en', width: 1280 },
  { locale: 'fa', width: 390 },
] as const) {
  test(`a person whose address the provider does not prove signs in here, and connects it, in ${viewing.locale}`, async () => {
    const user = addUser(freshUser());
    const mine = await signUp(app.test);
    const who = await arrive(viewing);
    const { page, t, look } = who;
    await continueWith(who, 'Facebook').waitFor();
    await look('sign-in');
    await continueWith(who, 'Facebook').click();
    await choose(who, user);
    await page.getByText(t('signInUnproved')).waitFor();
    await look('unproved');
    // Loaded again, the page still says what to do, and keeps nothing that has been used.
    await page.reload();
    await heading(who, t('signInTitle')).waitFor();
    await signIn(who, mine.email, password);
    await page.getByText(t('providerOffer', { provider: 'Facebook' })).waitFor();
    await look('offer');
    await page.getByRole('button', { name: t('providerConnectNamed', { provider: 'Facebook' }) }).click();
    await choose(who, user);
    await page.getByText(t('providerConnected')).waitFor();
    await page.getByText(user.email).waitFor();
    await look('connected');
    await button(who, t('signOut')).click();
    await page.getByLabel(t('remember')).check();
    await continueWith(who, 'Facebook').click();
    await choose(who, user);
    await heading(who, t('profile')).waitFor();
    const [session] = await app.test.sql(
      "SELECT remember FROM sessions WHERE user_id = UNHEX(REPLACE(?, '-', '')) ORDER BY id DESC LIMIT 1",
      [mine.userId],
    );
    expect(Number(session?.['remember'])).toBe(1);
    // Back and forward lead to no error, and to no second sign-in.
    await page.goto(`${app.test.url}/account/dev/provider`);
    await heading(who, t('profile')).waitFor();
    await page.goto(`${app.test.url}/account/dev/security`);
    await page.getByRole('button', { name: `${t('providerDisconnect')} Facebook` }).click();
    await page.getByRole('button', { name: `${t('providerConnect')} Facebook` }).waitFor();
    expect(ownProblems(who)).toEqual([]);
    await who.context.close();
  }, 90_000);

  test(`failures are said in words, in ${viewing.locale}`, async () => {
    const who = await arrive(viewing);
    const { page, t, look } = who;
    const [one, two] = [addUser(freshUser()), addUser(freshUser())];
    await continueWith(who, 'GitHub').click();
    await page.getByRole('link', { name: 'Cancel' }).click();
    await page.getByText(t('signInDenied')).waitFor();
    app.emulators.of('github').faults.token = 'down';
    await continueWith(who, 'GitHub').click();
    await choose(who, one);
    await page.getByText(t('signInUnavailable')).waitFor();
    app.emulators.of('github').beHonest();
    await look('unavailable');
    await connect(app, 'oidc', { domains: ['acme.example'] });
    await continueWith(who, 'oidc').click();
    await choose(who, two);
    await page.getByText(t('signInAddress')).waitFor();
    await connect(app, 'oidc');
    // A page that someone else's link leads to says that there is nothing to go on with.
    await page.goto(`${app.test.url}/account/dev/provider?code=${'A'.repeat(64)}`);
    await page.getByText(t('signInState')).waitFor();
    expect(new URL(page.url()).search).toBe('');
    expect(ownProblems(who)).toEqual([]);
    await who.context.close();
  }, 60_000);

  test(`an account elsewhere that belongs to another account here is refused, in ${viewing.locale}`, async () => {
    const user = addUser(freshUser());
    const first = await arrive(viewing);
    await continueWith(first, 'GitHub').click();
    await choose(first, user);
    await heading(first, first.t('profile')).waitFor();
    await first.context.close();
    const mine = await signUp(app.test);
    const who = await arrive(viewing);
    await signIn(who, mine.email, password);
    await heading(who, who.t('profile')).waitFor();
    await who.page.goto(`${app.test.url}/account/dev/security`);
    await who.page.getByRole('button', { name: `${who.t('providerConnect')} GitHub` }).click();
    await choose(who, user);
    await who.page.getByText(who.t('providerTaken')).waitFor();
    await who.look('taken');
    // Loaded again, the page still says what failed.
    await who.page.reload();
    await who.page.getByText(who.t('providerTaken')).waitFor();
    await who.context.close();
  }, 60_000);
}
