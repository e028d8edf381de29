import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { freshEmail, password, type TestApp } from './app.ts';

export type SignedIn = {
  readonly email: string;
  readonly userId: string;
  readonly accessToken: string;
  readonly refreshToken: string;
};

type KeyHolder = { readonly apieco_key: string };

/** Registers an address and answers the token of its confirmation message. */
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
export async function signUpByMobile(test: TestApp): Promise<SignedIn & { readonly mobile: string }> {
  const mobile = freshMobile();
  const client = test.client(AuthService);
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
