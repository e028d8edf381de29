import type { AuthenticationMethod } from './authentication.ts';
import type { AuthenticatorKind } from './authenticator.ts';
import type { UserView } from './user.ts';

/** The permission of a user for an application: one sign-in, with every token that follows from it. */
export type Grant = {
  readonly tenantId: string;
  readonly id: string;
  readonly userId: string;
  readonly clientId: string;
  /** The session of the hosted pages that it was made in. */
  readonly sessionId: string;
  readonly scopes: readonly string[];
  readonly resources: readonly string[];
  readonly authTime: Date;
  readonly amr: readonly AuthenticationMethod[];
  /** Number of rotations of the refresh token. */
  readonly refreshCounter: number;
  readonly refreshSalt: Buffer;
  /** Time of the last rotation, or of the first tokens. */
  readonly refreshedAt: Date;
  readonly createdAt: Date;
  readonly idleExpiresAt: Date;
  readonly expiresAt: Date;
};

/** The code that a browser carries to the application (RFC 6749, section 4.1.2), once. */
export type GrantCode = {
  readonly digest: Buffer;
  readonly expiresAt: Date;
  readonly redirectUri: string;
  /** Empty: the application is registered to do without PKCE. */
  readonly codeChallenge: string;
  readonly nonce: string;
};

/** A grant whose code was presented. */
export type CodeGrant = Grant & {
  readonly code: GrantCode;
  readonly isUsed: boolean;
};

/** A grant that is live, with its user as they are now. */
export type LiveGrant = Grant & {
  readonly holder: UserView;
  /** The authenticators that its user has by now. */
  readonly kinds: readonly AuthenticatorKind[];
};

/** A grant that has ended, and whose application wants to know. */
export type EndedGrant = Pick<Grant, 'tenantId' | 'id' | 'clientId' | 'userId' | 'sessionId'>;

export type Consent = {
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly resources: readonly string[];
  readonly createdAt: Date;
};

export type GrantRepository = {
  /** Keeps a grant; with a code its tokens wait for that. */
  insert(grant: Grant, code: GrantCode | undefined): Promise<void>;
  findByCode(tenantId: string, id: string, digest: Buffer): Promise<CodeGrant | undefined>;
  /** Finds a grant whether or not it is live. */
  find(tenantId: string, id: string): Promise<Grant | undefined>;
  /** Uses the code up and begins the life of the grant; true for exactly one of any number of callers. */
  redeem(
    grant: Pick<Grant, 'tenantId' | 'id'>,
    life: Pick<Grant, 'idleExpiresAt' | 'expiresAt'>,
    now: Date,
  ): Promise<boolean>;
  /**
   * Finds a grant that is live: neither ended nor expired, its user active, and without `offline_access` its session not
   * ended.
   */
  findLive(tenantId: string, id: string, now: Date): Promise<LiveGrant | undefined>;
  /** Rotates the refresh token; true for exactly one caller per counter. */
  rotate(grant: Grant, next: Pick<Grant, 'refreshedAt' | 'idleExpiresAt'>): Promise<boolean>;
  /** Ends one; false where it had ended. */
  end(tenantId: string, id: string, now: Date): Promise<boolean>;
  /** Ends all grants of a user but those of the session that is kept, and of one application where that is named. */
  endOfUser(
    tenantId: string,
    userId: string,
    which: { readonly keptSessionId?: string | undefined; readonly clientId?: string },
    now: Date,
  ): Promise<number>;
  /** The live grants of a user. */
  listLive(tenantId: string, userId: string, now: Date): Promise<Grant[]>;
  /**
   * The grants of a user that have ended, or whose session has, and that no one was told of; they count as told from
   * now on, and go on themselves where they have `offline_access`. In a transaction.
   */
  takeEnded(tenantId: string, userId: string, now: Date): Promise<EndedGrant[]>;
  /** Deletes the grants of a user who is gone. */
  deleteOfUser(tenantId: string, userId: string): Promise<void>;
  /** Ends all grants of an application that is gone, of which there is no one left to tell, and forgets its consents. */
  endOfClient(tenantId: string, clientId: string, now: Date): Promise<void>;
  listConsents(tenantId: string, userId: string): Promise<Consent[]>;
  /** Adds scopes and resources to the consent of a user. */
  consent(tenantId: string, userId: string, consent: Consent): Promise<void>;
  /** Forgets a consent; false where there was none. */
  withdraw(tenantId: string, userId: string, clientId: string): Promise<boolean>;
};

/** The parts of a scope parameter (RFC 6749, section 3.3), each once. */
export function parseScope(text: string): string[] {
  return [...new Set(text.split(' ').filter((part) => part !== ''))];
}

/** How well a user authenticated (`acr`): as the levels of NIST SP 800-63B-4, of which a second factor is the second. */
export function acrOf(amr: readonly AuthenticationMethod[]): 'aal1' | 'aal2' {
  return amr.includes('mfa') ? 'aal2' : 'aal1';
}
