import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import type { Message } from '../../src/domain/message.ts';
import type { TestApp } from './app.ts';

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
