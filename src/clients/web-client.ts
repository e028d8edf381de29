import { createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';

import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import type { EventService } from '../../gen/manam/v1/event_service_pb.js';
import type { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import type { SessionTokens } from '../../gen/manam/v1/session_pb.js';
import { type ClientOptions, callInterceptors, defaultTimeoutMs, withOpenStreams } from './interceptors.ts';
import type { WebClient } from './manam.ts';
import { createPageSession, openBrowserKey } from './page-session.ts';
import { proofInterceptor } from './proof-key.ts';
import { type ClientSession, createSession, type TokenStorage } from './tokens.ts';
import { watchSession } from './watch-session.ts';

export type WebOptions = Pick<ClientOptions, 'url' | 'key' | 'locale' | 'timeoutMs' | 'solveWork'> & {
  /**
   * Where tokens are kept. Default: the session survives reloads and is the same in all tabs; its refresh
   * token is bound to a key that cannot be exported. `memoryStorage()`: it ends with the page.
   */
  readonly storage?: TokenStorage;
  /** The name of the session among the pages of an origin. Default: `url` and `key`. */
  readonly sessionName?: string;
  /**
   * Whether to learn within a second that the session was ended elsewhere, by a stream that one of the tabs keeps open.
   * Default: it is looked at when the person comes back to the page.
   */
  readonly watchSession?: boolean;
  /** Called when the session has ended, in this tab or in another: sign in again. */
  readonly onSessionEnd?: () => void;
  /** Called when another tab has begun a session, in place of any that this tab had. */
  readonly onSessionStart?: () => void;
};

/** The contracts of the services that a client calls of itself, which a page may fetch when they are called. */
export type OwnContracts = {
  readonly events: () => Promise<typeof EventService>;
  readonly profile: () => Promise<typeof ProfileService>;
};

/** The client of `createWebClient`, with the ways to what it calls of itself. */
export function openWebClient(options: WebOptions, own: OwnContracts): WebClient {
  const closing = new AbortController();
  const { signal } = closing;
  const { session, prove } = sessionOf(options, signal);
  const interceptors = [
    sessionInterceptor(session),
    ...callInterceptors({ ...options, tokens: session }),
    ...prove,
  ];
  const transport = transportOf(options, interceptors);
  const client: WebClient = {
    session,
    clientOf: (service, as) =>
      createClient(
        service,
        as === undefined ? transport : transportOf(options, [memberInterceptor(as.tenant), ...interceptors]),
      ),
    close: () => closing.abort(),
  };
  watchFocus(session, signal, async () => await client.clientOf(await own.profile()).viewUser({}));
  if (options.watchSession)
    watchSession(client, nameOf(options), {
      contract: own.events,
      signal,
      ...(options.onSessionEnd && { onEnd: options.onSessionEnd }),
    });
  return client;
}

/** Names the tenant that a member calls about. */
function memberInterceptor(tenant: string): Interceptor {
  return (next) => (request) => {
    request.header.set('manam-tenant', tenant);
    return next(request);
  };
}

type Kept = {
  readonly session: ClientSession;
  /** Proves the key of this browser, inside of retries: each attempt needs another proof. */
  readonly prove: readonly Interceptor[];
};

/** The name of the session among the pages of an origin. */
function nameOf({ url, key = '', sessionName = `${url} ${key}` }: WebOptions): string {
  return sessionName;
}

/** The session in the given storage, or that of all pages. */
function sessionOf(options: WebOptions, signal: AbortSignal): Kept {
  const { storage, onSessionEnd, onSessionStart } = options;
  const sessionName = nameOf(options);
  const authWith = (...inner: Interceptor[]) =>
    createClient(AuthService, transportOf(options, [...callInterceptors(options), ...inner]));
  const onEnd = onSessionEnd && { onEnd: onSessionEnd };
  if (storage !== undefined)
    return { session: createSession({ auth: authWith(), storage, ...onEnd }), prove: [] };

  const browserKey = openBrowserKey(sessionName);
  const prove: Interceptor = (next) => async (request) => {
    const kept = await browserKey;
    const through = kept === undefined ? next : proofInterceptor(kept.key, 'refresh_token')(next);
    return await through(request);
  };
  const session = createPageSession({
    auth: authWith(prove),
    browserKey,
    name: sessionName,
    signal,
    ...onEnd,
    ...(onSessionStart && { onStart: onSessionStart }),
  });
  return { session, prove: [prove] };
}

/** The shortest time between two looks at the session. */
const lookIntervalMs = 1000;

/** A page, which can be looked away from; elsewhere there is none. */
type Page = {
  readonly addEventListener?: (type: 'focus', listen: () => void, options: { signal: AbortSignal }) => void;
};

/** Looks whether the session still lives when the person comes back to the page: it may have ended elsewhere. */
function watchFocus(session: ClientSession, signal: AbortSignal, look: () => Promise<unknown>): void {
  const page = globalThis as Page;
  let lookedAtMs = 0;
  const listen = () => {
    if (Date.now() - lookedAtMs < lookIntervalMs) return;
    lookedAtMs = Date.now();
    // The end of a session reaches its listeners by itself; other failures do not matter here.
    void session
      .get()
      .then((token) => (token === undefined ? undefined : look()))
      .catch(() => {});
  };
  page.addEventListener?.('focus', listen, { signal });
}

function transportOf(
  { url, timeoutMs = defaultTimeoutMs }: WebOptions,
  interceptors: Interceptor[],
): Transport {
  return withOpenStreams(createConnectTransport({ baseUrl: url, defaultTimeoutMs: timeoutMs, interceptors }));
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
