import { randomUUID } from 'node:crypto';
import { getOption } from '@bufbuild/protobuf';
import { beforeAll, expect, test } from 'vitest';
import { access } from '../../gen/manam/options/v1/access_pb.js';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { PasskeyService } from '../../gen/manam/v1/passkey_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { publicServices } from '../../src/contract/services.ts';
import { formatApiKey } from '../../src/domain/api-key.ts';
import { formatChallengeToken } from '../../src/domain/token.ts';
import { type Admin, connectAdmin, makeTenant } from '../support/admin.ts';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { type ErrorShape, failure, failureOf, shapeOf } from '../support/errors.ts';
import {
  bearer,
  type Enrolled,
  enrolTotp,
  freshMobile,
  register,
  type SignedIn,
  signUp,
} from '../support/journey.ts';
import { addPasskey } from '../support/passkeys.ts';
import { proofOrigin } from '../support/proofs.ts';
import { protocols } from '../support/protocols.ts';
import { firstOf } from '../support/streams.ts';

const services = Object.values(publicServices);

// Tenant isolation: a holder of the keys and tokens of tenant A sees of tenant
// B exactly what they see of what does not exist.

const testApp = useTestApp({ config: { admin: { host: '127.0.0.1', port: 0 } } });

type Side = Awaited<ReturnType<typeof makeTenant>> & { readonly user: SignedIn };
let admin: Admin;
let a: Side;
let b: Side;
let enrolled: Enrolled;

beforeAll(async () => {
  admin = await connectAdmin(testApp());
  const make = async (slug: string): Promise<Side> => {
    const tenant = await makeTenant(admin, slug, { confirmUrls: ['https://tenant.com/confirm'] });
    return { ...tenant, user: await signUp(testApp(), { apieco_key: tenant.publishable.text }) };
  };
  [a, b] = [await make('tenant-a'), await make('tenant-b')];
  enrolled = await enrolTotp(testApp(), await signUp(testApp(), { apieco_key: b.publishable.text }));
});

/** Things of B with, beside each, its like that no one has. */
type Pair = { readonly real: () => Promise<string>; readonly absent: () => string };
const outcome = (call: Promise<unknown>): Promise<ErrorShape | string> =>
  call.then(
    () => 'it succeeds',
    (error: unknown) => shapeOf(error),
  );

const own = {
  key: () => ({ apieco_key: a.publishable.text }),
  secret: () => ({ apieco_key: a.secret.text }),
  session: () => bearer(a.user.accessToken),
};
const call = (headers: Record<string, string>) => ({
  auth: testApp().client(AuthService, headers),
  profile: testApp().client(ProfileService, headers),
  passkeys: testApp().client(PasskeyService, headers),
  recovery: testApp().client(RecoveryService, headers),
  twoFactor: testApp().client(TwoFactorService, headers),
});

const email: Pair = { real: async () => b.user.email, absent: freshEmail };
/** A separate address: registering it creates an account at A. */
const registrable: Pair = {
  real: async () => (await signUp(testApp(), { apieco_key: b.publishable.text })).email,
  absent: freshEmail,
};
const userId: Pair = { real: async () => b.user.userId, absent: randomUUID };
const refreshToken: Pair = {
  real: async () =>
    (await call({ apieco_key: b.publishable.text }).auth.login({ email: b.user.email, password })).tokens
      ?.refreshToken ?? '',
  absent: () => `${Buffer.alloc(52, 7).toString('base64url')}`,
};
const sessionId: Pair = {
  real: async () => {
    const { sessions } = await call(bearer(b.user.accessToken)).auth.listSessions({});
    return sessions[0]?.sessionId ?? '';
  },
  absent: randomUUID,
};
const passkey: Pair = {
  real: async () => (await addPasskey(testApp(), b.user, { origin: proofOrigin })).passkeyId,
  absent: randomUUID,
};
const noToken = () => formatChallengeToken(randomUUID(), Buffer.alloc(32, 1));
/** The token of a message that B sends to one of its users. */
const tokenOf = (send: () => Promise<string>): Pair => ({
  real: async () => {
    const to = await send();
    const [message] = await testApp().messagesTo(to);
    return message?.code ?? '';
  },
  absent: noToken,
});
const confirmation = tokenOf(async () => {
  const to = freshEmail();
  await register(testApp(), to, { apieco_key: b.publishable.text });
  return to;
});
const recovery = tokenOf(async () => {
  await call({ apieco_key: b.publishable.text }).recovery.recover({ email: b.user.email });
  return b.user.email;
});
const smsCode: Pair = {
  real: async () => {
    const mobile = freshMobile();
    await call({ apieco_key: b.publishable.text }).auth.register({ mobile, password, type: 2 });
    const [message] = await testApp().messagesTo(`+98${mobile.slice(1)}`);
    return message?.code ?? '';
  },
  absent: () => 'ZZZZZZZZ',
};
const proof = tokenOf(async () => {
  await call(bearer(b.user.accessToken)).twoFactor.sendTotpEmailVerification({ email: b.user.email });
  return b.user.email;
});
const change = tokenOf(async () => {
  const to = freshEmail();
  await call(bearer(b.user.accessToken)).profile.startEmailChange({ email: to });
  return to;
});
const pending: Pair = {
  real: async () => {
    const { twoFactor } = await call({ apieco_key: b.publishable.text }).auth.login({
      email: enrolled.email,
      password,
    });
    return twoFactor?.twoFactorToken ?? '';
  },
  absent: () => 'a.b.c',
};

/** Every way in which a request can name something: what A does with it. */
const attempts: [what: string, pair: Pair, attempt: (thing: string) => Promise<unknown>][] = [
  ['Login, the address', email, (it) => call(own.key()).auth.login({ email: it, password })],
  ['Register, the address', registrable, (it) => call(own.key()).auth.register({ email: it, password })],
  ['SendConfirmEmail', email, (it) => call(own.key()).auth.sendConfirmEmail({ email: it })],
  ['ConfirmEmail', confirmation, (it) => call(own.key()).auth.confirmEmail({ cnf: it })],
  ['ConfirmSms', smsCode, (it) => call(own.key()).auth.confirmSms({ cnf: it })],
  ['RefreshToken', refreshToken, (it) => call(own.key()).auth.refreshToken({ refreshToken: it })],
  [
    'IntrospectToken, a refresh token',
    refreshToken,
    (it) =>
      call(own.secret())
        .auth.introspectToken({ token: it })
        .then(({ active }) => assertFalse(active)),
  ],
  ['RevokeSession', sessionId, (it) => call(own.session()).auth.revokeSession({ sessionId: it })],
  [
    'RenamePasskey',
    passkey,
    (it) => call(own.session()).passkeys.renamePasskey({ passkeyId: it, label: 'mine' }),
  ],
  ['RemovePasskey', passkey, (it) => call(own.session()).passkeys.removePasskey({ passkeyId: it })],
  ['Recover', email, (it) => call(own.key()).recovery.recover({ email: it })],
  [
    'EndRecovery',
    recovery,
    (it) =>
      call(own.key()).recovery.endRecovery({
        token: it,
        password: 'another-orbit-47',
        confirmPassword: 'another-orbit-47',
      }),
  ],
  ['ViewUser by secret key, the address', email, (it) => call(own.secret()).profile.viewUser({ email: it })],
  ['ViewUser by secret key, the id', userId, (it) => call(own.secret()).profile.viewUser({ userId: it })],
  ['ViewUser by session, the id', userId, (it) => call(own.session()).profile.viewUser({ userId: it })],
  [
    'EditUser by secret key, the id',
    userId,
    (it) => call(own.secret()).profile.editUser({ userId: it, firstName: 'Mallory' }),
  ],
  [
    'EditUser by secret key, the address',
    email,
    (it) => call(own.secret()).profile.editUser({ email: it, firstName: 'Mallory' }),
  ],
  [
    'EditUser by session, the id',
    userId,
    (it) => call(own.session()).profile.editUser({ userId: it, firstName: 'Mallory' }),
  ],
  ['GetManamUserInfo', email, (it) => call(own.secret()).profile.getManamUserInfo({ email: it })],
  ['ConfirmEmailChange', change, (it) => call(own.session()).profile.confirmEmailChange({ token: it })],
  [
    'StartEmailChange, the address',
    email,
    (it) => call(own.session()).profile.startEmailChange({ email: it }),
  ],
  ['ConfirmTotpEmail', proof, (it) => call(own.session()).twoFactor.confirmTotpEmail({ token: it })],
  ['ConfirmSmsEmail', proof, (it) => call(own.session()).twoFactor.confirmSmsEmail({ token: it })],
  [
    'ValidateTotp with A’s key',
    pending,
    (it) => call({ ...own.key(), ...bearer(it) }).twoFactor.validateTotp({ code: enrolled.totp() }),
  ],
  [
    'ValidateSms with A’s key',
    pending,
    (it) => call({ ...own.key(), ...bearer(it) }).twoFactor.validateSms({ code: '123456' }),
  ],
  [
    'SendSmsCode with A’s key',
    pending,
    (it) => call({ ...own.key(), ...bearer(it) }).twoFactor.sendSmsCode({}),
  ],
];

function assertFalse(active: boolean): void {
  expect(active).toBe(false);
}

for (const [what, { real, absent }, attempt] of attempts) {
  test(`${what}: rows of B are NOT_FOUND for A`, async () => {
    const thing = await real();
    expect(thing).not.toBe('');
    expect(await outcome(attempt(thing))).toEqual(await outcome(attempt(absent())));
  });
}

test('after all attacks the user of B is unchanged', async () => {
  const { user } = await call(bearer(b.user.accessToken)).profile.viewUser({});
  expect(user).toMatchObject({ userId: b.user.userId, email: b.user.email, firstName: 'Sara' });
  await call({ apieco_key: b.publishable.text }).auth.login({ email: b.user.email, password });
});

test('no RPC takes B’s token together with A’s key, over any protocol', async () => {
  const headers = { ...own.key(), ...bearer(b.user.accessToken) };
  for (const { name, connect } of protocols) {
    for (const service of services) {
      const client = connect(service, testApp().url, headers) as unknown as Record<
        string,
        (it: object) => Promise<unknown> | AsyncIterable<unknown>
      >;
      for (const method of service.methods) {
        // Calls without a session look at the key alone and read nothing of B.
        if (getOption(method, access).sessions.length === 0) continue;
        const answer = await outcome(firstOf(client[method.localName]?.({})));
        if (typeof answer === 'string' || answer.reason === undefined)
          throw new Error(`${method.name} over ${name}: ${answer}`);
      }
    }
  }
}, 60_000);

test('ignores a tenant that the caller names beside the key', async () => {
  const said = { ...own.secret(), 'x-consumer-id': b.id, 'x-tenant-id': b.id };
  expect(await failureOf(call(said).profile.viewUser({ email: b.user.email }))).toEqual(
    failure('NotFound', 'NOT_FOUND'),
  );
});

test('one address is two independent accounts at two tenants', async () => {
  const shared = freshEmail();
  for (const { publishable } of [a, b]) {
    const key = { apieco_key: publishable.text };
    const cnf = await register(testApp(), shared, key);
    await call(key).auth.confirmEmail({ cnf });
  }
  const other = 'another-orbit-lantern-47';
  const inA = await call(own.key()).auth.login({ email: shared, password });
  await call(bearer(inA.tokens?.accessToken ?? '')).recovery.changePassword({
    currentPassword: password,
    password: other,
    confirmPassword: other,
  });
  const inB = await call({ apieco_key: b.publishable.text }).auth.login({ email: shared, password });
  expect(inB.userId).not.toBe(inA.userId);
});

const keys: [what: string, key: () => Promise<string> | string][] = [
  ['nothing', () => ''],
  [
    'a key with one character mistyped',
    () => a.secret.text.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
  ],
  ['a key in other letters', () => a.publishable.text.toUpperCase()],
  ['a key with a space behind it', () => `${a.publishable.text} x`],
  ['a well-formed key that nobody has', () => formatApiKey('secret', Buffer.alloc(32, 9))],
  ['an operator’s key', () => formatApiKey('admin', Buffer.alloc(32, 9))],
  [
    'a revoked key',
    async () => {
      const { key, text } = await admin.createKey({ tenant: a.id, kind: 1 });
      await admin.revokeKey({ tenant: a.id, keyId: key?.keyId ?? '' });
      return text;
    },
  ],
];
for (const [what, key] of keys) {
  test(`${what} opens nothing`, async () => {
    const attempt = call({ apieco_key: await key() }).auth.login({ email: a.user.email, password });
    expect(await failureOf(attempt)).toEqual(failure('Unauthenticated', 'KEY_INVALID'));
  });
}
