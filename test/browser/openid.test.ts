import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as client from 'openid-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshEmail, password, startTestApp, type TestApp } from '../support/app.ts';
import { pictureFolder, useBrowser } from '../support/browser.ts';
import { changePolicy, freePort } from '../support/federation.ts';
import { type SignedIn, signUp } from '../support/journey.ts';
import { issuerAt, makeApplication, post, type TestApplication } from '../support/openid.ts';
import { button, heading, signIn, type Viewing, type Visitor, visit } from '../support/visitor.ts';

// People who come to the hosted pages from an application, and go back to it. The application is a real one, by a library of
// strangers; every page on the way is looked at by axe and kept as a picture.

const folder = pictureFolder('openid');
const browser = useBrowser();
let test0: TestApp;
/** What came back to the application: the address of each return. */
const returns: URL[] = [];
const application = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const url = new URL(request.url ?? '', `http://127.0.0.1:${appPort}`);
    for (const [name, value] of new URLSearchParams(Buffer.concat(chunks).toString()))
      url.searchParams.set(name, value);
    if (url.pathname !== '/favicon.ico') returns.push(url);
    response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Back in the shop</h1>');
  });
});
let appPort = 0;

beforeAll(async () => {
  const port = await freePort();
  test0 = await startTestApp({ config: { port, issuer: `http://127.0.0.1:${port}` } });
  application.listen(0, '127.0.0.1');
  await new Promise((resolve) => application.once('listening', resolve));
  appPort = (application.address() as AddressInfo).port;
});
afterAll(async () => {
  application.close();
  await test0.close();
});

const desktop: Viewing = { locale: 'en', width: 1280 };
const phone: Viewing = { locale: 'fa', width: 390 };

type Party = {
  readonly made: TestApplication;
  readonly config: client.Configuration;
  /** The address that begins a sign-in. */
  start(more?: Record<string, string>): Promise<URL>;
  /** The tokens of the last return. */
  finish(): Promise<client.TokenEndpointResponse & client.TokenEndpointResponseHelpers>;
};

/** A shop that signs its users in with the tenant `dev`. */
async function openShop(settings: Readonly<Record<string, unknown>> = {}): Promise<Party> {
  const redirectUri = `http://localhost:${appPort}/callback`;
  const made = await makeApplication(test0, {
    name: 'Shop',
    redirectUris: [redirectUri],
    postLogoutRedirectUris: [`http://localhost:${appPort}/bye`],
    firstParty: false,
    authentication: 'client_secret_post',
    ...settings,
  });
  const config = await client.discovery(new URL(issuerAt(test0)), made.clientId, made.secret, undefined, {
    execute: [client.allowInsecureRequests],
  });
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const expectedNonce = client.randomNonce();
  return {
    made,
    config,
    start: async (more = {}) =>
      client.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: 'openid email profile offline_access',
        code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: 'S256',
        state: expectedState,
        nonce: expectedNonce,
        ...more,
      }),
    finish: async () => {
      const address = new URL(String(returns.at(-1)));
      const current = new URL(redirectUri);
      current.search = address.search;
      return await client.authorizationCodeGrant(config, current, {
        pkceCodeVerifier,
        expectedState,
        expectedNonce,
        idTokenExpected: true,
      });
    },
  };
}

/** Problems of our pages: that the browser goes on to the application is the purpose. */
const ownProblems = ({ problems }: Visitor) =>
  problems.filter((problem) => !problem.startsWith('asked http://localhost'));

async function isBack({ page }: Visitor): Promise<void> {
  await page.getByRole('heading', { name: 'Back in the shop' }).waitFor();
}

async function comeFrom(shop: Party, viewing: Viewing, user: SignedIn, more = {}): Promise<Visitor> {
  const who = await visit(browser(), test0.url, viewing, folder);
  await who.page.goto(String(await shop.start(more)));
  await signIn(who, user.email, password);
  return who;
}

test.each([desktop, phone])(
  'a person comes from an application, signs in, consents and is back in it ($locale, $width)',
  async (viewing) => {
    const shop = await openShop();
    const user = await signUp(test0);
    const who = await visit(browser(), test0.url, viewing, folder);
    const { page, t } = who;
    await page.goto(String(await shop.start()));
    await heading(who, t('signInTitle')).waitFor();
    await page.getByText('Shop').waitFor();
    await who.look('sign-in-for');
    await signIn(who, user.email, password);
    await heading(who, t('consentTitle', { name: 'Shop' })).waitFor();
    await who.look('consent');
    await button(who, t('consentAllow')).click();
    await isBack(who);
    const tokens = await shop.finish();
    expect(tokens.claims()).toMatchObject({ sub: user.userId, amr: ['pwd'] });
    const info = await client.fetchUserInfo(shop.config, tokens.access_token, user.userId);
    expect(info).toMatchObject({ email: user.email, given_name: 'Sara' });
    const renewed = await client.refreshTokenGrant(shop.config, tokens.refresh_token ?? '');
    expect(renewed.claims()?.sub).toBe(user.userId);

    // The second time there is nothing to ask.
    await page.goto(String(await shop.start()));
    await isBack(who);

    await page.goto(`${test0.url}/account/dev/security`);
    await heading(who, t('applications')).waitFor();
    await who.look('applications');
    expect(ownProblems(who)).toEqual([]);
    await who.context.close();
  },
);

test('a person who does not allow it is back with access_denied', async () => {
  const shop = await openShop();
  const who = await comeFrom(shop, desktop, await signUp(test0));
  await button(who, who.t('consentRefuse')).click();
  await isBack(who);
  const { searchParams } = new URL(String(returns.at(-1)));
  expect(searchParams.get('error')).toBe('access_denied');
  expect(searchParams.get('iss')).toBe(issuerAt(test0));
  await who.context.close();
});

test('prompt=none is answered without a question, with and without a session', async () => {
  const shop = await openShop({ firstParty: true });
  const who = await visit(browser(), test0.url, desktop, folder);
  await who.page.goto(String(await shop.start({ prompt: 'none' })));
  await isBack(who);
  expect(new URL(String(returns.at(-1))).searchParams.get('error')).toBe('login_required');
  await who.page.goto(String(await shop.start()));
  await signIn(who, (await signUp(test0)).email, password);
  await isBack(who);
  await who.page.goto(String(await shop.start({ prompt: 'none' })));
  await isBack(who);
  expect(new URL(String(returns.at(-1))).searchParams.get('code')).not.toBeNull();
  expect(ownProblems(who)).toEqual([]);
  await who.context.close();
});

test('a person with two accounts chooses one, and an answer can come by a form', async () => {
  const shop = await openShop({ firstParty: true });
  const [first, second] = [await signUp(test0), await signUp(test0)];
  const who = await comeFrom(shop, desktop, first);
  await isBack(who);
  await who.page.goto(String(await shop.start({ prompt: 'select_account', response_mode: 'form_post' })));
  await heading(who, who.t('chooseAccount')).waitFor();
  await who.look('choose-account');
  await button(who, who.t('useOtherAccount')).click();
  await signIn(who, second.email, password);
  await isBack(who);
  expect((await shop.finish()).claims()?.sub).toBe(second.userId);

  // Both are still signed in.
  await who.page.goto(String(await shop.start()));
  await button(who, first.email).click();
  await isBack(who);
  expect((await shop.finish()).claims()?.sub).toBe(first.userId);
  expect(ownProblems(who)).toEqual([]);
  await who.context.close();
});

test.each([desktop, phone])(
  'who signs up on the way goes on where they began, once they have pressed the link ($locale, $width)',
  async (viewing) => {
    const shop = await openShop({ firstParty: true });
    const who = await visit(browser(), test0.url, viewing, folder);
    const { page, t, context } = who;
    const email = freshEmail();
    await page.goto(String(await shop.start()));
    await page.getByRole('link', { name: t('signUp') }).click();
    await page.getByLabel(t('identifier')).fill(email);
    await page.getByLabel(t('password'), { exact: true }).fill(password);
    await button(who, t('signUp')).click();
    await heading(who, t('mailSentTitle')).waitFor();
    // The mail is opened in the same browser, in a page of its own.
    const link = (await test0.messagesTo(email))[0]?.link ?? '';
    const other = await context.newPage();
    await other.goto(link);
    await other.getByRole('button', { name: t('confirm'), exact: true }).click();
    await other.getByRole('heading', { name: t('linkOtherTitle') }).waitFor();
    await isBack(who);
    expect((await shop.finish()).id_token).toBeDefined();
    expect(ownProblems(who)).toEqual([]);
    await context.close();
  },
);

test('who chooses a new password on the way goes on where they began', async () => {
  const shop = await openShop({ firstParty: true });
  const user = await signUp(test0);
  const who = await visit(browser(), test0.url, desktop, folder);
  const { page, t, context } = who;
  await page.goto(String(await shop.start()));
  await page.getByRole('link', { name: t('forgot') }).click();
  await page.getByLabel(t('identifier')).fill(user.email);
  await button(who, t('recoverSend')).click();
  await heading(who, t('mailSentTitle')).waitFor();
  const link = (await test0.messagesTo(user.email))[0]?.link ?? '';
  const other = await context.newPage();
  await other.goto(link);
  await other.getByLabel(t('newPassword'), { exact: true }).fill('another-long-orbit-48');
  await other.getByRole('button', { name: t('save'), exact: true }).click();
  await other.getByRole('heading', { name: t('linkOtherTitle') }).waitFor();
  await page.getByText(t('recovered')).waitFor();
  await signIn(who, user.email, 'another-long-orbit-48');
  await isBack(who);
  expect((await shop.finish()).claims()?.sub).toBe(user.userId);
  expect(ownProblems(who)).toEqual([]);
  await context.close();
});

test('prompt=login asks for the password again', async () => {
  const shop = await openShop({ firstParty: true });
  const user = await signUp(test0);
  const who = await comeFrom(shop, desktop, user);
  await isBack(who);
  await who.page.goto(String(await shop.start({ prompt: 'login' })));
  await heading(who, who.t('reauthTitle')).waitFor();
  await who.page.getByLabel(who.t('password'), { exact: true }).fill(password);
  await button(who, who.t('confirm')).click();
  await isBack(who);
  expect((await shop.finish()).claims()?.sub).toBe(user.userId);
  await who.context.close();
});

test.each([desktop, phone])('a person lets a device in by its code ($locale, $width)', async (viewing) => {
  const device = await makeApplication(test0, {
    kind: 'native',
    name: 'Television',
    redirectUris: [],
    firstParty: false,
    deviceGrant: true,
  });
  const { body } = await post(test0, 'device_authorization', {
    client_id: device.clientId,
    scope: 'openid profile',
  });
  const user = await signUp(test0);
  const who = await visit(browser(), test0.url, viewing, folder);
  const { page, t } = who;
  await page.goto(String(body['verification_uri_complete']));
  await signIn(who, user.email, password);
  await heading(who, t('deviceTitle')).waitFor();
  await who.look('device-code');
  await button(who, t('continue')).click();
  await heading(who, t('deviceConfirmTitle', { name: 'Television' })).waitFor();
  await who.look('device-confirm');
  await button(who, t('consentAllow')).click();
  await page.getByText(t('deviceAllowed')).waitFor();
  const tokens = await post(test0, 'token', {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: String(body['device_code']),
    client_id: device.clientId,
  });
  expect(tokens.body).toMatchObject({ scope: 'openid profile', token_type: 'Bearer' });
  expect(ownProblems(who)).toEqual([]);
  await who.context.close();
});

test('an application signs its user out, and any other site has to let the person decide', async () => {
  const shop = await openShop({ firstParty: true });
  const user = await signUp(test0);
  const who = await comeFrom(shop, desktop, user);
  await isBack(who);
  const { id_token: hint = '' } = await shop.finish();
  await who.page.goto(`${issuerAt(test0)}/oauth/end_session`);
  await heading(who, who.t('signOutAsk', { tenant: 'Dev' })).waitFor();
  await who.look('sign-out');
  await who.page.goto(
    String(
      client.buildEndSessionUrl(shop.config, {
        id_token_hint: hint,
        post_logout_redirect_uri: `http://localhost:${appPort}/bye`,
        state: 'so long',
      }),
    ),
  );
  await isBack(who);
  const { pathname, searchParams } = new URL(String(returns.at(-1)));
  expect([pathname, searchParams.get('state')]).toEqual(['/bye', 'so long']);
  await who.page.goto(`${test0.url}/account/dev/`);
  await heading(who, who.t('signInTitle')).waitFor();
  expect(ownProblems(who)).toEqual([]);
  await who.context.close();
});

/** A browser that is signed in to two accounts, the second one last; the ID token of each. */
async function signInTwice(shop: Party) {
  const [first, second] = [await signUp(test0), await signUp(test0)];
  const who = await comeFrom(shop, desktop, first);
  await isBack(who);
  const ofFirst = (await shop.finish()).id_token ?? '';
  await who.page.goto(String(await shop.start({ prompt: 'select_account' })));
  await button(who, who.t('useOtherAccount')).click();
  await signIn(who, second.email, password);
  await isBack(who);
  const ofSecond = (await shop.finish()).id_token ?? '';
  return { who, first, second, ofFirst, ofSecond };
}

test('an application signs out the account that it names, whichever one the tab shows', async () => {
  const shop = await openShop({ firstParty: true });
  const { who, first, second, ofFirst } = await signInTwice(shop);
  await who.page.goto(
    String(
      client.buildEndSessionUrl(shop.config, {
        id_token_hint: ofFirst,
        post_logout_redirect_uri: `http://localhost:${appPort}/bye`,
      }),
    ),
  );
  await isBack(who);
  expect(new URL(String(returns.at(-1))).pathname).toBe('/bye');
  const liveOf = async ({ userId }: SignedIn) => {
    const [row] = await test0.sql(
      "SELECT COUNT(*) AS live FROM sessions WHERE user_id = UNHEX(REPLACE(?, '-', '')) AND revoked_at IS NULL AND user_agent LIKE '%Mozilla%'",
      [userId],
    );
    return Number(row?.['live']);
  };
  expect([await liveOf(first), await liveOf(second)]).toEqual([0, 1]);
  // The tab goes on with the other one.
  await who.page.goto(`${test0.url}/account/dev/`);
  await heading(who, who.t('signInTitle')).waitFor({ state: 'detached' });
  await who.page.getByText(second.email).first().waitFor();
  expect(ownProblems(who)).toEqual([]);
  await who.context.close();
});

test('prompt=none finds the account that the application names among all of the browser', async () => {
  const shop = await openShop({ firstParty: true });
  const { who, first, second, ofFirst, ofSecond } = await signInTwice(shop);
  for (const [hint, user] of [
    [ofFirst, first],
    [ofSecond, second],
  ] as const) {
    await who.page.goto(String(await shop.start({ prompt: 'none', id_token_hint: hint })));
    await isBack(who);
    expect((await shop.finish()).claims()?.sub).toBe(user.userId);
  }
  await who.context.close();
});

test('prompt=none requires accepted terms', async () => {
  const shop = await openShop({ firstParty: true });
  const who = await comeFrom(shop, desktop, await signUp(test0));
  await isBack(who);
  const terms = { url: 'https://dev.example/terms', version: 'v2' };
  await changePolicy(test0, (policy) => ({ ...policy, terms }));
  await test0.catchUp();
  const silently = async () => {
    await who.page.goto(String(await shop.start({ prompt: 'none' })));
    await isBack(who);
    return new URL(String(returns.at(-1))).searchParams.get('error');
  };
  expect(await silently()).toBe('interaction_required');
  await changePolicy(test0, (policy) => ({ ...policy, terms: { url: '', version: '' } }));
  await test0.catchUp();
  expect(await silently()).toBe(null);
  await changePolicy(test0, (policy) => ({ ...policy, requireSecondFactor: true }));
  await test0.catchUp();
  await who.page.goto(`${test0.url}/account/dev/`);
  await heading(who, who.t('twoFactor')).waitFor();
  expect(await silently()).toBe('interaction_required');
  await changePolicy(test0, (policy) => ({ ...policy, requireSecondFactor: false }));
  await who.context.close();
});
