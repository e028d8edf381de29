import type { Enrolled } from './authenticator.ts';
import type { OriginHistory, SignInOrigin } from './device.ts';
import type { HeldIdentifier, Identifier } from './identifier.ts';
import type { Locale } from './locale.ts';
import type { Profile } from './profile.ts';

export type User = {
  readonly id: string;
  readonly tenantId: string;
  readonly status: 'active' | 'disabled';
  readonly locale: Locale;
  readonly roles: readonly string[];
  /** The sender of e-mails to the user; empty for the tenant's default. */
  readonly senderEmail: string;
  /** The page that confirmation links lead to; empty for the tenant's default. */
  readonly confirmUrl: string;
  readonly profile: Profile;
  readonly createdAt: Date;
  /** Whether the user registered, or a back end of the tenant or an operator made the account. */
  readonly origin: 'self' | 'back-end';
};

/** An identifier with what a message to its owner needs. */
export type OwnedIdentifier = HeldIdentifier & {
  readonly locale: Locale;
  readonly senderEmail: string;
  readonly confirmUrl: string;
  /** Whether the owner has ever proved this or another identifier: then no other registration may replace the account. */
  readonly isOwnerConfirmed: boolean;
  readonly origin: User['origin'];
  readonly status: User['status'];
  readonly passwordHash: string | undefined;
};

/** A user with all that they can sign in with. */
export type UserView = {
  readonly user: User;
  readonly email: HeldIdentifier | undefined;
  readonly mobile: HeldIdentifier | undefined;
  /** Until then nothing that opens the account can be changed, because its owner reported a change. */
  readonly frozenUntil: Date | undefined;
};

/** The account data that the session gate needs. */
export type SessionAccount = UserView & {
  readonly enrolled: Enrolled;
  /** Number of sessions that have neither ended nor expired. Those whose idle time is over are among them. */
  readonly liveSessions: number;
  /** The session that ends with one more: the oldest of `maxSessions` live ones, where none is counted whose idle time is over. */
  readonly oldestSession: string | undefined;
  /** Considers only sessions that have neither ended nor expired. */
  readonly history: OriginHistory;
};

/** The account data that a password sign-in needs. */
export type LoginView = SessionAccount & {
  readonly passwordHash: string | undefined;
  /** The identifier that was looked up. */
  readonly identifier: HeldIdentifier;
  /** Failed sign-ins in a row, over all networks. */
  readonly totalFailures: number;
};

/** Changes of a user; only fields that are set are written. */
export type UserChanges = Partial<Profile & Pick<User, 'locale' | 'roles'>>;

export type UserRepository = {
  findIdentifier(tenantId: string, identifier: Identifier): Promise<OwnedIdentifier | undefined>;
  findForLogin(
    tenantId: string,
    identifier: Identifier,
    origin: SignInOrigin,
    now: Date,
  ): Promise<LoginView | undefined>;
  findById(tenantId: string, userId: string): Promise<UserView | undefined>;
  findForSession(
    tenantId: string,
    userId: string,
    origin: SignInOrigin,
    now: Date,
  ): Promise<SessionAccount | undefined>;
  /** Whether the user's latest sessions, ended ones included, came from this device or address. */
  findHistory(tenantId: string, userId: string, origin: SignInOrigin): Promise<OriginHistory>;
  /**
   * Throws DuplicateError where the identifier is taken. Without a hash the user has no
   * password; without an identifier a proof brings it later.
   */
  insert(user: User, identifier: HeldIdentifier | undefined, passwordHash: string | undefined): Promise<void>;
  /** Gives a user one more identifier. Throws DuplicateError where it is taken. */
  addIdentifier(tenantId: string, identifier: HeldIdentifier): Promise<void>;
  /** Locks the user's row until the transaction ends; false if there is none, such as after an erasure. */
  lock(tenantId: string, userId: string): Promise<boolean>;
  /** Takes away every identifier of a user but that one. */
  removeOtherIdentifiers(tenantId: string, userId: string, kept: Identifier): Promise<void>;
  /** Takes the password of a user away. */
  deletePassword(tenantId: string, userId: string): Promise<void>;
  /** Replaces an account that never was confirmed; false where it was, meanwhile. Its status stays. */
  replaceUnconfirmed(
    user: User,
    identifier: HeldIdentifier,
    passwordHash: string | undefined,
  ): Promise<boolean>;
  /**
   * Empties an account that several parties registered and none has proved: its password and
   * its names are void (R71). False where it was proved meanwhile, or a back end made it.
   */
  dispute(tenantId: string, userId: string): Promise<boolean>;
  /** Makes an unproved account one of a back end: the password that was registered for it is void. */
  adopt(tenantId: string, userId: string): Promise<void>;
  /**
   * Takes an unproved identifier away from other users. `proved`: its owner is
   * here. `claimed`: only registrations lose it, and no account that a back end made.
   */
  releaseClaim(
    tenantId: string,
    identifier: Identifier,
    userId: string,
    mode: 'proved' | 'claimed',
  ): Promise<void>;
  /** Takes the identifiers of these kinds away from a user. */
  removeIdentifiers(tenantId: string, userId: string, kinds: readonly Identifier['kind'][]): Promise<void>;
  /** Marks an identifier confirmed; false where it is already, or no longer this user's. */
  confirmIdentifier(tenantId: string, userId: string, identifier: Identifier, at: Date): Promise<boolean>;
  /** Notes that a user has proved an identifier. */
  markConfirmed(tenantId: string, userId: string, at: Date): Promise<void>;
  /** Changes the fields that are set and no other. */
  update(tenantId: string, userId: string, changes: UserChanges): Promise<void>;
  /** Puts an identifier instead of the user's one of that kind. Throws DuplicateError where it is taken. */
  replaceIdentifier(tenantId: string, identifier: HeldIdentifier): Promise<void>;
  /** Deletes a user and every row that is theirs. */
  delete(tenantId: string, userId: string): Promise<void>;
  /** Users whose address or number begins so, by id, after the one with `afterId`. */
  search(
    tenantId: string,
    query: { readonly prefix: string; readonly afterId: string | undefined },
    limit: number,
  ): Promise<UserView[]>;
  /** Notes whether every way into the account asks for a passkey. */
  setPasskeyOnly(tenantId: string, userId: string, isPasskeyOnly: boolean): Promise<void>;
  setStatus(tenantId: string, userId: string, status: User['status']): Promise<void>;
  /** The password hash of a user, or undefined where they have none. */
  findPasswordHash(tenantId: string, userId: string): Promise<string | undefined>;
  /** Sets the password hash, also of a user who had none. */
  updatePasswordHash(tenantId: string, userId: string, passwordHash: string): Promise<void>;
};
