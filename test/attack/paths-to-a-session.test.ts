import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProviderService } from '../../gen/manam/v1/provider_service_pb.js';
import { SessionTokensSchema } from '../../gen/manam/v1/session_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { systemRandom } from '../../src/adapters/random.ts';
import { publicServices } from '../../src/contract/services.ts';
import { makeLoginCode } from '../../src/flows/federation/return-code.ts';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { startCode } from '../support/codes.ts';
import { failure, failureOf } from '../support/errors.ts';
import { makePkce } from '../support/federation.ts';
import { bearer, type Enrolled, enrolTotp, signUp } from '../support/journey.ts';
import { addPasskey, atSite, json, passkeysOf } from '../support/passkeys.ts';

const services = Object.values(publicServices);

const testApp = useTestApp({ config: atSite });
const auth = (headers?: Record<string, string>) => testApp().client(AuthService, headers);

const amrOf = (token = '') =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).amr as string[];

/** For every RPC that can return tokens: its response to a caller who has only the first of two factors. */
const paths: Record<string, (user: Enrolled) => Promise<void>> = {
  async Register(user) {
    const answer = await auth().register({ email: user.email, password });
    expect(answer.tokens).toMatchObject({ accessToken: '', refreshToken: '' });
    expect((await auth().register({ email: freshEmail(), password })).tokens?.accessToken).toBe('');
  },
  async Login(user) {
    const answer = await auth().login({ email: user.email, password });
    expect([answer.tokens?.accessToken, answer.tokens?.refreshToken]).toEqual(['', '']);
    expect(answer.twoFactor?.twoFactorToken).not.toBe('');
  },
  async FinishCodeSignIn(user) {
    const { handle, code } = await startCode(testApp(), user.email);
    const answer = await auth().finishCodeSignIn({ handle, code });
    expect([answer.tokens?.accessToken, answer.tokens?.refreshToken, answer.account]).toEqual([
      '',
      '',
      undefined,
    ]);
    expect(answer.twoFactor?.twoFactorToken).not.toBe('');
  },
  async RefreshToken(user) {
    // It keeps what the session had proved, and raises nothing.
    const before = amrOf(user.accessToken);
    const { tokens } = await auth().refreshToken({ refreshToken: user.refreshToken });
    expect(before).toEqual(['pwd']);
    expect(amrOf(tokens?.accessToken)).toEqual(['pwd', 'otp', 'mfa']);
    const plain = await signUp(testApp());
    const refreshed = await auth().refreshToken({ refreshToken: plain.refreshToken });
    expect(amrOf(refreshed.tokens?.accessToken)).toEqual(['pwd']);
  },
  async Reauthenticate(user) {
    expect(await failureOf(auth(bearer(user.accessToken)).reauthenticate({ password }))).toEqual(
      failure('Unauthenticated', 'CODE_INVALID'),
    );
  },
  async RedeemLoginCode(user) {
    const { app, now } = testApp();
    const { codeVerifier, codeChallenge } = makePkce();
    const tenant = await app.store.tenants.findBySlug('dev');
    const code = await makeLoginCode(
      app.store,
      { clock: now, random: systemRandom },
      { tenantId: tenant?.id ?? '', userId: user.userId },
      'login-code',
      { codeChallenge, amr: ['fed'], sessionId: '', subject: '' },
    );
    const answer = await auth().redeemLoginCode({ code, codeVerifier });
    expect([answer.tokens?.accessToken, answer.tokens?.refreshToken]).toEqual(['', '']);
    expect(answer.twoFactor?.twoFactorToken).not.toBe('');
  },
  async LoginWithGoogleToken() {
    // With a right token: test/flows/google-login.test.ts, which has a Google.
    expect(await failureOf(auth().loginWithGoogleToken({ idToken: 'x' }))).toEqual(
      failure('Unauthenticated', 'PROVIDER_TOKEN_INVALID'),
    );
  },
  async LoginWithProviderToken() {
    // With a right token: test/flows/providers.test.ts, which has the providers.
    const providers = testApp().client(ProviderService);
    expect(await failureOf(providers.loginWithProviderToken({ provider: 'google', idToken: 'x' }))).toEqual(
      failure('Unauthenticated', 'PROVIDER_TOKEN_INVALID'),
    );
  },
  async FinishPasskeySignIn(user) {
    // A verified user has proved both factors; presence alone is asked for the other one.
    const { authenticator } = await addPasskey(testApp(), user, { isVerified: false });
    const anyone = passkeysOf(testApp());
    const { options = {} } = await anyone.startPasskeySignIn({});
    const answer = await anyone.finishPasskeySignIn(json(authenticator.get(options)));
    expect([answer.tokens?.accessToken, answer.tokens?.refreshToken]).toEqual(['', '']);
    expect(answer.twoFactor?.twoFactorToken).not.toBe('');
  },
  async FinishPasskeySecondFactor(user) {
    const { authenticator } = await addPasskey(testApp(), user);
    const own = passkeysOf(testApp(), user);
    const { options = {} } = await own.startPasskeyVerification({});
    expect(await failureOf(own.finishPasskeySecondFactor(json(authenticator.get(options))))).toEqual(
      failure('Unauthenticated', 'TOKEN_INVALID'),
    );
  },
  async FinishPasskeyStepUp(user) {
    const { authenticator } = await addPasskey(testApp(), user, { isVerified: false });
    const own = passkeysOf(testApp(), user);
    const { options = {} } = await own.startPasskeyVerification({});
    expect(await failureOf(own.finishPasskeyStepUp(json(authenticator.get(options))))).toEqual(
      failure('Unauthenticated', 'PASSKEY_INVALID'),
    );
  },
  async ValidateTotp(user) {
    const two = testApp().client(TwoFactorService, bearer(user.accessToken));
    expect(await failureOf(two.validateTotp({ code: user.totp() }))).toEqual(
      failure('Unauthenticated', 'TOKEN_INVALID'),
    );
  },
  async ValidateSms(user) {
    const two = testApp().client(TwoFactorService, bearer(user.accessToken));
    expect(await failureOf(two.validateSms({ code: '123456' }))).toEqual(
      failure('Unauthenticated', 'TOKEN_INVALID'),
    );
  },
};

test('every RPC that can answer tokens is on the list of paths to a session', () => {
  const answering = services
    .flatMap((service) => service.methods)
    .filter(({ output }) =>
      output.fields.some(({ message }) => message?.typeName === SessionTokensSchema.typeName),
    );
  expect(answering.map(({ name }) => name).sort()).toEqual(Object.keys(paths).sort());
});

for (const [name, attempt] of Object.entries(paths)) {
  test(`${name} issues no session without the second factor`, async () => {
    await attempt(await enrolTotp(testApp(), await signUp(testApp())));
  });
}
