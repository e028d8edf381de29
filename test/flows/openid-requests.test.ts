import { decodeJwt } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { AuthorizationStep } from '../../gen/manam/v1/authorization_service_pb.js';
import { useTestApp } from '../support/app.ts';
import { failureOf } from '../support/errors.ts';
import { changePolicy } from '../support/federation.ts';
import { enrolTotp, signUp } from '../support/journey.ts';
import {
  authorize,
  basic,
  exchange,
  handleOf,
  makeApplication,
  pagesOf,
  post,
  requestOf,
  signInTo,
  visit,
} from '../support/openid.ts';

// What an application may ask for, and what becomes of it.

const testApp = useTestApp();

beforeAll(async () => {
  await changePolicy(testApp(), (policy) => ({
    ...policy,
    claims: {
      plan: {
        source: 'constant',
        name: '',
        value: { tier: 'gold' },
        scope: '',
        inIdToken: true,
        inUserInfo: false,
      },
      'https://app.example/given': {
        source: 'field',
        name: 'first_name',
        value: null,
        scope: 'profile',
        inIdToken: false,
        inUserInfo: true,
      },
      is_admin: {
        source: 'role',
        name: 'admin',
        value: null,
        scope: 'roles',
        inIdToken: true,
        inUserInfo: true,
      },
    },
  }));
});

describe('a pushed request', () => {
  const push = (application: Awaited<ReturnType<typeof makeApplication>>, changes = {}) => {
    const { client_id: _, ...parameters } = Object.fromEntries(requestOf(application, changes));
    return post(testApp(), 'par', parameters as Record<string, string>, { headers: basic(application) });
  };
  const uriOf = (application: { readonly clientId: string }, requestUri: unknown) =>
    new URLSearchParams({ client_id: application.clientId, request_uri: String(requestUri) });

  test('is taken once, from its own application, within its time', async () => {
    const application = await makeApplication(testApp());
    const pushed = await push(application);
    expect(pushed).toMatchObject({ status: 201, body: { expires_in: 90 } });
    const other = await makeApplication(testApp());
    expect((await visit(testApp(), uriOf(other, pushed.body['request_uri']))).status).toBe(400);
    // A program that looks at links uses nothing up.
    const at = `${testApp().url}/t/dev/oauth/authorize?${uriOf(application, pushed.body['request_uri'])}`;
    const head = await fetch(at, { method: 'HEAD' });
    expect({ status: head.status, allow: head.headers.get('allow') }).toEqual({
      status: 405,
      allow: 'GET, POST',
    });
    const user = await signUp(testApp());
    const answer = await authorize(testApp(), user, uriOf(application, pushed.body['request_uri']));
    expect(answer.get('state')).toBe('a-state');
    expect((await exchange(testApp(), application, answer.get('code') ?? '')).status).toBe(200);
    expect((await visit(testApp(), uriOf(application, pushed.body['request_uri']))).status).toBe(400);
    const late = await push(application);
    testApp().advance(91_000);
    expect((await visit(testApp(), uriOf(application, late.body['request_uri']))).status).toBe(400);
  });

  test('is judged at once', async () => {
    const application = await makeApplication(testApp());
    expect(await push(application, { redirect_uri: 'https://evil.test/' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    });
    expect(await push(application, { scope: 'everything' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_scope' },
    });
    expect(await push(application, { response_type: 'token' })).toMatchObject({
      status: 400,
      body: { error: 'unsupported_response_type' },
    });
    expect(await push(application, { request_uri: 'urn:x' })).toMatchObject({ status: 400 });
    expect(await push(application, { registration: '{}' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    });
    const anonymous = await post(testApp(), 'par', Object.fromEntries(requestOf(application)));
    expect(anonymous).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    const get = await fetch(`${testApp().url}/t/dev/oauth/par`);
    expect({ status: get.status, allow: get.headers.get('allow') }).toEqual({
      status: 405,
      allow: 'POST, OPTIONS',
    });
  });
});

describe('the steps of a user', () => {
  test('consent is asked for once, and again for what is new', async () => {
    const application = await makeApplication(testApp(), { firstParty: false });
    const user = await signUp(testApp());
    const pages = pagesOf(testApp(), user);
    const ask = async (changes: Record<string, string>, consent = false) =>
      pages.continueAuthorization({
        request: await handleOf(testApp(), requestOf(application, changes)),
        consent,
      });
    expect(await ask({ scope: 'openid' })).toMatchObject({
      location: '',
      step: AuthorizationStep.CONSENT,
      scopes: ['openid'],
    });
    expect((await ask({ scope: 'openid' }, true)).location).toContain('code=');
    expect((await ask({ scope: 'openid' })).location).toContain('code=');
    expect(await ask({ scope: 'openid email' })).toMatchObject({
      step: AuthorizationStep.CONSENT,
      scopes: ['email'],
    });
    expect(await ask({ scope: 'openid', prompt: 'consent' })).toMatchObject({
      step: AuthorizationStep.CONSENT,
    });
    const silent = await ask({ scope: 'openid email', prompt: 'none' });
    expect(new URL(silent.location).searchParams.get('error')).toBe('consent_required');
  });

  test('prompt=login and max_age want a sign-in that is new enough', async () => {
    const application = await makeApplication(testApp());
    const user = await signUp(testApp());
    testApp().advance(120_000);
    const pages = pagesOf(testApp(), user);
    const step = async (changes: Record<string, string>) =>
      (
        await pages.continueAuthorization({
          request: await handleOf(testApp(), requestOf(application, changes)),
        })
      ).step;
    expect(await step({ prompt: 'login' })).toBe(AuthorizationStep.REAUTHENTICATE);
    expect(await step({ max_age: '60' })).toBe(AuthorizationStep.REAUTHENTICATE);
    expect(await step({ max_age: '0' })).toBe(AuthorizationStep.REAUTHENTICATE);
    expect(await step({ max_age: '600' })).toBe(AuthorizationStep.UNSPECIFIED);
  });

  test('acr_values=aal2 is met where the user has a second factor, and said truly where not', async () => {
    const application = await makeApplication(testApp());
    const plain = await signInTo(testApp(), application, { acr_values: 'aal2' });
    expect(decodeJwt(plain.tokens['id_token'] ?? '')).toMatchObject({ acr: 'aal1', amr: ['pwd'] });
    const enrolled = await enrolTotp(testApp(), await signUp(testApp()));
    const strong = await signInTo(testApp(), application, { acr_values: 'aal2' }, enrolled);
    expect(decodeJwt(strong.tokens['id_token'] ?? '')).toMatchObject({ acr: 'aal2' });
  });

  test('id_token_hint of another user asks for that one', async () => {
    const application = await makeApplication(testApp());
    const { tokens } = await signInTo(testApp(), application);
    const other = pagesOf(testApp(), await signUp(testApp()));
    const request = await handleOf(testApp(), requestOf(application, { id_token_hint: tokens['id_token'] }));
    expect((await other.continueAuthorization({ request })).step).toBe(AuthorizationStep.OTHER_USER);
  });
});

test('scopes that are not its own are left out, and the answer says so', async () => {
  const application = await makeApplication(testApp(), { scopes: ['openid', 'email'] });
  const { tokens } = await signInTo(testApp(), application, { scope: 'openid everything roles' });
  expect(tokens['scope']).toBe('openid');
});

describe('claims', () => {
  test('follow the scopes, and the tenant’s own stand beside them', async () => {
    const application = await makeApplication(testApp(), { claimsInIdToken: true });
    const { tokens, user } = await signInTo(testApp(), application, { scope: 'openid profile email roles' });
    expect(decodeJwt(tokens['id_token'] ?? '')).toMatchObject({
      plan: { tier: 'gold' },
      is_admin: false,
      email: user.email,
      given_name: 'Sara',
      roles: [],
    });
    const info = await fetch(`${testApp().url}/t/dev/oauth/userinfo`, {
      headers: { authorization: `Bearer ${tokens['access_token']}` },
    });
    expect(await info.json()).toEqual({
      sub: user.userId,
      name: 'Sara',
      given_name: 'Sara',
      locale: 'en',
      email: user.email,
      email_verified: true,
      roles: [],
      is_admin: false,
      'https://app.example/given': 'Sara',
    });
  });
});

describe('a device', () => {
  const grantType = 'urn:ietf:params:oauth:grant-type:device_code';
  const makeTv = () =>
    makeApplication(testApp(), { kind: 'native', redirectUris: [], deviceGrant: true, firstParty: false });

  test('waits, is told to slow down, and gets its tokens once', async () => {
    const tv = await makeTv();
    const { body } = await post(testApp(), 'device_authorization', {
      client_id: tv.clientId,
      scope: 'openid',
    });
    expect(body).toMatchObject({
      expires_in: 600,
      interval: 5,
      user_code: expect.stringMatching(/^[B-Z]{4}-[B-Z]{4}$/),
    });
    const ask = () =>
      post(testApp(), 'token', {
        grant_type: grantType,
        client_id: tv.clientId,
        device_code: String(body['device_code']),
      });
    expect((await ask()).body).toMatchObject({ error: 'authorization_pending' });
    expect((await ask()).body).toMatchObject({ error: 'slow_down' });
    testApp().advance(11_000);
    expect((await ask()).body).toMatchObject({ error: 'authorization_pending' });
    const user = await signUp(testApp());
    const pages = pagesOf(testApp(), user);
    const userCode = String(body['user_code']).toLowerCase().replace('-', ' ');
    expect(await pages.describeDevice({ userCode })).toMatchObject({ application: { name: 'Shop' } });
    await pages.decideDevice({ userCode });
    testApp().advance(16_000);
    const answers = await Promise.all(Array.from({ length: 4 }, ask));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const [won] = answers.filter(({ status }) => status === 200);
    expect(decodeJwt(String(won?.body['id_token']))).toMatchObject({ sub: user.userId, aud: tv.clientId });
    testApp().advance(60_000);
    expect((await ask()).body).toMatchObject({ error: 'invalid_grant' });
    expect((await failureOf(pages.decideDevice({ userCode }))).reason).toBe('CODE_INVALID');
  });

  test('is refused, or expires', async () => {
    const tv = await makeTv();
    const start = async () =>
      (await post(testApp(), 'device_authorization', { client_id: tv.clientId })).body as Record<
        string,
        string
      >;
    const ask = (body: Record<string, string>) =>
      post(testApp(), 'token', {
        grant_type: grantType,
        client_id: tv.clientId,
        device_code: body['device_code'] ?? '',
      });
    const refused = await start();
    await pagesOf(testApp(), await signUp(testApp())).decideDevice({
      userCode: refused['user_code'] ?? '',
      deny: true,
    });
    expect(await ask(refused)).toMatchObject({ status: 400, body: { error: 'access_denied' } });
    const late = await start();
    testApp().advance(601_000);
    expect(await ask(late)).toMatchObject({ status: 400, body: { error: 'expired_token' } });
  });

  test('needs an application that has the grant', async () => {
    const application = await makeApplication(testApp());
    expect(await post(testApp(), 'device_authorization', {}, { headers: basic(application) })).toMatchObject({
      status: 400,
      body: { error: 'unauthorized_client' },
    });
  });
});
