import type { AuthenticationMethod, CallerSession } from './caller.ts';
import type { DeliveryStatus } from './delivery.ts';
import type { Factors, SecondFactorMethod } from './factors.ts';
import type {
  AuditEvent,
  AuditFilter,
  Budget,
  Challenge,
  ChallengePurpose,
  ClaimedMessage,
  DeliveryOutcome,
  ExternalIdentity,
  GuessKind,
  GuessPolicy,
  HeldClaim,
  HeldIdentifier,
  IdempotencyClaim,
  Identifier,
  LiveSession,
  LoginRequest,
  LoginView,
  Message,
  OutboxEntry,
  OutboxRow,
  OwnedIdentifier,
  SealedKey,
  SessionAccount,
  SessionRow,
  SigningKeyRow,
  User,
  UserChanges,
  UserView,
  WaitingMessages,
} from './model.ts';
import type { AdminKey, ApiKey, ApiKeyRow, Tenant } from './tenant.ts';

export type UserRepository = {
  findIdentifier(tenantId: string, identifier: Identifier): Promise<OwnedIdentifier | undefined>;
  findForLogin(tenantId: string, identifier: Identifier, now: Date): Promise<LoginView | undefined>;
  findById(tenantId: string, userId: string): Promise<UserView | undefined>;
  findForSession(tenantId: string, userId: string, now: Date): Promise<SessionAccount | undefined>;
  /** Throws DuplicateError where the identifier is taken. Without a hash the user has no password. */
  insert(user: User, identifier: HeldIdentifier, passwordHash: string | undefined): Promise<void>;
  /** Gives a user one more identifier. Throws DuplicateError where it is taken. */
  addIdentifier(tenantId: string, identifier: HeldIdentifier): Promise<void>;
  /** Holds a user still until the transaction ends. */
  lock(tenantId: string, userId: string): Promise<void>;
  /** Takes away every identifier of a user but that one. */
  removeOtherIdentifiers(tenantId: string, userId: string, kept: Identifier): Promise<void>;
  /** Takes the password of a user away. */
  deletePassword(tenantId: string, userId: string): Promise<void>;
  /** Replaces an account that never was confirmed; false where it was, meanwhile. Its status stays. */
  replaceUnconfirmed(user: User, identifier: HeldIdentifier, passwordHash: string): Promise<boolean>;
  /** Marks an identifier confirmed; false where it is already, or no longer this user's. */
  confirmIdentifier(tenantId: string, userId: string, identifier: Identifier, at: Date): Promise<boolean>;
  /** Changes the fields that are set and no other. */
  update(tenantId: string, userId: string, changes: UserChanges): Promise<void>;
  /** Puts an identifier in the place of the user's one of that kind. Throws DuplicateError where it is taken. */
  replaceIdentifier(tenantId: string, identifier: HeldIdentifier): Promise<void>;
  /** Deletes a user and every row that is his. */
  delete(tenantId: string, userId: string): Promise<void>;
  /** Users whose address or number begins so, by id, after the one with `afterId`. */
  search(
    tenantId: string,
    query: { readonly prefix: string; readonly afterId: string | undefined },
    limit: number,
  ): Promise<UserView[]>;
  setStatus(tenantId: string, userId: string, status: User['status']): Promise<void>;
  /** The password hash of a user, or undefined where he has none. */
  findPasswordHash(tenantId: string, userId: string): Promise<string | undefined>;
  /** Sets the password hash, also of a user who had none. */
  updatePasswordHash(tenantId: string, userId: string, passwordHash: string): Promise<void>;
};

export type IdentityRepository = {
  find(tenantId: string, issuer: string, subject: string): Promise<ExternalIdentity | undefined>;
  /** The identity of a user at a provider, if he has one. */
  findOfUser(tenantId: string, userId: string, issuer: string): Promise<ExternalIdentity | undefined>;
  listOfUser(tenantId: string, userId: string): Promise<ExternalIdentity[]>;
  /** The tenants that a user of Manam has consented to. */
  listConsents(tenantId: string, userId: string): Promise<string[]>;
  /** Throws DuplicateError where somebody has it. */
  insert(identity: ExternalIdentity, now: Date): Promise<void>;
  updateProfile(identity: ExternalIdentity): Promise<void>;
  /** Takes identities of a user away, all of them or those at a provider; answers how many. */
  remove(tenantId: string, userId: string, issuer: string | undefined): Promise<number>;
  /** Whether a user of Manam itself has consented to a tenant. */
  hasConsented(tenantId: string, userId: string, consentedTenantId: string): Promise<boolean>;
  consent(tenantId: string, userId: string, consentedTenantId: string, now: Date): Promise<void>;
};

export type LoginRequestRepository = {
  /** Keeps a request, its data sealed. */
  insert(request: LoginRequest): Promise<void>;
  /** Finds a request that is neither consumed nor expired. */
  findLive(tenantId: string, id: string, digest: Buffer, now: Date): Promise<LoginRequest | undefined>;
  /** Consumes it; true for exactly one of any number of callers. */
  consume(tenantId: string, id: string, now: Date): Promise<boolean>;
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
  /** As `find`, and nobody else changes the user's factors and codes before this transaction ends. */
  hold(tenantId: string, userId: string): Promise<Factors>;
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
  /** Recovery codes of the system that a user came from, as it hashed them. */
  listForeignCodes(tenantId: string, userId: string): Promise<string[]>;
  insertForeignCodes(tenantId: string, userId: string, hashes: readonly string[]): Promise<void>;
  /** Consumes one of those; true for exactly one caller. */
  useForeignCode(tenantId: string, userId: string, hash: string): Promise<boolean>;
  /** Consumes a recovery code; true for exactly one caller. */
  useRecoveryCode(tenantId: string, userId: string, digest: Buffer): Promise<boolean>;
};

export type SessionRepository = {
  insert(session: SessionRow): Promise<void>;
  /** Finds a session that is live and whose user is active and has a confirmed identifier. */
  findLive(tenantId: string, id: string, now: Date): Promise<LiveSession | undefined>;
  /** The same with the user, in one read: what nearly every call with a session needs. */
  findOfCall(tenantId: string, id: string, now: Date): Promise<CallerSession | undefined>;
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
  /** Lowers the failures of a user to that many, so that he may try again. */
  lower(tenantId: string, kind: GuessKind, userId: string, failures: number): Promise<void>;
  /** Takes back an attempt that was counted and then not made. */
  uncount(tenantId: string, kind: GuessKind, subject: string): Promise<void>;
  /** Forgets all counters of a user. */
  forget(tenantId: string, subject: string): Promise<void>;
};

export type BudgetRepository = {
  /**
   * Uses some of a budget, by default one, in one statement; false where that much was not
   * left of the window that begins then.
   */
  charge(
    tenantId: string,
    budget: Budget,
    subject: Buffer,
    windowStart: Date,
    amount?: number,
  ): Promise<boolean>;
  /** Gives some back, as far as that much was used of the window that begins then. */
  refund(tenantId: string, name: string, subject: Buffer, windowStart: Date, amount: number): Promise<void>;
};

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

export type AuditRepository = {
  add(event: AuditEvent): Promise<void>;
  /** Takes out of a user's lines who he was and where he called from; answers how many. */
  anonymize(tenantId: string, userId: string): Promise<number>;
  /** The newest events first, at most that many. */
  list(filter: AuditFilter, limit: number): Promise<AuditEvent[]>;
};

export type OutboxRepository = {
  add(entry: OutboxEntry): Promise<void>;
  /** Deletes messages to an address or number, sent or not; answers how many. */
  deleteTo(tenantId: string, recipient: string): Promise<number>;
  /** Costs what `add` costs and sends nothing: where the cost would tell that there is nobody to write to. */
  addDecoy(entry: Omit<OutboxEntry, 'message'>): Promise<void>;
  /** The newest messages that are not sent yet, newest first. */
  listPending(limit: number): Promise<OutboxEntry[]>;
  /**
   * Claims messages of a channel that are due, the one that waits longest first; nobody else
   * gets them before the lease ends. In a transaction, which others do not wait for.
   */
  claim(channel: Message['channel'], limit: number, now: Date, leaseUntil: Date): Promise<ClaimedMessage[]>;
  /**
   * Notes how an attempt ended. False where the claim has been lost meanwhile, to another
   * instance or to an operator. What is sent or dropped is wiped.
   */
  settle(
    claimed: Pick<ClaimedMessage, 'id' | 'claims' | 'leaseUntil'>,
    outcome: DeliveryOutcome,
  ): Promise<boolean>;
  /** Wipes given-up messages that have expired, at most that many; answers how many it was. */
  wipeExpired(now: Date, limit: number): Promise<number>;
  /** Messages as operators see them, oldest first, after the one with `afterId`. */
  list(
    filter: {
      readonly tenantId: string | undefined;
      readonly status: DeliveryStatus | undefined;
      readonly afterId: string | undefined;
    },
    limit: number,
  ): Promise<OutboxRow[]>;
  find(id: string): Promise<OutboxRow | undefined>;
  /** Makes a waiting or given-up message due at once; false where it is neither, or has expired. */
  requeue(id: string, now: Date): Promise<boolean>;
  /** Gives a message up and wipes it; false where it has ended already. */
  drop(id: string, now: Date): Promise<boolean>;
  countWaiting(): Promise<WaitingMessages[]>;
};

export type SmsUsageRepository = {
  /**
   * Counts an SMS to a number and makes the next one wait, each time twice as long;
   * answers undefined, or where this one may not be sent yet until when it has to wait.
   */
  backOff(
    tenantId: string,
    number: Buffer,
    delay: { readonly firstDelayS: number; readonly maxDelayS: number; readonly forgetAfterS: number },
    now: Date,
  ): Promise<Date | undefined>;
  /** Forgets how many SMS a number has had: the next one does not wait. */
  forgetBackOff(tenantId: string, number: Buffer): Promise<void>;
  /** Counts a code that is sent to a country in an hour, or with -1 takes it back. */
  countSent(tenantId: string, country: string, hour: Date, by: 1 | -1): Promise<void>;
  /** Counts a code that somebody typed rightly. */
  countConfirmed(tenantId: string, country: string, hour: Date): Promise<void>;
  totals(tenantId: string, country: string, since: Date): Promise<{ sent: number; confirmed: number }>;
};

export type TenantRepository = {
  findById(id: string): Promise<Tenant | undefined>;
  findBySlug(slug: string): Promise<Tenant | undefined>;
  findByKeyDigest(digest: Buffer, now: Date): Promise<{ tenant: Tenant; key: ApiKey } | undefined>;
  /** The browser origins of all active tenants. */
  listOrigins(): Promise<string[]>;
  /** Tenants by slug, after the one with `afterSlug`. */
  list(afterSlug: string, limit: number): Promise<Tenant[]>;
  /** As `findById`, and nobody else changes the tenant before this transaction ends. */
  hold(id: string): Promise<Tenant | undefined>;
  /** Throws DuplicateError where the slug is taken. */
  insert(tenant: Tenant): Promise<void>;
  update(tenantId: string, changes: Partial<Pick<Tenant, 'name' | 'status' | 'policy'>>): Promise<void>;
  /** Deletes up to that many rows of each table of a tenant; both counts are 0 when only the tenant itself is left. */
  purge(tenantId: string, limit: number): Promise<{ readonly users: number; readonly rows: number }>;
  /** Deletes a tenant that has been purged. */
  delete(tenantId: string): Promise<void>;
  /** Keeps a secret, sealed; an empty one is forgotten. */
  setSecret(tenantId: string, name: string, secret: string): Promise<void>;
  findSecret(tenantId: string, name: string): Promise<string | undefined>;
  insertKey(key: ApiKey & { readonly digest: Buffer }, now: Date): Promise<void>;
  /** All keys of a tenant, oldest first. */
  listKeys(tenantId: string): Promise<ApiKeyRow[]>;
  /** Sets the end of a key that has none yet; false where it has one, or there is no such key. */
  endKey(tenantId: string, keyId: string, at: Date): Promise<boolean>;
  /** Revokes a key, also one that would end later; false where there is no live one. */
  revokeKey(tenantId: string, keyId: string, now: Date): Promise<boolean>;
  revokeKeys(tenantId: string, now: Date): Promise<void>;
};

export type AdminKeyRepository = {
  findLive(digest: Buffer, now: Date): Promise<AdminKey | undefined>;
  /** All of them, oldest first. */
  list(): Promise<AdminKey[]>;
  insert(key: AdminKey & { readonly digest: Buffer }): Promise<void>;
  /** False where there is no such live key. */
  revoke(id: string, now: Date): Promise<boolean>;
};

export type KeyRepository = {
  listDataKeys(): Promise<SealedKey[]>;
  /** Puts a newly sealed value in the place of the old one; false where the old one is not there any more. */
  resealDataKey(id: string, from: Buffer, to: Buffer): Promise<boolean>;
  insertDataKey(key: SealedKey): Promise<void>;
  listSigningKeys(): Promise<SigningKeyRow[]>;
  insertSigningKey(key: SigningKeyRow): Promise<void>;
  deleteSigningKeys(ids: readonly string[]): Promise<void>;
};

export type LeaseRepository = {
  /** Takes or keeps a lease; false where another holder has it. */
  take(name: string, holder: string, now: Date, until: Date): Promise<boolean>;
};

/** What has had its time, by the table it stands in. */
export const retained = [
  'challenges',
  'sessions',
  'idempotency',
  'loginRequests',
  'budgets',
  'guesses',
  'oldGuesses',
  'smsBackoffs',
  'smsCounters',
  'audit',
  'outbox',
] as const;

export type RetentionRepository = {
  /** Deletes rows of a tenant that ended before that time, at most that many; answers how many. */
  purge(what: (typeof retained)[number], tenantId: string, before: Date, limit: number): Promise<number>;
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
  readonly identities: IdentityRepository;
  readonly loginRequests: LoginRequestRepository;
  readonly leases: LeaseRepository;
  readonly retention: RetentionRepository;
  readonly smsUsage: SmsUsageRepository;
  readonly tenants: TenantRepository;
  readonly keys: KeyRepository;
  readonly adminKeys: AdminKeyRepository;
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
