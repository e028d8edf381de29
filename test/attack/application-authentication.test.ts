import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { useTestApp } from '../support/app.ts';
import { basic, issuerAt, makeApplication, post, type TestApplication } from '../support/openid.ts';
import { tampered } from '../support/tampered.ts';

// Applications that are who they say.

const testApp = useTestApp();

describe('an application authenticates as it is registered', () => {
  const form = { grant_type: 'client_credentials' };

  test.each([
    ['client_secret_basic', (app: TestApplication) => ({ headers: basic(app), form: {} })],
    [
      'client_secret_post',
      (app: TestApplication) => ({
        headers: {},
        form: { client_id: app.clientId, client_secret: app.secret },
      }),
    ],
  ] as const)('%s', async (authentication, credentials) => {
    const application = await makeApplication(testApp(), { authentication });
    const right = credentials(application);
    const call = (more: object, headers: Record<string, string>) =>
      post(testApp(), 'token', { ...form, ...more }, { headers });
    expect((await call(right.form, right.headers)).status).toBe(200);
    const wrongSecret = credentials({ ...application, secret: tampered(application.secret) });
    const other = authentication === 'client_secret_basic';
    const attempts = [
      wrongSecret,
      { headers: {}, form: { client_id: application.clientId } },
      { headers: { authorization: 'Basic !!!' }, form: {} },
      { headers: { authorization: 'Bearer abc' }, form: {} },
      other
        ? { headers: {}, form: { client_id: application.clientId, client_secret: application.secret } }
        : { headers: basic(application), form: {} },
    ];
    for (const attempt of attempts) {
      const answer = await call(attempt.form, attempt.headers as Record<string, string>);
      expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
      expect(answer.headers.get('www-authenticate')).toBe('Basic realm="manam"');
    }
    const both = await call(
      { client_id: application.clientId, client_secret: application.secret },
      basic(application),
    );
    expect(both).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  test('a public application shows no secret, and gets no tokens of its own', async () => {
    const application = await makeApplication(testApp(), { kind: 'spa' });
    const answer = await post(testApp(), 'token', { ...form, client_id: application.clientId });
    expect(answer).toMatchObject({ status: 400, body: { error: 'unauthorized_client' } });
    const shown = await post(testApp(), 'token', {
      ...form,
      client_id: application.clientId,
      client_secret: 'x',
    });
    expect(shown).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  });

  test('a page calls from a registered origin alone', async () => {
    const application = await makeApplication(testApp(), { kind: 'spa', origins: ['https://spa.example'] });
    const call = (origin: string) =>
      post(
        testApp(),
        'token',
        { grant_type: 'refresh_token', refresh_token: 'x', client_id: application.clientId },
        { headers: { origin } },
      );
    const own = await call('https://spa.example');
    expect(own).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(own.headers.get('access-control-allow-origin')).toBe('https://spa.example');
    const foreign = await call('https://evil.test');
    expect(foreign.body).toMatchObject({ error: 'access_denied' });
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
  });

  describe('private_key_jwt', () => {
    async function makeSigner() {
      const { privateKey, publicKey } = await generateKeyPair('ES256');
      const application = await makeApplication(testApp(), {
        authentication: 'private_key_jwt',
        jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: 'one' }] },
      });
      const { clientId } = application;
      const assertion = (changes: Record<string, unknown> = {}, atMs = 0) => {
        const now = Math.floor((testApp().now().getTime() + atMs) / 1000);
        const claims = { iss: clientId, sub: clientId, aud: issuerAt(testApp()), jti: randomUUID() };
        const all = { ...claims, iat: now, exp: now + 60, ...changes };
        const payload = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
        return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(privateKey);
      };
      const call = (text: string) =>
        post(testApp(), 'token', {
          ...form,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: text,
        });
      return { assertion, call, clientId };
    }

    test('is taken once, and of ten copies at the same time one wins', async () => {
      const { assertion, call } = await makeSigner();
      const text = await assertion();
      expect((await call(text)).status).toBe(200);
      expect(await call(text)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
      const copy = await assertion();
      const answers = await Promise.all(Array.from({ length: 10 }, () => call(copy)));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(401)]);
    });

    test('of a clock that is 8 s ahead is taken, and 60 s are too many', async () => {
      const { assertion, call } = await makeSigner();
      const ahead = (seconds: number) => {
        const at = Math.floor(testApp().now().getTime() / 1000) + seconds;
        return assertion({ iat: at, nbf: at, exp: at + 60 });
      };
      expect((await call(await ahead(8))).status).toBe(200);
      expect((await call(await ahead(60))).status).toBe(401);
    });

    test.each([
      ['another issuer', { iss: 'someone' }],
      ['another subject', { sub: randomUUID() }],
      ['another audience', { aud: 'https://other.example' }],
      ['one more audience', { aud: ['https://other.example', 'x'] }],
      ['no audience', { aud: undefined }],
      ['no id', { jti: undefined }],
      ['no expiry', { exp: undefined }],
      ['an expiry that is over', { exp: 1 }],
      ['an expiry in a year', { exp: 4_000_000_000 }],
    ])('with %s is refused', async (_, changes) => {
      const { assertion, call } = await makeSigner();
      expect(await call(await assertion(changes))).toMatchObject({
        status: 401,
        body: { error: 'invalid_client' },
      });
    });
  });
});
