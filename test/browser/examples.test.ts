import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { words } from '../../src/clients/react/words.ts';
import { password, startTestApp, type TestApp } from '../support/app.ts';
import { pictureFolder, useBrowser } from '../support/browser.ts';
import { freePort } from '../support/federation.ts';
import { signUp } from '../support/journey.ts';
import { issuerAt, makeApplication, pagesOf, type TestApplication } from '../support/openid.ts';
import { assertAccessible, button, signIn, visit } from '../support/visitor.ts';

// The example applications, as their README starts them.

const root = new URL('../..', import.meta.url).pathname;
const folder = pictureFolder('openid');
const browser = useBrowser();
let manam: TestApp;
let running: ChildProcess[] = [];

beforeAll(async () => {
  const port = await freePort();
  manam = await startTestApp({ config: { port, issuer: `http://127.0.0.1:${port}` } });
});
afterAll(() => manam.close());
afterEach(() => {
  for (const each of running) each.kill();
  running = [];
});

/** Starts an example; resolves with what it has said once that contains a text. */
async function start(
  name: string,
  { clientId, secret }: TestApplication,
  port: number,
  until: string,
  env: Readonly<Record<string, string>> = {},
) {
  const child = spawn('npm', ['run', '-s', 'example', name], {
    cwd: root,
    env: {
      ...process.env,
      ISSUER: issuerAt(manam),
      CLIENT_ID: clientId,
      CLIENT_SECRET: secret,
      PORT: String(port),
      ...env,
    },
  });
  running.push(child);
  let said = '';
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes(until)) resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', (code) => (said.includes(until) ? resolve() : reject(new Error(`${code}: ${said}`))));
  });
  return { said: () => said, ended };
}

const desktop = { locale: 'en', width: 1280 } as const;

test('the web application signs a person in and out', async () => {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const application = await makeApplication(manam, {
    redirectUris: [`${origin}/callback`],
    postLogoutRedirectUris: [`${origin}/`],
  });
  await start('web', application, port, 'open ');
  const user = await signUp(manam);
  const who = await visit(browser(), manam.url, desktop, folder);
  await who.page.goto(origin);
  await who.page.getByRole('link', { name: 'Sign in' }).click();
  await signIn(who, user.email, password);
  await who.page.getByText('Hello, Sara.').waitFor();
  await who.page.getByRole('link', { name: 'Sign out' }).click();
  await who.page.getByRole('link', { name: 'Sign in' }).waitFor();
  await who.page.goto(`${manam.url}/account/dev/`);
  await who.page.getByLabel(who.t('identifier')).waitFor();
  await who.context.close();
});

/** Makes the application of a page without a server. */
function makePage(origin: string, settings: object = {}): Promise<TestApplication> {
  const home = [`${origin}/`];
  const standard = { kind: 'spa', redirectUris: home, postLogoutRedirectUris: home, origins: [origin] };
  return makeApplication(manam, { ...standard, ...settings });
}

test('the API takes the tokens of sessions, and those of one role where it asks for it', async () => {
  const port = await freePort();
  const tenantId = (await manam.app.store.tenants.findBySlug('dev'))?.id ?? '';
  const env = { MANAM_URL: manam.url, MANAM_TENANT: tenantId };
  await start('api', { clientId: '', secret: '', redirectUri: '' }, port, 'open ', env);
  const { accessToken, userId } = await signUp(manam);
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`http://localhost:${port}${path}`, { headers });
    return [response.status, await response.json()];
  };
  const session = { authorization: `Bearer ${accessToken}` };
  expect(await get('/me', session)).toEqual([200, { user: userId }]);
  expect(await get('/me')).toEqual([401, { error: 'this call needs an access token' }]);
  expect(await get('/reports', session)).toEqual([403, { error: 'it takes one of the roles admin' }]);
});

test.each(['en', 'fa'] as const)(
  'the page with React signs in, shows what a role may see, and signs out, in %s',
  async (locale) => {
    const port = await freePort();
    const origin = `http://localhost:${port}`;
    const application = await makePage(origin, { scopes: ['openid', 'profile', 'email', 'roles'] });
    await start('react', application, port, 'open ');
    const user = await signUp(manam);
    const manage = manam.client(ManagementService, { 'x-api-key': manam.dev.secret });
    const { page, problems, context, ...who } = await visit(
      browser(),
      manam.url,
      { ...desktop, locale },
      folder,
    );
    const says = words[locale];
    const visitor = { page, problems, context, ...who };
    await page.goto(`${origin}/?from=here`);
    await page.getByRole('button', { name: says.signIn }).click();
    await signIn(visitor, user.email, password);
    await page.getByText('Hello, Sara.').waitFor();
    // Back to where the person was, without the code.
    expect(page.url()).toBe(`${origin}/?from=here`);
    await page.getByText('There is more for admins.').waitFor();
    await page.getByRole('button', { name: 'Get an access token' }).click();
    await page.getByText(/It has \d{3,} characters/).waitFor();

    const menu = page.getByRole('button', { name: says.menu.replace('{name}', 'Sara') });
    await menu.focus();
    await page.keyboard.press('Enter');
    expect(await page.getByRole('link', { name: says.account }).getAttribute('href')).toBe(
      `${manam.url}/account/dev/`,
    );
    await page.screenshot({ path: `${folder}react-${locale}.png` });
    await assertAccessible(page, 'the components of React');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: says.signOut }).waitFor({ state: 'hidden' });
    expect(await menu.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);

    // Loaded again the tab still knows them, and a role that they got meanwhile counts at the next sign-in.
    await page.reload();
    await page.getByText('Hello, Sara.').waitFor();
    await menu.click();
    await page.getByRole('button', { name: says.signOut }).click();
    await page.getByRole('button', { name: says.signIn }).waitFor();
    await manage.updateUser({ userId: user.userId, roles: ['admin'] });
    await page.getByRole('button', { name: says.signIn }).click();
    await signIn(visitor, user.email, password);
    await page.getByText('You are an admin.').waitFor();
    // It is another host on purpose.
    expect(problems.filter((problem) => !problem.startsWith('asked '))).toEqual([]);
    await context.close();
  },
  120_000,
);

test('the page signs a person in, renews its tokens without a frame, and signs out', async () => {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const application = await makePage(origin);
  await start('page', application, port, 'open ');
  const user = await signUp(manam);
  const who = await visit(browser(), manam.url, desktop, folder);
  await who.page.goto(origin);
  await button(who, 'Sign in').click();
  await signIn(who, user.email, password);
  await who.page.getByText('Hello, Sara.').waitFor();
  await button(who, 'Renew').click();
  await who.page.getByText('Renewed.').waitFor();
  await button(who, 'Sign out').click();
  await button(who, 'Sign in').waitFor();
  await who.context.close();
});

test('the command line signs in once a person has typed its code', async () => {
  const application = await makeApplication(manam, { kind: 'native', redirectUris: [], deviceGrant: true });
  const { said, ended } = await start('device', application, 0, 'or open');
  const userCode = /type ([A-Z]{4}-[A-Z]{4})/.exec(said())?.[1] ?? '';
  await pagesOf(manam, await signUp(manam)).decideDevice({ userCode });
  expect(await ended).toBe(0);
  expect(said()).toContain('Signed in as Sara.');
});

test('the program without users calls its API', async () => {
  const application = await makeApplication(manam, {
    kind: 'machine',
    redirectUris: [],
    firstParty: false,
    scopes: ['jobs.run'],
    resources: ['https://jobs.example'],
  });
  const { said, ended } = await start('jobs', application, 0, 'without a token');
  expect(await ended).toBe(0);
  expect(said()).toBe(`200 Started by ${application.clientId}.\nwithout a token: 401\n`);
});
