'use client';

import type { User, UserManager } from 'oidc-client-ts';
import {
  createContext,
  createElement,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useState,
} from 'react';
import { createManager, finishRedirect } from './manager.ts';
import { keepRenewed, renew } from './renewal.ts';
import { type ReactLocale, type Words, words } from './words.ts';

/** The person in front of the page, as the tenant's issuer tells of them. */
export type SignedInUser = {
  /** `sub`: the user's id, as this application knows it. */
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly picture: string;
  /** The roles of the user, where the application may ask for the scope `roles`. */
  readonly roles: readonly string[];
  /** Every claim of ID token and UserInfo. */
  readonly claims: Readonly<Record<string, unknown>>;
};

/** Whether someone is signed in, and what can be done about it. */
export type Auth = {
  readonly status: 'loading' | 'signed-in' | 'signed-out';
  /** The user; undefined while signed out or loading. */
  readonly user: SignedInUser | undefined;
  /** Why the last sign-in was not completed, or why tokens cannot be renewed now: in an outage the user stays signed in. */
  readonly error: Error | undefined;
  /** Leads to the hosted pages, and back to where the person is now. */
  signIn(): Promise<void>;
  /** Ends the session here and at the tenant, and leads back. */
  signOut(): Promise<void>;
  /**
   * Returns an access token for your API and renews it first if it is about to expire; undefined while signed out. Rejects
   * where it cannot be renewed now.
   */
  getAccessToken(): Promise<string | undefined>;
};

export type ManamProviderProps = {
  /** The issuer of the tenant, such as `https://id.example.com/t/acme`. */
  readonly issuer: string;
  /** The id of the application, of the kind `spa`. */
  readonly clientId: string;
  /** Where the hosted pages lead back to; a redirect URI of the application. Default: the root of this origin. */
  readonly redirectUri?: string;
  /** Default `openid profile email`. */
  readonly scope?: string;
  /** The API that access tokens are for (`resource`, RFC 8707). Default: UserInfo alone. */
  readonly resource?: string;
  /** The language of the components. Default `en`. */
  readonly locale?: ReactLocale;
  readonly children?: ReactNode;
};

type Inner = { readonly auth: Auth; readonly words: Words; readonly accountUrl: string };

const AuthContext = createContext<Inner | undefined>(undefined);

/** Knows who is signed in, for all that is below it. Tokens are kept in this tab alone. */
export function ManamProvider(props: ManamProviderProps) {
  const { issuer, clientId, redirectUri, scope, resource, locale = 'en', children } = props;
  const manager = useMemo(
    // There is no session where a server renders the page.
    () =>
      typeof document === 'undefined'
        ? undefined
        : createManager({ issuer, clientId, redirectUri, scope, resource }),
    [issuer, clientId, redirectUri, scope, resource],
  );
  const auth = useManager(manager);
  const inner = useMemo(() => {
    const [, origin = '', slug = ''] = /^(https?:\/\/.*)\/t\/([^/]+)\/?$/.exec(issuer) ?? [];
    return { auth, words: words[locale], accountUrl: `${origin}/account/${slug}/` };
  }, [auth, issuer, locale]);
  return createElement(AuthContext.Provider, { value: inner }, children);
}

/** What the manager knows, as state. */
function useManager(manager: UserManager | undefined): Auth {
  const [user, setUser] = useState<User | null | undefined>(undefined);
  const [error, setError] = useState<Error>();
  useEffect(() => {
    if (manager === undefined) return undefined;
    let isGone = false;
    const show = (next: User | null): void => {
      if (!isGone) setUser(next);
    };
    const forget = () => show(null);
    let stop = () => {};
    manager.events.addUserLoaded(show);
    manager.events.addUserUnloaded(forget);
    void finishRedirect(manager)
      .then(show, (failure: Error) => {
        show(null);
        if (!isGone) setError(failure);
        return failure;
      })
      .then((failure) => {
        if (!isGone) stop = keepRenewed(manager, (outage) => setError(outage ?? failure ?? undefined));
      });
    return () => {
      isGone = true;
      stop();
      manager.events.removeUserLoaded(show);
      manager.events.removeUserUnloaded(forget);
    };
  }, [manager]);
  return useMemo(() => {
    const at = () => location.pathname + location.search + location.hash;
    /** Stores the error, so that the page can show that the sign-in could not begin. */
    const orTell = async (work: () => Promise<void> | undefined): Promise<void> => {
      setError(undefined);
      try {
        await work();
      } catch (failure) {
        setError(failure as Error);
        throw failure;
      }
    };
    return {
      status: user === undefined ? 'loading' : user === null ? 'signed-out' : 'signed-in',
      user: user ? toUser(user) : undefined,
      error,
      signIn: () => orTell(() => manager?.signinRedirect({ state: at() })),
      signOut: () => orTell(() => manager?.signoutRedirect()),
      async getAccessToken() {
        const current = await manager?.getUser();
        if (!current) return undefined;
        // A token that ends on its way is no good.
        if ((current.expires_in ?? 0) > 10) return current.access_token;
        return manager && (await renew(manager))?.access_token;
      },
    };
  }, [manager, user, error]);
}

function toUser({ profile }: User): SignedInUser {
  const { sub: id, name = '', email = '', picture = '' } = profile;
  const { roles } = profile;
  return { id, name, email, picture, roles: Array.isArray(roles) ? roles.map(String) : [], claims: profile };
}

/** For the components beside this. */
export function useInner(): Inner {
  const inner = useContext(AuthContext);
  if (inner === undefined) throw new Error('there is no ManamProvider above this component');
  return inner;
}

/** Who is signed in, and what can be done about it. */
export function useAuth(): Auth {
  return useInner().auth;
}

/** The user; undefined while signed out or loading. */
export function useUser(): SignedInUser | undefined {
  return useAuth().user;
}
