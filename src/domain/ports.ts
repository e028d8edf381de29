import type { AuthenticationMethod, Client, SessionLevel } from './caller.ts';
import type { Factors, SecondFactorMethod } from './factors.ts';
import type { Locale } from './locale.ts';
import type { Json } from './profile.ts';
import type { ApiKey, KeyKind, Scope, Tenant, TenantPolicy } from './tenant.ts';

/** The time. One clock per process, whose distance to the database's is watched. */
export type Clock = () => Date;

export type Random = {
  /** That many bytes from the system's generator. */
  bytes(length: number): Buffer;
  /** A new UUID of version 7 (RFC 9562). */
  uuid(): string;
  /** A whole number from 0 to below the limit, each as likely. */
  int(limit: number): number;
};

export type PasswordHasher = {
  /** Hashes a normalized password into a PHC string. */
  hash(password: string): Promise<string>;
  /**
   * Compares a password with a PHC string. Without one the same work is done
   * against a dummy and the answer is false (R5).
   */
  verify(phc: string | undefined, password: string): Promise<boolean>;
  /** Whether a PHC string was made with less than today's parameters. */
  needsRehash(phc: string): boolean;
};

/** Whether a password is known from a breach. */
export type BreachCheck = (password: string) => Promise<boolean>;

/** Encryption and keyed digests for what rests in the database. */
export type Vault = {
  /** Encrypts; only `open` with the same purpose and context gives it back. */
  seal(purpose: string, context: string, plaintext: Uint8Array): Buffer;
  /** Decrypts what `seal` made; throws where anything differs. */
  open(purpose: string, context: string, sealed: Uint8Array): Buffer;
  /** HMAC-SHA-256 with a key of its own for the purpose. */
  mac(purpose: string, data: Uint8Array): Buffer;
};

/** What an access token says about its session. */
export type AccessClaims = {
  readonly tenantId: string;
  readonly userId: string;
  readonly sessionId: string;
  readonly level: SessionLevel;
  readonly authTime: Date;
  readonly amr: readonly AuthenticationMethod[];
};

/** Draws a text as a QR code in a PNG image. */
export type QrRenderer = (text: string) => Promise<Buffer>;

/** What a token of a pending sign-in says: the row that it names, and nothing of what is in it. */
export type PendingClaims = {
  readonly tenantId: string;
  readonly userId: string;
  readonly challengeId: string;
};

export type AccessTokens = {
  /** How long an access token lives, in seconds. */
  readonly lifetimeS: number;
  sign(claims: AccessClaims): Promise<string>;
  /** A token that opens the second step of one sign-in and nothing else (R24). */
  signPending(claims: PendingClaims): Promise<string>;
  verifyPending(token: string): Promise<PendingClaims | undefined>;
  /** The claims of a live token of ours, or undefined for any other text. */
  verify(token: string): Promise<(AccessClaims & { issuedAt: Date; expiresAt: Date }) | undefined>;
};

/** The kinds of what a user signs in with. */
export type IdentifierKind = 'email' | 'mobile';

/** One identifier in the form in which it is compared. */
export type Identifier = { readonly kind: IdentifierKind; readonly canonical: string };

/** The personal data of a user, in one place so that it can be erased. */
export type Profile = {
  readonly firstName: string;
  readonly lastName: string;
  readonly nationalCode: string;
  /** As sent, in either calendar. */
  readonly birthday: string;
  /** The same day as a Gregorian date, or undefined. */
  readonly birthdayGregorian: string | undefined;
  readonly picture: string;
  readonly address: string;
  readonly postalCode: string;
  readonly maritalStatus: string;
  readonly facebookId: string;
  readonly instagramId: string;
  readonly twitterId: string;
  readonly linkedinId: string;
  readonly document: string;
  readonly telephone: string;
  readonly customFields: Json;
};

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
};

/** An identifier as it stands in its row. */
export type HeldIdentifier = Identifier & {
  readonly userId: string;
  /** The form that messages go to. */
  readonly address: string;
  readonly confirmedAt: Date | undefined;
};

/** An identifier with what a message to its owner needs. */
export type OwnedIdentifier = HeldIdentifier & {
  readonly locale: Locale;
  readonly senderEmail: string;
  readonly confirmUrl: string;
  /** Whether the owner has proved himself by this or another identifier: his account is nobody's to replace. */
  readonly isOwnerConfirmed: boolean;
};

/** A user with all that he can sign in with. */
export type UserView = {
  readonly user: User;
  readonly email: HeldIdentifier | undefined;
  readonly mobile: HeldIdentifier | undefined;
};

/** What the gate that mints sessions needs to know of a user. */
export type SessionAccount = UserView & {
  readonly factors: Factors;
  /** How many sessions of the user are live. */
  readonly liveSessions: number;
};

/** What a sign-in with a password needs to know. */
export type LoginView = SessionAccount & {
  readonly passwordHash: string | undefined;
  /** The identifier that was looked up. */
  readonly identifier: HeldIdentifier;
};

/** What can be changed of a user; only what is set is written. */
export type UserChanges = Partial<Profile & Pick<User, 'locale' | 'roles'>>;

/** What an identity provider says of a user, by field. */
export type ExternalProfile = Readonly<Record<string, string>>;

export type UserRepository = {
  findIdentifier(tenantId: string, identifier: Identifier): Promise<OwnedIdentifier | undefined>;
  findForLogin(tenantId: string, identifier: Identifier, now: Date): Promise<LoginView | undefined>;
  findById(tenantId: string, userId: string): Promise<UserView | undefined>;
  findForSession(tenantId: string, userId: string, now: Date): Promise<SessionAccount | undefined>;
  /** Throws DuplicateError where the identifier is taken. */
  insert(user: User, identifier: HeldIdentifier, passwordHash: string): Promise<void>;
  /** Replaces an account without any confirmed identifier; false where it has one, meanwhile. Its status stays. */
  replaceUnconfirmed(user: User, identifier: HeldIdentifier, passwordHash: string): Promise<boolean>;
  /** Marks an identifier confirmed; false where it is already, or no longer this user's. */
  confirmIdentifier(tenantId: string, userId: string, identifier: Identifier, at: Date): Promise<boolean>;
  /** Changes the fields that are set and no other. */
  update(tenantId: string, userId: string, changes: UserChanges): Promise<void>;
  /** Puts an identifier in the place of the user's one of that kind. Throws DuplicateError where it is taken. */
  replaceIdentifier(tenantId: string, identifier: HeldIdentifier): Promise<void>;
  /** Deletes a user and every row that is his. */
  delete(tenantId: string, userId: string): Promise<void>;
  /** What the identity provider that he came from says of a user. */
  findExternalProfile(tenantId: string, userId: string): Promise<ExternalProfile | undefined>;
  /** Whether a user of Manam itself has consented to a tenant. */
  hasConsented(tenantId: string, userId: string, consentedTenantId: string): Promise<boolean>;
  /** The password hash of a user, or undefined where he has none. */
  findPasswordHash(tenantId: string, userId: string): Promise<string | undefined>;
  /** Sets the password hash, also of a user who had none. */
  updatePasswordHash(tenantId: string, userId: string, passwordHash: string): Promise<void>;
};

/** What a one-time thing is good for. */
export type ChallengePurpose =
  | 'confirm-email'
  | 'confirm-sms'
  | 'change-email'
  | 'change-mobile'
  | 'recover-email'
  | 'recover-sms'
  | 'sign-in'
  | 'sms-code'
  | 'totp-proof'
  | 'totp-proven'
  | 'totp-setup'
  | 'sms-proof'
  | 'sms-proven'
  | 'sms-setup';

/** A one-time thing: a link, a code, a step of a procedure. */
export type Challenge = {
  readonly id: string;
  readonly tenantId: string;
  readonly userId: string;
  readonly purpose: ChallengePurpose;
  /** There is one challenge per purpose and slot: a new one takes the place of the old. */
  readonly slot: string;
  readonly digest: Buffer;
  /** The address or number that it was sent to; empty where it was sent nowhere. */
  readonly identifier: string;
  /** What else belongs to it, sealed where it is secret. */
  readonly data: Buffer | undefined;
  readonly expiresAt: Date;
};

export type ChallengeRepository = {
  /** Puts the challenge into its slot; whatever was there is dead from then on. */
  put(challenge: Challenge): Promise<void>;
  /** Finds a challenge that is neither consumed nor expired. */
  findLive(
    tenantId: string,
    id: string,
    purpose: ChallengePurpose,
    digest: Buffer,
    now: Date,
  ): Promise<Challenge | undefined>;
  /** Finds the live challenges of that digest: where a request holds a code and nothing else. */
  findLiveByDigest(
    tenantId: string,
    purpose: ChallengePurpose,
    digest: Buffer,
    now: Date,
  ): Promise<Challenge[]>;
  /** Finds a live challenge by its id alone: where the caller holds a signed token that names it. */
  findById(
    tenantId: string,
    id: string,
    purpose: ChallengePurpose,
    now: Date,
  ): Promise<Challenge | undefined>;
  /** Finds the live challenge in a slot. */
  findInSlot(
    tenantId: string,
    purpose: ChallengePurpose,
    slot: string,
    now: Date,
  ): Promise<Challenge | undefined>;
  /** Counts a guess before it is checked; false where that many were made. */
  countAttempt(tenantId: string, id: string, max: number): Promise<boolean>;
  /** Kills all that is outstanding for a user. */
  killAll(tenantId: string, userId: string, now: Date): Promise<void>;
  /** Consumes it; true for exactly one of any number of callers. */
  consume(tenantId: string, id: string, now: Date): Promise<boolean>;
};

export type FactorRepository = {
  find(tenantId: string, userId: string): Promise<Factors>;
  /** The TOTP seed of a user in Base32, or undefined where he has none. */
  findTotpSeed(tenantId: string, userId: string): Promise<string | undefined>;
  /** Uses up a time step and all before it; true for exactly one caller per step (R27). */
  useTotpStep(tenantId: string, userId: string, step: number): Promise<boolean>;
  /** Keeps a confirmed seed, encrypted, with the step of the code that confirmed it. */
  insertTotp(tenantId: string, userId: string, seed: string, step: number, now: Date): Promise<void>;
  insertSms(tenantId: string, userId: string, number: string, now: Date): Promise<void>;
  /** Removes a factor; false where there is none. */
  remove(tenantId: string, userId: string, method: SecondFactorMethod): Promise<boolean>;
  countRecoveryCodes(tenantId: string, userId: string): Promise<number>;
  /** Puts new codes in the place of the old ones; an empty list removes them. */
  replaceRecoveryCodes(tenantId: string, userId: string, digests: readonly Buffer[]): Promise<void>;
  /** Consumes a recovery code; true for exactly one caller. */
  useRecoveryCode(tenantId: string, userId: string, digest: Buffer): Promise<boolean>;
};

export type SessionRow = {
  readonly id: string;
  readonly tenantId: string;
  readonly userId: string;
  readonly level: SessionLevel;
  readonly amr: readonly AuthenticationMethod[];
  readonly authTime: Date;
  readonly client: Client;
  /** How often the refresh token was rotated. */
  readonly refreshCounter: number;
  readonly refreshSalt: Buffer;
  /** When the refresh token was last rotated, or made. */
  readonly refreshedAt: Date;
  readonly createdAt: Date;
  /** When it ends unless it is used. */
  readonly idleExpiresAt: Date;
  /** When it ends at the latest. */
  readonly expiresAt: Date;
};

/** A live session, and whether its user has a second factor. */
export type LiveSession = SessionRow & { readonly hasSecondFactor: boolean };

export type SessionRepository = {
  insert(session: SessionRow): Promise<void>;
  /** Finds a session that is live and whose user is active and has a confirmed identifier. */
  findLive(tenantId: string, id: string, now: Date): Promise<LiveSession | undefined>;
  /** The live sessions of a user, the newest first. */
  listLive(tenantId: string, userId: string, now: Date): Promise<SessionRow[]>;
  /** Rotates the refresh token of a live session; true for exactly one caller per counter. */
  rotate(
    session: SessionRow,
    next: Pick<SessionRow, 'level' | 'refreshedAt' | 'idleExpiresAt' | 'client'>,
  ): Promise<boolean>;
  /** Notes that a second factor was proved in a session: it is signed in at the user's full level. */
  raise(tenantId: string, id: string, method: AuthenticationMethod, now: Date): Promise<void>;
  /** Notes that the user has authenticated again. */
  updateAuthTime(tenantId: string, id: string, authTime: Date): Promise<void>;
  /** Ends one session of a user; false where he has no such live session. */
  revoke(tenantId: string, userId: string, id: string, now: Date): Promise<boolean>;
  /** Ends all sessions of a user but one; answers how many. */
  revokeOthers(tenantId: string, userId: string, keptId: string | undefined, now: Date): Promise<number>;
  /** Ends the oldest sessions of a user beyond that many. */
  revokeBeyond(tenantId: string, userId: string, kept: number, now: Date): Promise<void>;
};

/** What can be guessed: each kind has counters of its own. */
export type GuessKind = 'password' | 'second-factor';

/** How guessing is slowed down (R7, R8). */
export type GuessPolicy = {
  readonly kind: GuessKind;
  /** How many failures cost nothing. */
  readonly free: number;
  /** How long the next attempt has to wait after the last free one; it doubles with each further failure. */
  readonly firstDelayS: number;
  readonly maxDelayS: number;
  /** After how many failures in a row nothing is tried any more. */
  readonly cap: number;
};

export type GuessRepository = {
  /**
   * Counts an attempt before it is checked, in one guarded statement. Answers how many
   * failures in a row it would make, or undefined where it may not be tried.
   */
  count(tenantId: string, policy: GuessPolicy, subject: string, now: Date): Promise<number | undefined>;
  /** Forgets the failures after a success. */
  reset(tenantId: string, kind: GuessKind, subject: string): Promise<void>;
  /**
   * Forgets the failures of a user whose password was found right, and holds that password
   * until the transaction ends; false where it was changed since.
   */
  resetForPassword(tenantId: string, kind: GuessKind, userId: string, passwordHash: string): Promise<boolean>;
  /** Takes back an attempt that was counted and then not made. */
  uncount(tenantId: string, kind: GuessKind, subject: string): Promise<void>;
  /** Forgets all counters of a user. */
  forget(tenantId: string, subject: string): Promise<void>;
};

/** A limit on how often something may happen in a window of time. */
export type Budget = { readonly name: string; readonly max: number; readonly windowMs: number };

export type BudgetRepository = {
  /** Uses one of a budget, in one statement; false where none was left of the window that begins then. */
  charge(tenantId: string, budget: Budget, subject: Buffer, windowStart: Date): Promise<boolean>;
  /** Gives one back. */
  refund(tenantId: string, name: string, subject: Buffer, windowStart: Date): Promise<void>;
};

/** A claim on an idempotency key. */
export type IdempotencyClaim = {
  readonly tenantId: string;
  /** Names the key, the method and the caller. */
  readonly digest: Buffer;
  readonly requestDigest: Buffer;
  /** Until when the first caller may still be at work. */
  readonly leaseUntil: Date;
  readonly expiresAt: Date;
};

/** What tells a claim from a later one on the same key. */
export type HeldClaim = Pick<IdempotencyClaim, 'tenantId' | 'digest' | 'leaseUntil'>;

export type IdempotencyRepository = {
  /** Claims the key; false where it is claimed already. Expired claims and leases of dead callers are taken over. */
  claim(claim: IdempotencyClaim, now: Date): Promise<boolean>;
  /** Finds a claim, with its answer where there is one. */
  find(
    tenantId: string,
    digest: Buffer,
  ): Promise<{ requestDigest: Buffer; answer: string | undefined } | undefined>;
  /** Keeps the answer, encrypted; false where the claim is no longer the caller's. */
  complete(claim: HeldClaim, answer: string): Promise<boolean>;
  /** Gives the key back after a failure. */
  release(claim: HeldClaim): Promise<void>;
};

/** What is worth a line in the audit log. */
export type AuditAction =
  | 'register'
  | 'confirm-email'
  | 'confirm-mobile'
  | 'edit-user'
  | 'start-identifier-change'
  | 'change-identifier'
  | 'delete-account'
  | 'recover'
  | 'end-recovery'
  | 'change-password'
  | 'start-two-factor'
  | 'add-two-factor'
  | 'remove-two-factor'
  | 'regenerate-recovery-codes'
  | 'validate-two-factor'
  | 'send-confirmation'
  | 'login'
  | 'refresh'
  | 'reauthenticate'
  | 'logout'
  | 'revoke-session'
  | 'revoke-other-sessions';

/** A decision: who, what, from where, and how it ended. No secret and no address of a person is in it. */
export type AuditEvent = {
  readonly id: string;
  readonly tenantId: string;
  readonly action: AuditAction;
  readonly outcome: 'success' | 'failure';
  /** Why; empty for a plain success. */
  readonly reason: string;
  readonly userId: string | undefined;
  readonly sessionId: string | undefined;
  readonly keyId: string | undefined;
  /** The network address of the caller. */
  readonly address: string;
  readonly requestId: string;
  readonly createdAt: Date;
};

export type AuditFilter = {
  readonly tenantId: string;
  readonly userId?: string;
  readonly action?: string;
  readonly outcome?: string;
  /** Only events after the one with this id. */
  readonly afterId?: string;
};

export type AuditRepository = {
  add(event: AuditEvent): Promise<void>;
  /** The newest events first, at most that many. */
  list(filter: AuditFilter, limit: number): Promise<AuditEvent[]>;
};

/** A message as it goes out. */
export type Message = {
  readonly channel: 'email' | 'sms';
  /** The stored address or number of the recipient. */
  readonly to: string;
  /** The sender of an e-mail; empty for an SMS. */
  readonly from: string;
  readonly locale: Locale;
  readonly subject: string;
  readonly text: string;
  /** Empty for an SMS. */
  readonly html: string;
  /** The one-time code or token in it; empty where there is none. */
  readonly code: string;
  /** The full link in it; empty where there is none. */
  readonly link: string;
};

export type OutboxEntry = {
  readonly id: string;
  readonly tenantId: string;
  readonly message: Message;
  readonly createdAt: Date;
  /** When the message has lost its sense, such as with its code. */
  readonly expiresAt: Date;
};

export type OutboxRepository = {
  add(entry: OutboxEntry): Promise<void>;
  /** Costs what `add` costs and sends nothing: where the cost would tell that there is nobody to write to. */
  addDecoy(entry: Omit<OutboxEntry, 'message'>): Promise<void>;
  /** The newest messages that are not sent yet, newest first. */
  listPending(limit: number): Promise<OutboxEntry[]>;
};

export type TenantRepository = {
  findById(id: string): Promise<Tenant | undefined>;
  findBySlug(slug: string): Promise<Tenant | undefined>;
  findByKeyDigest(digest: Buffer, now: Date): Promise<{ tenant: Tenant; key: ApiKey } | undefined>;
  /** The browser origins of all active tenants. */
  listOrigins(): Promise<string[]>;
  insert(tenant: Tenant, now: Date): Promise<void>;
  updatePolicy(tenantId: string, policy: TenantPolicy): Promise<void>;
  insertKey(
    key: { id: string; tenantId: string; kind: KeyKind; scopes: readonly Scope[]; digest: Buffer },
    now: Date,
  ): Promise<void>;
  revokeKeys(tenantId: string, now: Date): Promise<void>;
};

/** A key of the deployment, sealed with the master key. */
export type SealedKey = { readonly id: string; readonly sealed: Buffer; readonly createdAt: Date };
export type SigningKeyState = 'next' | 'active' | 'retired';
export type SigningKeyRow = SealedKey & {
  readonly state: SigningKeyState;
  readonly publicJwk: Record<string, unknown>;
};

export type KeyRepository = {
  listDataKeys(): Promise<SealedKey[]>;
  insertDataKey(key: SealedKey): Promise<void>;
  listSigningKeys(): Promise<SigningKeyRow[]>;
  insertSigningKey(key: SigningKeyRow): Promise<void>;
};

/** Everything that flows keep. */
export type Repositories = {
  readonly users: UserRepository;
  readonly challenges: ChallengeRepository;
  readonly sessions: SessionRepository;
  readonly factors: FactorRepository;
  readonly guesses: GuessRepository;
  readonly budgets: BudgetRepository;
  readonly idempotency: IdempotencyRepository;
  readonly audit: AuditRepository;
  readonly outbox: OutboxRepository;
  readonly tenants: TenantRepository;
  readonly keys: KeyRepository;
};

/** The repositories that a flow needs, and a transaction over them. */
export type Store<Names extends keyof Repositories = keyof Repositories> = Pick<Repositories, Names> & {
  /**
   * Runs the work in one transaction. The whole of it is run again where the
   * database asks for that (R63), so it must not do anything outside the database.
   */
  transaction<T>(work: (repositories: Pick<Repositories, Names>) => Promise<T>): Promise<T>;
};

/** A unique key is taken. */
export class DuplicateError extends Error {
  constructor(options?: ErrorOptions) {
    super('duplicate', options);
    this.name = 'DuplicateError';
  }
}
