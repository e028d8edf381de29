import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { TwoFactorMethod } from '../../gen/manam/v1/session_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { password, useTestApp } from '../support/app.ts';
import { startCode } from '../support/codes.ts';
import { failure, failureOf } from '../support/errors.ts';
import { bearer, enrolSms, enrolTotp, freshMobile, signUp } from '../support/journey.ts';

const testApp = useTestApp();
const auth = (headers?: Record<string, string>) => testApp().client(AuthService, headers);

const invalid = failure('Unauthenticated', 'CODE_INVALID');
const unfit = failure('FailedPrecondition', 'SIGN_IN_METHOD_UNFIT');

/** Gives a user one more confirmed number. */
async function addNumber(userId: string, number: string): Promise<void> {
  await testApp().sql(
    "INSERT INTO identifiers (tenant_id, kind, canonical, user_id, address, confirmed_at, added_at) SELECT tenant_id, 'mobile', ?, id, ?, NOW(3), NOW(3) FROM users WHERE id = UNHEX(?)",
    [number, number, userId.replaceAll('-', '')],
  );
}

test('the number of the only second factor cannot be the first as well', async () => {
  const user = await signUp(testApp());
  const { number } = await enrolSms(testApp(), user);
  await addNumber(user.userId, number);
  testApp().advance(60_000);
  const { handle, code } = await startCode(testApp(), number);
  expect(await failureOf(auth().finishCodeSignIn({ handle, code }))).toEqual(unfit);
});

test('an SMS code as the first factor leaves the app as the second', async () => {
  const user = await enrolTotp(testApp(), await signUp(testApp()));
  testApp().advance(60_000);
  const mobile = freshMobile();
  const number = `+98${mobile.slice(1)}`;
  await addNumber(user.userId, number);
  const first = testApp().client(TwoFactorService, bearer((await signInWithApp(user)).accessToken));
  await first.sendSmsEmailVerification({ email: user.email });
  const [proof] = await testApp().messagesTo(user.email);
  await first.confirmSmsEmail({ token: proof?.code ?? '' });
  const factor = freshMobile();
  await first.setupSms({ phoneNumber: factor });
  const [setup] = await testApp().messagesTo(`+98${factor.slice(1)}`);
  await first.confirmSmsFactor({ code: setup?.code ?? '' });

  testApp().advance(60_000);
  const { handle, code } = await startCode(testApp(), mobile);
  const { twoFactor } = await auth().finishCodeSignIn({ handle, code });
  expect(twoFactor).toMatchObject({ twoFactorMethods: [TwoFactorMethod.TOTP], maskedPhoneNumber: '' });
  const pending = testApp().client(TwoFactorService, bearer(twoFactor?.twoFactorToken ?? ''));
  expect(await failureOf(pending.sendSmsCode({}))).toEqual(unfit);
  expect(await failureOf(pending.validateSms({ code: '123456' }))).toEqual(invalid);
  expect((await pending.validateTotp({ code: user.totp() })).tokens?.accessToken).not.toBe('');
});

async function signInWithApp(user: { email: string; totp: () => string }) {
  const { twoFactor } = await auth().login({ email: user.email, password });
  testApp().advance(60_000);
  const pending = testApp().client(TwoFactorService, bearer(twoFactor?.twoFactorToken ?? ''));
  const { tokens } = await pending.validateTotp({ code: user.totp() });
  testApp().advance(60_000);
  return { accessToken: tokens?.accessToken ?? '' };
}
