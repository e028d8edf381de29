import { type User, UserManager, WebStorageStateStore } from 'oidc-client-ts';
import { renew } from './renewal.ts';

export type ManagerOptions = {
  readonly issuer: string;
  readonly clientId: string;
  readonly redirectUri: string | undefined;
  readonly scope: string | undefined;
  readonly resource: string | undefined;
};

/** The library's manager for a tenant: code with PKCE, and refresh tokens, because frames of other sites know of no session. */
export function createManager({
  issuer,
  clientId,
  redirectUri,
  scope,
  resource,
}: ManagerOptions): UserManager {
  const home = redirectUri ?? `${location.origin}/`;
  return new UserManager({
    authority: issuer,
    client_id: clientId,
    redirect_uri: home,
    post_logout_redirect_uri: home,
    scope: scope ?? 'openid profile email',
    ...(resource !== undefined && { resource }),
    // Beside a token for an API the ID token says what UserInfo would.
    loadUserInfo: resource === undefined,
    // The renewal beside this one knows of other tabs and of outages.
    automaticSilentRenew: false,
    userStore: new WebStorageStateStore({ store: sessionStorage }),
  });
}

/** One for each manager: React runs an effect twice in development, and a code is good once. */
const running = new WeakMap<UserManager, Promise<User | null>>();

/** Finishes a sign-in or a sign-out that the address has come back from; returns who is signed in. */
export function finishRedirect(manager: UserManager): Promise<User | null> {
  const found = running.get(manager) ?? finish(manager);
  running.set(manager, found);
  return found;
}

async function finish(manager: UserManager): Promise<User | null> {
  if (!isAnswer(manager)) return await usable(manager);
  try {
    const user = await manager.signinRedirectCallback();
    const wanted =
      typeof user.state === 'string' && /^\/(?![/\\])/.test(user.state) ? user.state : location.pathname;
    history.replaceState(history.state, '', wanted);
    // Routers listen to this.
    dispatchEvent(new PopStateEvent('popstate', { state: history.state }));
    return user;
  } catch (error) {
    // Loaded again, the page does not try the same code once more.
    history.replaceState(history.state, '', location.pathname);
    throw error;
  }
}

/** Whether the address is an authorization response of this issuer (`iss`, RFC 9207), and not the app's own `state` or `code`. */
function isAnswer({ settings: { redirect_uri: redirectUri, authority } }: UserManager): boolean {
  const query = new URLSearchParams(location.search);
  return (
    location.origin + location.pathname === redirectUri &&
    query.has('state') &&
    query.get('iss') === authority.replace(/\/$/, '')
  );
}

/** The user that this tab keeps. In an outage the tokens of someone who is still signed in may have run out. */
async function usable(manager: UserManager): Promise<User | null> {
  const user = await manager.getUser();
  return user?.expired ? await renew(manager).catch(() => user) : user;
}
