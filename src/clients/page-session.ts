import { createStore, del, get, set, type UseStore } from 'idb-keyval';
import { locked } from './locked.ts';
import { createProofKey, generateProofKeyPair, type ProofKey, type ProofKeyPair } from './proof-key.ts';
import {
  type ClientSession,
  createSession,
  memoryStorage,
  type SessionOptions,
  type StoredTokens,
  type TokenStorage,
} from './tokens.ts';

// The session of a browser's pages without cookies: the refresh token lies in IndexedDB, bound to a key that no
// script can export, so a copy of the storage opens nothing. Access tokens stay in memory.

/** The messages between the pages of one session. */
type News =
  | { readonly kind: 'started' | 'ended' }
  /** Renewed by one page for all. */
  | { readonly kind: 'renewed'; readonly tokens: StoredTokens };

export type PageSessionOptions = Pick<SessionOptions, 'auth' | 'onEnd'> & {
  /** The key that sign-ins and refreshes prove; undefined: the session lives in the memory of its page. */
  readonly browserKey: Promise<BrowserKey | undefined>;
  /** The name of the session: pages of one origin with the same name share it. */
  readonly name: string;
  /** Called when another page has begun a session, in place of any that this page had. */
  readonly onStart?: () => void;
  /** Ends the listening to other pages. */
  readonly signal: AbortSignal;
};

/**
 * A session that survives reloads and is the same in all tabs. Where the browser keeps no keys, as in
 * some private windows, it lives in memory.
 */
export function createPageSession({
  name,
  auth,
  browserKey: vault,
  onEnd = () => {},
  onStart = () => {},
  signal,
}: PageSessionOptions): ClientSession {
  const channel = new BroadcastChannel(`manam-session-${name}`);
  // Node, where no one closes it, ends all the same.
  (channel as { unref?: () => void }).unref?.();
  signal.addEventListener('abort', () => channel.close());
  // A call that was under way when the client was closed has no one to tell.
  const tell = (news: News) => signal.aborted || channel.postMessage(news);
  const memory = memoryStorage();
  /** Whether the browser had no room for the token: the session lives in memory then. */
  let isFull = false;

  const storage: TokenStorage = {
    async load() {
      const opened = await vault;
      if (opened === undefined || isFull) return await memory.load();
      const refreshToken = await opened.load();
      if (refreshToken === undefined) return undefined;
      const kept = await memory.load();
      // Another page has renewed it: its access token comes by the channel, or this page gets one itself.
      return kept?.refreshToken === refreshToken ? kept : { refreshToken, accessToken: '', expiresAtMs: 0 };
    },
    async save(tokens) {
      await memory.save(tokens);
      const opened = await vault;
      if (opened === undefined) return;
      isFull = await opened.save(tokens.refreshToken).then(
        () => false,
        () => true,
      );
      tell({ kind: 'renewed', tokens });
    },
    async clear() {
      await memory.clear();
      const opened = await vault;
      if (opened === undefined) return;
      await opened.clear();
      tell({ kind: 'ended' });
    },
  };
  const session = createSession({ auth, storage, onEnd, exclusively: (work) => locked(name, work) });

  channel.onmessage = ({ data }: { readonly data: unknown }) => {
    const news = data as News;
    if (news.kind === 'renewed') void memory.save(news.tokens);
    else void Promise.resolve(memory.clear()).then(news.kind === 'started' ? onStart : onEnd);
  };

  return {
    ...session,
    async set(tokens) {
      const opened = await vault;
      const before = await opened?.load();
      await session.set(tokens);
      // A step-up returns tokens of the same session: other tabs go on with what they show.
      if (opened !== undefined && !isSameSession(before, tokens.refreshToken)) tell({ kind: 'started' });
    },
  };
}

/** Refresh tokens begin with the id of their session: 16 bytes, of which 21 characters are whole. */
function isSameSession(one: string | undefined, other: string): boolean {
  return one?.slice(0, 21) === other.slice(0, 21);
}

/** The key of this browser, with the refresh token that is bound to it. */
export type BrowserKey = {
  readonly key: ProofKey;
  load(): Promise<string | undefined>;
  save(refreshToken: string): Promise<void>;
  clear(): Promise<void>;
};

/** The key and the refresh token of this browser; undefined where it keeps none. */
export async function openBrowserKey(name: string): Promise<BrowserKey | undefined> {
  try {
    const store = createStore('manam', 'sessions');
    const keyName = `${name} key`;
    const tokenName = `${name} token`;
    // One key for all pages: only one of them may make it.
    const pair = await locked(`${name} key`, () => findPair(store, keyName));
    return {
      key: createProofKey(pair),
      load: () => get<string>(tokenName, store),
      save: (refreshToken) => set(tokenName, refreshToken, store),
      clear: () => del(tokenName, store),
    };
  } catch {
    // No IndexedDB, or none that keeps keys.
    return undefined;
  }
}

async function findPair(store: UseStore, name: string): Promise<ProofKeyPair> {
  const kept = await get<ProofKeyPair>(name, store);
  if (kept !== undefined) return kept;
  const made = await generateProofKeyPair();
  await set(name, made, store);
  return made;
}
