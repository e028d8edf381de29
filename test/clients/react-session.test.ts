import { InMemoryWebStorage, User, type UserManager } from 'oidc-client-ts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { useTestApp } from '../support/app.ts';
import { freePort } from '../support/federation.ts';
import { signUp } from '../support/journey.ts';
import { authorize, issuerAt, makeApplication, post, requestOf, verifier } from '../support/openid.ts';

// Its types bring those of browsers along, which are not those of Node.
const sources = '../../src/clients/react';
const { createManager, finishRedirect } = (await import(`${sources}/manager.ts`)) as {
  createManager(options: Readonly<Record<string, string | undefined>>): UserManager;
  finishRedirect(manager: UserManager): Promise<User | null>;
};
const { keepRenewed, renew } = (await import(`${sources}/renewal.ts`)) as {
  keepRenewed(manager: UserManager, onOutcome: (failure: Error | undefined) => void): () => void;
  renew(manager: UserManager): Promise<User | null>;
};

// The session of a tab, as the React components keep it, with the real issuer and stand-ins for what browsers have.

const port = await freePort();
const testApp = useTestApp({ config: { port, issuer: `http://127.0.0.1:${port}` } });
const home = 'http://localhost:5173/';
let clientId = '';
let stops: (() => void)[] = [];

const replaceState = vi.fn();

function stubAddress(search = ''): void {
  const location = { origin: 'http://localhost:5173', href: `${home}${search}`, pathname: '/', search };
  vi.stubGlobal('location', location);
  vi.stubGlobal('window', { location });
}

beforeEach(async () => {
  vi.stubGlobal('localStorage', new InMemoryWebStorage());
  replaceState.mockReset();
  vi.stubGlobal('history', { state: null, replaceState });
  stubAddress();
  const application = await makeApplication(testApp(), { kind: 'spa', redirectUris: [home] });
  clientId = application.clientId;
});
afterEach(() => {
  for (const stop of stops) stop();
  stops = [];
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** A tab with a storage of its own. */
function openTab(user?: User): UserManager {
  vi.stubGlobal('sessionStorage', new InMemoryWebStorage());
  const manager = createManager({
    issuer: issuerAt(testApp()),
    clientId,
    redirectUri: home,
    scope: undefined,
    resource: undefined,
  });
  if (user !== undefined) void manager.storeUser(user);
  return manager;
}

/** Someone who has signed in, whose access token has ended. */
async function signIn(): Promise<User> {
  const application = { clientId, secret: '', redirectUri: home };
  const parameters = requestOf(application, { scope: 'openid profile email' });
  const code = (await authorize(testApp(), await signUp(testApp()), parameters)).get('code') ?? '';
  const { body } = await post(testApp(), 'token', {
    grant_type: 'authorization_code',
    code,
    redirect_uri: home,
    code_verifier: verifier,
    client_id: clientId,
  });
  const tokens = body as Record<'access_token' | 'refresh_token' | 'id_token', string>;
  const profile = JSON.parse(Buffer.from(tokens.id_token.split('.')[1] ?? '', 'base64url').toString());
  return new User({
    ...tokens,
    token_type: 'Bearer',
    profile,
    expires_at: Math.floor(Date.now() / 1000) - 1,
  });
}

/** Requests for tokens from now on; `instead` answers in place of the issuer. */
function watchTokens(instead?: () => Promise<Response>) {
  const original = globalThis.fetch;
  return vi.spyOn(globalThis, 'fetch').mockImplementation(async (to, init) => {
    const isToken = String(to).endsWith('/oauth/token');
    return await (isToken && instead !== undefined ? instead() : original(to, init));
  });
}
const tokenRequests = (spy: ReturnType<typeof watchTokens>) =>
  spy.mock.calls.filter(([to]) => String(to).endsWith('/oauth/token')).length;

const unavailable = async () =>
  Response.json({ error: 'temporarily_unavailable' }, { status: 503, headers: { 'retry-after': '1' } });

test.each([
  ['no connection', () => Promise.reject(new TypeError('fetch failed'))],
  ['an answer that it is away', unavailable],
])('a reload that meets %s keeps the user, who is renewed once the service is back', async (_, instead) => {
  const before = await signIn();
  const tab = openTab(before);
  const spy = watchTokens(instead);
  expect((await finishRedirect(tab))?.refresh_token).toBe(before.refresh_token);
  await expect(renew(tab)).rejects.toThrow();
  spy.mockRestore();
  const outcomes: unknown[] = [];
  stops.push(keepRenewed(tab, (failure) => outcomes.push(failure)));
  await vi.waitFor(() => expect(outcomes).toEqual([undefined]));
  expect((await tab.getUser())?.expired).toBe(false);
});

test('a refresh token that was refused signs out, and asking for a token says that nobody is there', async () => {
  const tab = openTab(new User({ ...(await signIn()), refresh_token: 'unknown' }));
  expect(await finishRedirect(tab)).toBeNull();
  expect(await tab.getUser()).toBeNull();
  expect(await renew(tab)).toBeNull();
});

test('all who ask at the same time share one renewal', async () => {
  const tab = openTab(await signIn());
  const spy = watchTokens();
  const renewed = await Promise.all(Array.from({ length: 5 }, () => renew(tab)));
  expect(new Set(renewed.map((user) => user?.access_token)).size).toBe(1);
  expect(tokenRequests(spy)).toBe(1);
});

test('a duplicated tab takes over what the other one has renewed, and neither loses the session', async () => {
  const before = await signIn();
  const [one, copy] = [openTab(before), openTab(before)];
  stops.push(
    keepRenewed(one, () => {}),
    keepRenewed(copy, () => {}),
  );
  await renew(one);
  const { refresh_token: next } = (await one.getUser()) ?? {};
  await vi.waitFor(async () => expect((await copy.getUser())?.refresh_token).toBe(next));
  // Past the grace in which a used refresh token is taken for a lost answer.
  testApp().advance(60_000);
  for (const tab of [copy, one, copy]) {
    const user = await renew(tab);
    expect(user?.expired).toBe(false);
    await vi.waitFor(async () => expect((await one.getUser())?.refresh_token).toBe(user?.refresh_token));
    await vi.waitFor(async () => expect((await copy.getUser())?.refresh_token).toBe(user?.refresh_token));
    testApp().advance(60_000);
  }
});

test.each([
  '?state=CA&page=2',
  '?code=of-another&state=xyz&keep=1',
  '?iss=https://other.example&code=x&state=y',
])('an address that is no answer of this issuer stays as it is: %s', async (search) => {
  stubAddress(search);
  expect(await finishRedirect(openTab())).toBeNull();
  expect(replaceState).not.toHaveBeenCalled();
});

test('an answer of this issuer that fits no request is told, and not tried again', async () => {
  stubAddress(`?${new URLSearchParams({ iss: issuerAt(testApp()), code: 'x', state: 'y' })}`);
  await expect(finishRedirect(openTab())).rejects.toThrow('No matching state found in storage');
  expect(replaceState).toHaveBeenCalledWith(null, '', '/');
});
