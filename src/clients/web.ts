import { type Client, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';

export * from './contract.ts';
export * from './failure.ts';
export * from './tokens.ts';

import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import type { SessionTokens } from '../../gen/manam/v1/session_pb.js';
import { type ClientOptions, callInterceptors, defaultTimeoutMs } from './interceptors.ts';
import { type Manam, manamOver } from './manam.ts';
import { type ClientSession, createSession, type TokenStorage } from './tokens.ts';

export { bearer } from './interceptors.ts';
export type { Manam } from './manam.ts';

export type WebOptions = Pick<ClientOptions, 'url' | 'key' | 'locale' | 'timeoutMs'> & {
  /** Default: memory, so that nothing is left when the page is. */
  readonly storage?: TokenStorage;
  /** Told when the service has ended the session: sign in again. */
  readonly onSessionEnd?: () => void;
};

/** A client for browsers; it keeps the session of the person in front of it. */
export type WebManam = Manam & { readonly session: ClientSession };

/**
 * A client for browsers, over Connect-Web. Whatever answers with a session, such as Login,
 * starts it here, and Logout and DeleteAccount end it.
 */
export function createManam(options: WebOptions): WebManam {
  const { storage, onSessionEnd } = options;
  const auth: Client<typeof AuthService> = createClient(
    AuthService,
    transportOf(options, callInterceptors(options)),
  );
  const session = createSession({
    auth,
    ...(storage && { storage }),
    ...(onSessionEnd && { onEnd: onSessionEnd }),
  });
  const interceptors = [sessionInterceptor(session), ...callInterceptors({ ...options, tokens: session })];
  return { ...manamOver(transportOf(options, interceptors)), session };
}

function transportOf(
  { url, timeoutMs = defaultTimeoutMs }: WebOptions,
  interceptors: Interceptor[],
): Transport {
  return createConnectTransport({ baseUrl: url, defaultTimeoutMs: timeoutMs, interceptors });
}

/** Reasons that end the session of the page. */
const endings = new Set(['Logout', 'DeleteAccount']);

function sessionInterceptor(session: ClientSession): Interceptor {
  return (next) => async (request) => {
    const answer = await next(request);
    if (answer.stream) return answer;
    const { tokens } = answer.message as { tokens?: SessionTokens };
    if (tokens !== undefined && tokens.accessToken !== '') await session.set(tokens);
    if (endings.has(request.method.name)) await session.clear();
    return answer;
  };
}
