import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { TwoFactorChallenge } from '../../clients/web.ts';
import type { Site } from '../kit/site.ts';
import type { Errand } from './errand.ts';

/** How far the person in front of the page has come. */
export type Stage =
  /** Whether there is a session is not known yet. */
  | { readonly at: 'starting' }
  | { readonly at: 'outside' }
  /** The password was right; the second factor is pending. */
  | { readonly at: 'second-factor'; readonly challenge: TwoFactorChallenge }
  /** Signed in, but only for the enrolment of a second factor. */
  | { readonly at: 'enrol' }
  /** Signed in for the first time: the names are asked for. */
  | { readonly at: 'names'; readonly userId: string }
  /** Signed in by a password: a passkey is offered. */
  | { readonly at: 'offer-passkey'; readonly userId: string }
  /** Signed in, and the tenant's terms are not accepted yet. */
  | { readonly at: 'terms'; readonly url: string; readonly version: string }
  | { readonly at: 'inside' }
  /** The account is gone; the receipt says so. */
  | { readonly at: 'deleted'; readonly receipt: string };

/** The response of a way to sign in. */
export type SignInAnswer = {
  readonly twoFactor?: TwoFactorChallenge | undefined;
  readonly isNew?: boolean;
  /** Whether a passkey may be offered: after a password, and to a new account. */
  readonly mayOfferPasskey?: boolean;
  readonly userId?: string;
};

/** State that all parts of the page share. */
export type Account = Site & {
  readonly stage: Stage;
  /** What brought the person here; undefined: they came for their account. */
  readonly errand: Errand | undefined;
  /** The part of the address behind the tenant's name, such as `sign-up`. */
  readonly path: string;
  /** The query that the page was opened with. */
  readonly query: URLSearchParams;
  /** Goes to another part in place of this one, which Back does not lead to: with something to say, or a failure. */
  replace(path: string, said?: { readonly notice?: string; readonly error?: string }): void;
  setStage(stage: Stage): void;
  /** Goes on after a sign-in: inside, or to the second factor that the tenant demands. */
  enter(): Promise<void>;
  /** Goes on after the response of a sign-in: to the second factor, to the names of a new account, or as `enter`. */
  goOn(answer: SignInAnswer): Promise<void>;
};

export const AccountContext = createContext<Account | undefined>(undefined);

export function useAccount(): Account {
  const account = useContext(AccountContext);
  if (account === undefined) throw new Error('outside of the app');
  return account;
}
