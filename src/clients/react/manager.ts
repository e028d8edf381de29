import { type User, UserManager, WebStorageStateStore } from 'oidc-client-ts';

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
    automaticSilentRenew: true,
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
  const { redirect_uri: redirectUri } = manager.settings;
  const query = new URLSearchParams(location.search);
  const isBack = location.origin + location.pathname === redirectUri && query.has('state');
  if (!isBack) return await usable(manager);
  if (!query.has('code') && !query.has('error')) {
    history.replaceState(history.state, '', location.pathname);
    return await usable(manager);
  }
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

/** The user that this tab keeps, with tokens that are good. */
async function usable(manager: UserManager): Promise<User | null> {
  const user = await manager.getUser();
  if (user === null || !user.expired) return user;
  return await manager.signinSilent().catch(async () => {
    await manager.removeUser();
    return null;
  });
}
