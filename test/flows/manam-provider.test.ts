import { decodeJwt } from 'jose';
import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { ProviderService } from '../../gen/manam/v1/provider_service_pb.js';
import { defaultSettings } from '../../src/domain/connection.ts';
import { useTestApp } from '../support/app.ts';
import { failureOf } from '../support/errors.ts';
import { freePort, makePkce, redirectUri } from '../support/federation.ts';
import { bearer, type SignedIn, signUp } from '../support/journey.ts';
import { makeApplication, pagesOf } from '../support/openid.ts';

// "Login with Manam" by the standard: the tenant `manam` is a provider like any other, and knows its users by the same
// subjects as the page's own calls do.

const port = await freePort();
const testApp = useTestApp({ config: { port, issuer: `http://127.0.0.1:${port}` } });

/** Connects the tenant `dev` with the tenant `manam`. */
async function connect(): Promise<string> {
  const { store } = testApp().app;
  const tenant = await store.tenants.findBySlug('dev');
  if (tenant === undefined) throw new Error('there is a tenant dev');
  const application = await makeApplication(
    testApp(),
    {
      name: 'Dev',
      firstParty: false,
      redirectUris: [`${testApp().issuer}/login/callback/dev/manam-id`],
      sector: 'dev',
    },
    'manam',
  );
  const now = testApp().now();
  const settings = { ...defaultSettings, kind: 'manam' as const, clientId: application.clientId };
  const row = { tenantId: tenant.id, name: 'manam-id', settings, createdAt: now, updatedAt: now };
  await store.connections.save(row);
  await store.connections.setSecret(tenant.id, 'manam-id', application.secret);
  return application.clientId;
}

/** Signs a user of Manam in to the tenant `dev` by the standard; returns the user there. */
async function comeByStandard(user: SignedIn): Promise<string> {
  const { codeVerifier, codeChallenge } = makePkce();
  const { authorizationUrl } = await testApp()
    .client(ProviderService)
    .startProviderLogin({ provider: 'manam-id', redirectUri, codeChallenge });
  const atManam = await fetch(authorizationUrl, { redirect: 'manual' });
  const request =
    new URL(atManam.headers.get('location') ?? '', authorizationUrl).searchParams.get('request') ?? '';
  const { location } = await pagesOf(testApp(), user, 'manam').continueAuthorization({
    request,
    consent: true,
  });
  const back = await fetch(location, { redirect: 'manual' });
  const { searchParams } = new URL(back.headers.get('location') ?? '');
  expect(searchParams.get('error')).toBeNull();
  const code = searchParams.get('code') ?? '';
  const { tokens } = await testApp().client(AuthService).redeemLoginCode({ code, codeVerifier });
  return String(decodeJwt(tokens?.accessToken ?? '').sub);
}

/** The same by the calls of the page. */
async function comeByPage(user: SignedIn): Promise<string> {
  const { codeVerifier, codeChallenge } = makePkce();
  const query = new URLSearchParams({
    client: testApp().dev.publishable,
    redirect_uri: redirectUri,
    code_challenge: codeChallenge,
  });
  const page = await fetch(`${testApp().url}/manamlogin?${query}`, { redirect: 'manual' });
  const request =
    new URL(page.headers.get('location') ?? '', testApp().url).searchParams.get('request') ?? '';
  const { redirectUrl } = await testApp()
    .client(AuthService, { ...bearer(user.accessToken), apieco_key: testApp().manam.publishable })
    .approveManamLogin({ request });
  const code = new URL(redirectUrl).searchParams.get('code') ?? '';
  const { tokens } = await testApp().client(AuthService).redeemLoginCode({ code, codeVerifier });
  return String(decodeJwt(tokens?.accessToken ?? '').sub);
}

const manamUser = () => signUp(testApp(), { apieco_key: testApp().manam.publishable });

test('a user of Manam finds the same account by the standard and by the page, in either order', async () => {
  await connect();
  const [one, other] = [await manamUser(), await manamUser()];
  const first = await comeByStandard(one);
  expect(await comeByPage(one)).toBe(first);
  const second = await comeByPage(other);
  expect(await comeByStandard(other)).toBe(second);
  expect(second).not.toBe(first);
});

test('the tenant learns a subject of its own, and loses the user’s data when they take it back', async () => {
  const clientId = await connect();
  const user = await manamUser();
  await comeByStandard(user);
  const asTenant = testApp().client(ProfileService, { apieco_key: testApp().dev.secret });
  const told = await asTenant.getManamUserInfo({ email: user.email });
  expect(JSON.stringify(told, (_, value) => (typeof value === 'bigint' ? 0 : value))).not.toContain(
    user.userId,
  );
  const pages = pagesOf(testApp(), user, 'manam');
  const { applications } = await pages.listConnectedApplications({});
  expect(applications.map(({ application }) => application?.name)).toEqual(['Dev']);
  await pages.disconnectApplication({ clientId });
  expect((await pages.listConnectedApplications({})).applications).toEqual([]);
  expect((await failureOf(asTenant.getManamUserInfo({ email: user.email }))).reason).toBe('NOT_FOUND');
});

test('a consent that was given on the page can be taken back without an application', async () => {
  await connect();
  const user = await manamUser();
  await comeByPage(user);
  const pages = pagesOf(testApp(), user, 'manam');
  const [dev] = (await pages.listConnectedApplications({})).applications;
  await pages.disconnectApplication({ clientId: dev?.application?.clientId ?? '' });
  expect((await pages.listConnectedApplications({})).applications).toEqual([]);
  const again = pages.disconnectApplication({ clientId: dev?.application?.clientId ?? '' });
  expect((await failureOf(again)).reason).toBe('NOT_FOUND');
});

test('an application of Manam needs the tenant that it is for, and no other tenant has such ones', async () => {
  await expect(makeApplication(testApp(), {}, 'manam')).rejects.toMatchObject({ reason: 'REQUEST_INVALID' });
  await expect(makeApplication(testApp(), { sector: 'dev' })).rejects.toMatchObject({
    reason: 'REQUEST_INVALID',
  });
});
