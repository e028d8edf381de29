import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import type { Message } from '../../src/domain/message.ts';
import { freshEmail, type TestApp } from './app.ts';
import type { SignedIn } from './journey.ts';

/** Asks for a code to sign in; returns the handle with the content of the message. */
export async function startCode(
  test: TestApp,
  to: string,
): Promise<{
  readonly handle: string;
  readonly code: string;
  /** The token of the link; empty for an SMS. */
  readonly token: string;
  readonly message: Message | undefined;
}> {
  const isEmail = to.includes('@');
  const { handle } = await test.client(AuthService).startCodeSignIn(isEmail ? { email: to } : { mobile: to });
  const [message] = await test.messagesTo(isEmail ? to : to.replace(/^0/, '+98'));
  const fragment = new URLSearchParams(message?.link.split('#')[1] ?? '');
  return { handle, code: message?.code ?? '', token: fragment.get('token') ?? '', message };
}

/** A user who has no password: the tenant lets a first sign-in by a code make an account. */
export async function signUpByCode(test: TestApp): Promise<SignedIn> {
  const email = freshEmail();
  const { handle, code } = await startCode(test, email);
  const { tokens, userId } = await test.client(AuthService).finishCodeSignIn({ handle, code });
  return {
    email,
    userId,
    accessToken: tokens?.accessToken ?? '',
    refreshToken: tokens?.refreshToken ?? '',
  };
}
