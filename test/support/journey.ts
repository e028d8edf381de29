import { generateSync } from 'otplib';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { freshEmail, password, type TestApp } from './app.ts';

export type SignedIn = {
  readonly email: string;
  readonly userId: string;
  readonly accessToken: string;
  readonly refreshToken: string;
};

type KeyHolder = { readonly apieco_key: string };

/** Registers an address and returns the token of its confirmation message. */
export async function register(
  test: TestApp,
  email: string,
  key: KeyHolder = { apieco_key: test.dev.publishable },
) {
  await test.client(AuthService, key).register({ email, password, firstName: 'Sara' });
  const [message] = await test.messagesTo(email);
  return message?.code ?? '';
}

/** Registers, confirms and signs in a new user. */
export async function signUp(
  test: TestApp,
  key: KeyHolder = { apieco_key: test.dev.publishable },
): Promise<SignedIn> {
  const email = freshEmail();
  const client = test.client(AuthService, key);
  await client.confirmEmail({ cnf: await register(test, email, key) });
  const { tokens, userId } = await client.login({ email, password });
  return { email, userId, accessToken: tokens?.accessToken ?? '', refreshToken: tokens?.refreshToken ?? '' };
}

/** The header of a session. */
export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

let numbers = 0;

/** A number of an Iranian network that no other test uses, in national form. */
export function freshMobile(): string {
  numbers += 1;
  return `0912${String((process.pid % 1000) * 10_000 + numbers).padStart(7, '0')}`;
}

/** Registers, confirms and signs in a new user by mobile. */
export async function signUpByMobile(
  test: TestApp,
  key: KeyHolder = { apieco_key: test.dev.publishable },
): Promise<SignedIn & { readonly mobile: string }> {
  const mobile = freshMobile();
  const client = test.client(AuthService, key);
  await client.register({ type: IdentifierType.MOBILE, mobile, password });
  const [message] = await test.messagesTo(`+98${mobile.slice(1)}`);
  await client.confirmSms({ cnf: message?.code ?? '' });
  const { tokens, userId } = await client.login({ mobile, password });
  return {
    mobile,
    email: '',
    userId,
    accessToken: tokens?.accessToken ?? '',
    refreshToken: tokens?.refreshToken ?? '',
  };
}

export type Enrolled = SignedIn & {
  readonly secret: string;
  readonly recoveryCodes: readonly string[];
  /** The code of the authenticator app at the server's time. */
  readonly totp: () => string;
};

/** Enrols TOTP for a signed-in user. */
export async function enrolTotp(test: TestApp, user: SignedIn): Promise<Enrolled> {
  const client = test.client(TwoFactorService, bearer(user.accessToken));
  await client.sendTotpEmailVerification({ email: user.email });
  const [proof] = await test.messagesTo(user.email);
  await client.confirmTotpEmail({ token: proof?.code ?? '' });
  const { secret } = await client.setupTotp({});
  const totp = () => generateSync({ secret, epoch: Math.floor(test.now().getTime() / 1000) });
  const { recoveryCodes } = await client.confirmTotp({ code: totp() });
  return { ...user, secret, recoveryCodes, totp };
}

/** Enrols a number for a signed-in user of the tenant `dev`; returns its address. */
export async function enrolSms(
  test: TestApp,
  user: SignedIn,
): Promise<{ number: string; recoveryCodes: readonly string[] }> {
  const client = test.client(TwoFactorService, bearer(user.accessToken));
  await client.sendSmsEmailVerification({ email: user.email });
  const [proof] = await test.messagesTo(user.email);
  await client.confirmSmsEmail({ token: proof?.code ?? '' });
  const mobile = freshMobile();
  await client.setupSms({ phoneNumber: mobile });
  const number = `+98${mobile.slice(1)}`;
  const [message] = await test.messagesTo(number);
  const { recoveryCodes } = await client.confirmSmsFactor({ code: message?.code ?? '' });
  return { number, recoveryCodes };
}

/** Moves an account to another address in a session of its user. */
export async function moveTo(
  test: TestApp,
  { accessToken }: Pick<SignedIn, 'accessToken'>,
  email: string,
): Promise<void> {
  const profile = test.client(ProfileService, bearer(accessToken));
  await profile.startEmailChange({ email });
  const [message] = await test.messagesTo(email);
  await profile.confirmEmailChange({ token: message?.code ?? '' });
}
