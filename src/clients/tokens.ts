import type { Client } from '@connectrpc/connect';
import type { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import type { SessionTokens } from '../../gen/manam/v1/session_pb.js';
import { type Reason, readFailure } from './failure.ts';

/** A session's tokens as they are kept. */
export type StoredTokens = {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** Expiry of the access token, in milliseconds since 1970. */
  readonly expiresAtMs: number;
};

/**
 * Where tokens are kept. What is kept in a page's storage every script of the page can
 * read: memory is the default for a reason.
 */
export type TokenStorage = {
  load(): StoredTokens | undefined | Promise<StoredTokens | undefined>;
  save(tokens: StoredTokens): void | Promise<void>;
  clear(): void | Promise<void>;
};

/** Where clients get their access token. */
export type TokenSource = {
  /** The access token to call with, renewed where it ends soon; undefined: there is no session. */
  get(): Promise<string | undefined>;
  /** A token instead of one that was refused; undefined: there is no session any more. */
  renew(refused: string): Promise<string | undefined>;
};

/** A token source that a sign-in fills and a sign-out empties. */
export type ClientSession = TokenSource & {
  /** Begins with the tokens of a sign-in. */
  set(tokens: Pick<SessionTokens, 'accessToken' | 'refreshToken' | 'expiresIn'>): Promise<void>;
  /** Forgets the tokens; the session itself ends with AuthService.Logout. */
  clear(): Promise<void>;
};

export type SessionOptions = {
  /** Exchanges a refresh token: RefreshToken of a client that needs no session itself. */
  readonly auth: Pick<Client<typeof AuthService>, 'refreshToken'>;
  /** Default: memory. */
  readonly storage?: TokenStorage;
  /** Time before its expiry at which a token is renewed, in milliseconds. Default 30,000. */
  readonly aheadMs?: number;
  /** Called when the service has ended the session: sign in again. */
  readonly onEnd?: () => void;
  /** The clock that expiry is judged by, in milliseconds since 1970, for tests. Default: the system's. */
  readonly now?: () => number;
  /** Runs work that no other page of the same session does meanwhile. Default: there is none. */
  readonly exclusively?: <T>(work: () => Promise<T>) => Promise<T>;
};

/** Keeps tokens in memory. */
export function memoryStorage(): TokenStorage {
  let kept: StoredTokens | undefined;
  return {
    load: () => kept,
    save: (tokens) => {
      kept = tokens;
    },
    clear: () => {
      kept = undefined;
    },
  };
}

/** Whether a refused refresh ends the session: the token is not good, or not with the key of this client. */
function isEnd(reason: Reason | undefined): boolean {
  return reason === 'TOKEN_INVALID' || reason === 'DPOP_PROOF_INVALID';
}

/** A session whose access token renews itself, once for all calls that need it at the same time. */
export function createSession({
  auth,
  storage = memoryStorage(),
  aheadMs = 30_000,
  onEnd = () => {},
  now = Date.now,
  exclusively = (work) => work(),
}: SessionOptions): ClientSession {
  let renewing: Promise<StoredTokens | undefined> | undefined;

  const save = async ({ accessToken, refreshToken, expiresIn }: Parameters<ClientSession['set']>[0]) => {
    const tokens = { accessToken, refreshToken, expiresAtMs: now() + expiresIn * 1000 };
    await storage.save(tokens);
    return tokens;
  };

  async function exchange(
    isStale: (tokens: StoredTokens) => boolean,
    refused: string | undefined,
  ): Promise<StoredTokens | undefined> {
    // Read again: another one, such as a second tab, may have renewed it meanwhile.
    const kept = await storage.load();
    if (kept === undefined || !isStale(kept)) return kept;
    // Meanwhile the session may have ended here, or another one begun: then this answer is no one's.
    const isStillKept = async () => (await storage.load())?.refreshToken === kept.refreshToken;
    try {
      const { tokens } = await auth.refreshToken({ refreshToken: kept.refreshToken });
      if (!(await isStillKept())) return await storage.load();
      return tokens && (await save(tokens));
    } catch (error) {
      if (!(await isStillKept())) return await storage.load();
      if (!isEnd(readFailure(error).reason)) {
        // Renewed early, the token at hand is valid for a while yet.
        if (kept.accessToken !== refused && kept.expiresAtMs > now()) return kept;
        throw error;
      }
      await storage.clear();
      onEnd();
      return undefined;
    }
  }

  async function current(
    isStale: (tokens: StoredTokens) => boolean,
    refused?: string,
  ): Promise<string | undefined> {
    const kept = await storage.load();
    if (kept === undefined || !isStale(kept)) return kept?.accessToken;
    renewing ??= exclusively(() => exchange(isStale, refused));
    const mine = renewing;
    try {
      return (await mine)?.accessToken;
    } finally {
      if (renewing === mine) renewing = undefined;
    }
  }

  return {
    get: () => current(({ expiresAtMs }) => expiresAtMs - now() <= aheadMs),
    renew: (refused) => current(({ accessToken }) => accessToken === refused, refused),
    set: async (tokens) => {
      renewing = undefined;
      await save(tokens);
    },
    clear: async () => {
      renewing = undefined;
      await storage.clear();
    },
  };
}
