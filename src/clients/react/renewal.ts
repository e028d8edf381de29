import { ErrorResponse, User, type UserManager } from 'oidc-client-ts';
import { locked } from '../locked.ts';

// The tokens of a tab. A duplicated tab has a copy of the same refresh token, which rotates with its use. So a lock serializes the
// renewals of all tabs, and a channel shares the new tokens.

/** Pauses between the tries of a renewal while the service is out of reach. */
const firstPauseMs = 5000;
const longestPauseMs = 60_000;

/** The message after a renewal: the refresh token that was used, and the serialized user with the new tokens. */
type News = { readonly used: string; readonly user: string };

const nameOf = ({ settings }: UserManager) => `react ${settings.authority} ${settings.client_id}`;

const underWay = new WeakMap<UserManager, Promise<User | null>>();

/**
 * Renews the tokens, once for all who ask at the same time. Null: the grant has ended, and so has the session of this tab.
 * Rejects where the service is out of reach, which ends nothing.
 */
export function renew(manager: UserManager): Promise<User | null> {
  const renewal = underWay.get(manager) ?? takeTurn(manager).finally(() => underWay.delete(manager));
  underWay.set(manager, renewal);
  return renewal;
}

async function takeTurn(manager: UserManager): Promise<User | null> {
  const before = await manager.getUser();
  return await locked(nameOf(manager), async () => {
    const current = await manager.getUser();
    // Another tab has renewed them meanwhile.
    if (current?.refresh_token !== before?.refresh_token) return current;
    const used = current?.refresh_token;
    if (used === undefined) {
      await manager.removeUser();
      return null;
    }
    try {
      const user = await manager.signinSilent();
      if (user !== null) tell(manager, { used, user: user.toStorageString() });
      return user;
    } catch (error) {
      if (!(error instanceof ErrorResponse && error.error === 'invalid_grant')) throw error;
      await manager.removeUser();
      return null;
    }
  });
}

function tell(manager: UserManager, news: News): void {
  const channel = new BroadcastChannel(nameOf(manager));
  channel.postMessage(news);
  channel.close();
}

/**
 * Renews the tokens before they end, as long as someone is signed in, and takes over what other tabs have renewed. `onOutcome`
 * hears of each renewal: of its failure while the service is out of reach. Returns how to stop.
 */
export function keepRenewed(
  manager: UserManager,
  onOutcome: (failure: Error | undefined) => void,
): () => void {
  const channel = new BroadcastChannel(nameOf(manager));
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;
  const attempt = (pauseMs = firstPauseMs): void => {
    clearTimeout(timer);
    const settle = (failure?: Error) => {
      if (isStopped) return;
      onOutcome(failure);
      if (failure === undefined) return;
      timer = setTimeout(() => attempt(Math.min(longestPauseMs, pauseMs * 2)), pauseMs);
    };
    renew(manager).then(() => settle(), settle);
  };
  const expiring = () => attempt();
  const online = () => void manager.getUser().then((user) => (user?.expired ? attempt() : undefined));
  channel.onmessage = ({ data }: MessageEvent<News>) => void adopt(manager, data);
  manager.events.addAccessTokenExpiring(expiring);
  globalThis.addEventListener?.('online', online);
  // A tab of before may have been asleep for longer than its tokens live; asking starts the library's clock too.
  online();
  return () => {
    isStopped = true;
    clearTimeout(timer);
    channel.close();
    manager.events.removeAccessTokenExpiring(expiring);
    globalThis.removeEventListener?.('online', online);
  };
}

/** Takes over the tokens that another tab has got for the refresh token that this one has as well. */
async function adopt(manager: UserManager, { used, user: text }: News): Promise<void> {
  const current = await manager.getUser();
  if (current?.refresh_token !== used) return;
  const user = User.fromStorageString(text);
  await manager.storeUser(user);
  await manager.events.load(user);
}
