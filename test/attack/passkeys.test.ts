import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Client } from '@connectrpc/connect';
import { describe, expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { PasskeyService } from '../../gen/manam/v1/passkey_service_pb.js';
import { password, startTestApp, useTestApp } from '../support/app.ts';
import { type Deviation, makeAuthenticator, makeKey } from '../support/authenticator.ts';
import { failure, failureOf } from '../support/errors.ts';
import { changePolicy } from '../support/federation.ts';
import { bearer, enrolTotp, signUp } from '../support/journey.ts';
import {
  addPasskey,
  atSite,
  json,
  pageOrigin,
  passkeysOf,
  signInWithPassword,
  signUpWithPasskey,
} from '../support/passkeys.ts';
import { makeDevice } from '../support/proofs.ts';
import { protocols } from '../support/protocols.ts';

// Every step of WebAuthn Level 3, sections 7.1 and 7.2, that a response can fail, and what the library leaves open.

const testApp = useTestApp({ config: atSite });
const invalid = failure('Unauthenticated', 'PASSKEY_INVALID');
const other = 'https://intruder.example';

/** What is wrong with both kinds of response. */
const wrong: Record<string, Deviation> = {
  'another type of ceremony': { clientData: { type: 'payment.get' } },
  'a challenge that is not ours': { clientData: { challenge: randomBytes(54).toString('base64url') } },
  'no challenge': { clientData: { challenge: undefined } },
  'another origin': { clientData: { origin: other } },
  'an origin that begins like ours': { clientData: { origin: `${pageOrigin}.intruder.example` } },
  'a frame of another site': { clientData: { crossOrigin: true } },
  'a frame of another site, with its origin': { clientData: { crossOrigin: true, topOrigin: other } },
  'an origin at the top without a frame': { clientData: { topOrigin: other } },
  'an empty origin at the top': { clientData: { topOrigin: '' } },
  'the hash of another relying party': { rpId: 'intruder.example' },
  'no presence of a user': { isPresent: false, isVerified: false },
  'a backup without being eligible for one': { isBackupEligible: false, isBackedUp: true },
  'another type of credential': { type: 'password' },
};

const cut = (bytes: Buffer) => bytes.subarray(0, -1);
const followed = (bytes: Buffer) => Buffer.concat([bytes, Buffer.of(0)]);
const withParameter = (label: number, value: unknown) => new Map(makeKey().cose).set(label, value);
const without = (label: number) => new Map([...makeKey().cose].filter(([each]) => each !== label));

const wrongRegistrations: Record<string, () => Deviation> = {
  'the type of a proof': () => ({ clientData: { type: 'webauthn.get' } }),
  'an algorithm that was not asked for': () => ({ key: withParameter(3, -35) }),
  'a key without an algorithm': () => ({ key: without(3) }),
  'a key of another curve': () => ({ key: withParameter(-1, 2) }),
  'a point that is not on the curve': () => ({ key: withParameter(-3, new Uint8Array(32).fill(7)) }),
  'a coordinate of another length': () => ({ key: withParameter(-2, new Uint8Array(33).fill(1)) }),
  'a compressed point': () => ({ key: withParameter(-3, true) }),
  'a parameter that a credential’s key may not have': () => ({ key: withParameter(4, 2) }),
  'a weak RSA key': () => ({ key: makeKey(-257, 1024).cose }),
  'an RSA key with an exponent of one': () => ({
    key: new Map(makeKey(-257).cose).set(-2, Uint8Array.of(1)),
  }),
  'a credential id of more than 1,023 bytes': () => ({ credentialId: randomBytes(1024) }),
  'bytes after the attestation': () => ({ attestationObject: followed }),
  'an attestation that was cut off': () => ({ attestationObject: cut }),
  'a statement in an attestation of none': () => ({ attStmt: new Map([['alg', -7]]) }),
  'an attestation of another algorithm than the key': () => ({
    fmt: 'packed',
    attStmt: new Map([['alg', -257]]),
  }),
  'an attestation with a wrong signature': () => ({
    fmt: 'packed',
    attStmt: new Map<string, unknown>([
      ['alg', -7],
      ['sig', new Uint8Array(70)],
    ]),
  }),
  'an attestation that was not asked for': () => ({ fmt: 'fido-u2f' }),
  'an unknown attestation': () => ({ fmt: 'compound' }),
};

/** A signature in DER with a needless zero before r. */
function padded(signature: Buffer): Buffer {
  const length = signature[3] ?? 0;
  const r = signature.subarray(4, 4 + length);
  const rest = signature.subarray(4 + length);
  const body = Buffer.concat([Buffer.of(2, length + 1, 0), r, rest]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

const wrongProofs: Record<string, Deviation> = {
  'the type of a registration': { clientData: { type: 'webauthn.create' } },
  'another user’s handle': { userHandle: randomBytes(32).toString('base64url') },
  'no user handle': { userHandle: null },
  'an unknown credential': { credentialId: randomBytes(32) },
  'a signature of another key': { signature: () => Buffer.from(createHash('sha256').update('x').digest()) },
  'a signature that is not strict DER': { signature: padded },
  'bytes after the signature': { signature: followed },
  'a backup state that the passkey never had': { isBackupEligible: true, isBackedUp: true },
};

for (const { name, connect } of protocols)
  describe(name, () => {
    const client = (headers: Record<string, string> = {}): Client<typeof PasskeyService> =>
      connect(PasskeyService, testApp().url, { apieco_key: testApp().dev.publishable, ...headers });

    test('a registration that differs in any step is refused', async () => {
      const user = await signUp(testApp());
      const own = client(bearer(user.accessToken));
      const all = {
        ...wrong,
        ...Object.fromEntries(Object.entries(wrongRegistrations).map(([k, f]) => [k, f()])),
      };
      for (const [what, deviation] of Object.entries(all)) {
        const authenticator = makeAuthenticator({ origin: pageOrigin });
        const { options } = await own.startPasskeyRegistration({});
        const answer = own.finishPasskeyRegistration(json(authenticator.create(options ?? {}, deviation)));
        expect([what, await failureOf(answer)]).toEqual([what, invalid]);
      }
      expect((await own.listPasskeys({})).passkeys).toEqual([]);
    });

    test('a proof that differs in any step is refused', async () => {
      const { authenticator, userId } = await signUpWithPasskey(testApp());
      const anyone = client();
      for (const [what, deviation] of Object.entries({ ...wrong, ...wrongProofs })) {
        const { options } = await anyone.startPasskeySignIn({});
        const answer = anyone.finishPasskeySignIn(json(authenticator.get(options ?? {}, deviation)));
        expect([what, await failureOf(answer)]).toEqual([what, invalid]);
      }
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const { options } = await anyone.startPasskeySignIn({});
      const forged = anyone.finishPasskeySignIn(json(authenticator.get(options ?? {}, {}, privateKey)));
      expect(await failureOf(forged)).toEqual(invalid);
      for (const credential of [undefined, {}, { id: 7 }, { response: 'x' }])
        expect(await failureOf(anyone.finishPasskeySignIn({ credential: credential as never }))).toEqual(
          invalid,
        );
      const right = (await anyone.startPasskeySignIn({})).options ?? {};
      expect((await anyone.finishPasskeySignIn(json(authenticator.get(right)))).userId).toBe(userId);
    });
  });

test('an RSA key and an attestation of the key itself are taken', async () => {
  const rsa = await signUpWithPasskey(testApp(), { algorithm: -257 });
  const anyone = passkeysOf(testApp());
  const { options } = await anyone.startPasskeySignIn({});
  expect((await anyone.finishPasskeySignIn(json(rsa.authenticator.get(options ?? {})))).userId).toBe(
    rsa.userId,
  );
  const own = passkeysOf(testApp(), await signUp(testApp()));
  const asked = (await own.startPasskeyRegistration({})).options ?? {};
  const packed = makeAuthenticator({ origin: pageOrigin }).create(asked, {
    fmt: 'packed',
    attStmt: new Map([['alg', -7]]),
  });
  expect((await own.finishPasskeyRegistration(json(packed))).passkey?.passkeyId).not.toBe('');
});

test('a challenge is good once, for five minutes, and for nothing else', async () => {
  const user = await signUpWithPasskey(testApp());
  const { authenticator } = user;
  const anyone = passkeysOf(testApp());
  const own = passkeysOf(testApp(), user);
  const { options = {} } = await anyone.startPasskeySignIn({});
  await anyone.finishPasskeySignIn(json(authenticator.get(options)));
  expect(await failureOf(anyone.finishPasskeySignIn(json(authenticator.get(options))))).toEqual(invalid);
  // Not for another ceremony.
  const stepUp = (await own.startPasskeyVerification({})).options ?? {};
  expect(await failureOf(anyone.finishPasskeySignIn(json(authenticator.get(stepUp))))).toEqual(invalid);
  const signIn = (await anyone.startPasskeySignIn({})).options ?? {};
  expect(await failureOf(own.finishPasskeyStepUp(json(authenticator.get(signIn))))).toEqual(invalid);
  // Not in another session, and not for another tenant.
  const foreign = passkeysOf(testApp(), await signUp(testApp()));
  const registration = (await own.startPasskeyRegistration({})).options ?? {};
  const made = makeAuthenticator({ origin: pageOrigin }).create(registration);
  expect(await failureOf(foreign.finishPasskeyRegistration(json(made)))).toEqual(invalid);
  const manam = testApp().client(PasskeyService, { apieco_key: testApp().manam.publishable });
  const theirs = (await manam.startPasskeySignIn({})).options ?? {};
  expect(await failureOf(anyone.finishPasskeySignIn(json(authenticator.get(theirs))))).toEqual(invalid);
  const late = (await anyone.startPasskeySignIn({})).options ?? {};
  testApp().advance(5 * 60_000);
  expect(await failureOf(anyone.finishPasskeySignIn(json(authenticator.get(late))))).toEqual(invalid);
});

test('of parallel sign-ins with one challenge one succeeds, on two instances', async () => {
  const second = await startTestApp({ sibling: testApp(), config: atSite });
  const { authenticator } = await signUpWithPasskey(testApp());
  const { options = {} } = await passkeysOf(testApp()).startPasskeySignIn({});
  const credential = json(authenticator.get(options));
  const tries = Array.from({ length: 10 }, (_, index) =>
    passkeysOf(index % 2 === 0 ? testApp() : second)
      .finishPasskeySignIn(credential)
      .then(
        () => 1,
        () => 0,
      ),
  );
  expect((await Promise.all(tries)).reduce<number>((sum, one) => sum + one, 0)).toBe(1);
  await second.close();
});

test('a credential belongs to one account, also when two register it at once', async () => {
  const authenticator = makeAuthenticator({ origin: pageOrigin });
  const owners = await Promise.all([0, 1, 2, 3].map(() => signUp(testApp())));
  const tries = await Promise.all(
    owners.map(async (user) => {
      const own = passkeysOf(testApp(), user);
      const { options = {} } = await own.startPasskeyRegistration({});
      return await failureOf(own.finishPasskeyRegistration(json(authenticator.create(options)))).catch(
        () => 'kept',
      );
    }),
  );
  expect(tries.filter((end) => end === 'kept')).toHaveLength(1);
  expect(tries.filter((end) => end !== 'kept')).toEqual(
    Array.from({ length: 3 }, () => failure('AlreadyExists', 'PASSKEY_TAKEN')),
  );
});

test('a counter that does not grow is an event after a good signature, and refused by policy', async () => {
  const app = await startTestApp({ config: atSite });
  const user = await signUpWithPasskey(app, { counts: true });
  const { authenticator } = user;
  const anyone = passkeysOf(app);
  const signInAt = async (counter: number, deviation: Deviation = {}) => {
    const { options = {} } = await anyone.startPasskeySignIn({});
    return await anyone.finishPasskeySignIn(json(authenticator.get(options, { ...deviation, counter }))).then(
      () => true,
      () => false,
    );
  };
  const fallen = async () =>
    Number(
      (await app.sql("SELECT COUNT(*) AS n FROM events WHERE type = 'authenticator.counter_fell'"))[0]?.['n'],
    );
  expect(await signInAt(9)).toBe(true);
  expect(await signInAt(9)).toBe(false);
  expect(await signInAt(0)).toBe(false);
  expect(await fallen()).toBe(2);
  // A bad signature says nothing of the counter.
  expect(await signInAt(3, { signature: followed })).toBe(false);
  expect(await fallen()).toBe(2);
  expect(await signInAt(10)).toBe(true);
  const both = await Promise.all([signInAt(11), signInAt(11), signInAt(11)]);
  expect(both.filter((succeeded) => succeeded)).toHaveLength(1);
  await changePolicy(app, (policy) => ({
    ...policy,
    passkeys: { ...policy.passkeys, counterFall: 'accept' },
  }));
  const lenient = await startTestApp({ sibling: app, config: atSite });
  const before = await fallen();
  const { options = {} } = await passkeysOf(lenient).startPasskeySignIn({});
  await passkeysOf(lenient).finishPasskeySignIn(json(authenticator.get(options, { counter: 2 })));
  expect(await fallen()).toBe(before + 1);
  await lenient.close();
  await app.close();
});

test('where the tenant requires it, a user who was not verified is refused', async () => {
  const app = await startTestApp({ config: atSite });
  await changePolicy(app, (policy) => ({
    ...policy,
    passkeys: { ...policy.passkeys, userVerification: 'required' },
  }));
  const user = await signUp(app);
  expect(await failureOf(addPasskey(app, user, { isVerified: false }))).toEqual(invalid);
  const { authenticator } = await addPasskey(app, user);
  const anyone = passkeysOf(app);
  const { options = {} } = await anyone.startPasskeySignIn({});
  expect(options['userVerification']).toBe('required');
  const answer = anyone.finishPasskeySignIn(json(authenticator.get(options, { isVerified: false })));
  expect(await failureOf(answer)).toEqual(invalid);
  await app.close();
});

test('two removals at once leave the last passkey of a user who has no password', async () => {
  const app = await startTestApp({ config: atSite });
  await changePolicy(app, (policy) => ({
    ...policy,
    passkeys: { ...policy.passkeys, passwordless: 'user' },
  }));
  const first = await signUpWithPasskey(app);
  const second = await addPasskey(app, first);
  const own = passkeysOf(app, first);
  await own.removePassword({});
  const ends = await Promise.all(
    [first, second].map(({ passkeyId }) =>
      own.removePasskey({ passkeyId }).then(
        () => 'removed',
        () => 'kept',
      ),
    ),
  );
  expect(ends.sort()).toEqual(['kept', 'removed']);
  expect((await own.listPasskeys({})).passkeys).toHaveLength(1);
  await app.close();
});

test('a passkey that does not let its user in by itself is no last way in', async () => {
  const app = await startTestApp({ config: atSite });
  const passkeys = { passwordless: 'user' } as const;
  await changePolicy(app, (policy) => ({ ...policy, passkeys: { ...policy.passkeys, ...passkeys } }));
  const first = await signUpWithPasskey(app, { isVerified: false });
  const verified = await addPasskey(app, first);
  const own = passkeysOf(app, first);
  await own.removePassword({});
  expect(await failureOf(own.removePasskey({ passkeyId: verified.passkeyId }))).toMatchObject({
    reason: 'LAST_SIGN_IN',
  });
  // Nor is one of a site that is not the tenant's any more.
  const other = await addPasskey(app, first);
  await own.removePasskey({ passkeyId: verified.passkeyId });
  await app.sql(
    'UPDATE authenticators SET data = REPLACE(data, \'"localhost"\', \'"elsewhere"\') WHERE id <> ?',
    [Buffer.from(other.passkeyId.replaceAll('-', ''), 'hex')],
  );
  expect(await failureOf(own.removePasskey({ passkeyId: other.passkeyId }))).toMatchObject({
    reason: 'LAST_SIGN_IN',
  });
  await own.removePasskey({ passkeyId: first.passkeyId });
  await app.close();
});

test('a counter that does not grow is an event at the second step and at a step-up too', async () => {
  const app = await startTestApp({ config: atSite });
  const user = await addPasskey(app, await enrolTotp(app, await signUp(app)), { counts: true });
  const { authenticator } = user;
  const own = passkeysOf(app, user);
  const pendingOf = async () => {
    const { twoFactor } = await signInWithPassword(app, user);
    return passkeysOf(app, { accessToken: twoFactor?.twoFactorToken ?? '' });
  };
  const asked = async (client: typeof own) => (await client.startPasskeyVerification({})).options ?? {};
  const pending = await pendingOf();
  const low = json(authenticator.get(await asked(pending), { counter: 0 }));
  expect(await failureOf(pending.finishPasskeySecondFactor(low))).toEqual(invalid);
  const lower = json(authenticator.get(await asked(own), { counter: 1 }));
  expect(await failureOf(own.finishPasskeyStepUp(lower))).toEqual(invalid);
  const [row] = await app.sql("SELECT COUNT(*) AS n FROM events WHERE type = 'authenticator.counter_fell'");
  expect(Number(row?.['n'])).toBe(2);
  await app.close();
});

test('a device is remembered after a passkey as the second step', async () => {
  const app = await startTestApp({ config: atSite });
  await changePolicy(app, (policy) => ({ ...policy, rememberDeviceDays: 30 }));
  const user = await addPasskey(app, await enrolTotp(app, await signUp(app)));
  const device = makeDevice(app);
  const key = { apieco_key: app.dev.publishable };
  const signIn = async () =>
    await app
      .client(AuthService, { ...key, ...(await device('AuthService/Login')) })
      .login({ email: user.email, password });
  const { twoFactor } = await signIn();
  const headers = bearer(twoFactor?.twoFactorToken ?? '');
  const { options = {} } = await app.client(PasskeyService, headers).startPasskeyVerification({});
  const proof = await device('PasskeyService/FinishPasskeySecondFactor');
  await app
    .client(PasskeyService, { ...headers, ...proof })
    .finishPasskeySecondFactor({ ...json(user.authenticator.get(options)), rememberDevice: true });
  expect((await signIn()).twoFactor).toBeUndefined();
  await app.close();
});
