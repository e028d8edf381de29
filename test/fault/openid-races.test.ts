import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeApplicationKey, makeSigningKey, openVault } from '../../src/adapters/keys.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import { applicationKeyAlgorithms } from '../../src/domain/signing-key.ts';
import { createDeployment } from '../../src/flows/admin/deployment.ts';
import { masterKeys, startTestApp, type TestApp } from '../support/app.ts';
import { freePort } from '../support/federation.ts';
import { signUp } from '../support/journey.ts';
import {
  basic,
  exchange,
  handleOf,
  issuerAt,
  makeApplication,
  pagesOf,
  post,
  requestOf,
  signInTo,
} from '../support/openid.ts';

// Two instances over one database, and one code or token that both are asked for at the same time.

const pairs = 1000;
let one: TestApp;
let other: TestApp;

beforeAll(async () => {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  one = await startTestApp({ config: { port, issuer } });
  other = await startTestApp({ sibling: one, config: { issuer } });
});
afterAll(async () => {
  await other.close();
  await one.close();
});

test('of two instances that redeem one code, one wins', async () => {
  const application = await makeApplication(one);
  const pages = pagesOf(one, await signUp(one));
  const outcomes: Record<string, number> = {};
  for (let round = 0; round < pairs; round += 1) {
    const request = await handleOf(one, requestOf(application));
    const { location } = await pages.continueAuthorization({ request });
    const code = new URL(location).searchParams.get('code') ?? '';
    const answers = await Promise.all([exchange(one, application, code), exchange(other, application, code)]);
    const won = answers.filter(({ status }) => status === 200).length;
    outcomes[won] = (outcomes[won] ?? 0) + 1;
    for (const { status, body } of answers)
      if (status !== 200) expect(body).toMatchObject({ error: 'invalid_grant' });
  }
  expect(outcomes).toEqual({ 1: pairs });
}, 600_000);

test('of two instances that refresh with one token, both get the same successor', async () => {
  const application = await makeApplication(one);
  const { tokens } = await signInTo(one, application);
  let token = tokens['refresh_token'] ?? '';
  for (let round = 0; round < pairs; round += 1) {
    const form = { grant_type: 'refresh_token', refresh_token: token };
    const headers = basic(application);
    const answers = await Promise.all([
      post(one, 'token', form, { headers }),
      post(other, 'token', form, { headers }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const successors = new Set(answers.map(({ body }) => body['refresh_token']));
    expect(successors.size).toBe(1);
    [token] = [...successors] as [string];
  }
}, 600_000);

test('keys of every algorithm rotate, and no token is refused meanwhile', async () => {
  const { store } = one.app;
  const clock = one.now;
  const vault = await openVault({ keys: store.keys, masterKeys, random: systemRandom, clock });
  const deployment = createDeployment({
    store,
    clock,
    random: systemRandom,
    makeSigningKey: (at) => makeSigningKey(vault, { clock, random: systemRandom }, at),
    makeApplicationKeys: (at) =>
      Promise.all(
        applicationKeyAlgorithms.map((algorithm) =>
          makeApplicationKey(vault, { clock, random: systemRandom }, algorithm, at),
        ),
      ),
    resealDataKey: undefined,
  });
  const applications = await Promise.all(
    (['RS256', 'ES256', 'EdDSA'] as const).map(async (algorithm) => ({
      algorithm,
      application: await makeApplication(one, { algorithm }),
    })),
  );
  const kids = new Map<string, Set<string>>();
  // As a verifier does it: it keeps the keys, and reads them again for one that it does not know.
  const keys = createRemoteJWKSet(new URL(`${issuerAt(one)}/jwks`), { cooldownDuration: 0 });
  const old: string[] = [];
  async function round(): Promise<void> {
    for (const { algorithm, application } of applications)
      for (const test of [one, other]) {
        const { body } = await post(
          test,
          'token',
          { grant_type: 'client_credentials' },
          { headers: basic(application) },
        );
        const token = String(body['access_token']);
        const { protectedHeader } = await jwtVerify(token, keys, {
          issuer: issuerAt(one),
          typ: 'at+jwt',
          currentDate: clock(),
        });
        expect(protectedHeader.alg).toBe(algorithm);
        kids.set(algorithm, (kids.get(algorithm) ?? new Set()).add(String(protectedHeader.kid)));
        old.push(token);
      }
  }
  await round();
  const operator = { requestId: 'test', keyId: undefined, client: { address: '', userAgent: '' } };
  await deployment.rotateSigningKey(operator, { leadMs: 10_000, revokeOthers: false });
  await round();
  // Every instance reads the keys again in time for the new ones to sign.
  await Promise.all([one.catchUp(), other.catchUp()]);
  one.advance(11_000);
  await round();
  for (const [algorithm, seen] of kids) expect(seen.size, algorithm).toBe(2);
  for (const token of old) {
    const { application } = applications.find(
      ({ algorithm }) => algorithm === decodeProtectedHeader(token).alg,
    ) as (typeof applications)[number];
    const { body } = await post(one, 'introspect', { token }, { headers: basic(application) });
    if (String(body['client_id']) === application.clientId) expect(body['active']).toBe(true);
    expect(body['active']).toBe(true);
  }
}, 120_000);
