import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
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
