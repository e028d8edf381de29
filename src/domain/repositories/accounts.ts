import type { Factors, SecondFactorMethod } from '../factors.ts';
import type {
  ExternalIdentity,
  HeldIdentifier,
  Identifier,
  LoginRequest,
  LoginView,
  OwnedIdentifier,
  SessionAccount,
  User,
  UserChanges,
  UserView,
} from '../model.ts';

export type UserRepository = {
  findIdentifier(tenantId: string, identifier: Identifier): Promise<OwnedIdentifier | undefined>;
  /** `address`: the network address that the sign-in comes from. */
  findForLogin(
    tenantId: string,
    identifier: Identifier,
    address: string,
    now: Date,
  ): Promise<LoginView | undefined>;
  findById(tenantId: string, userId: string): Promise<UserView | undefined>;
  findForSession(tenantId: string, userId: string, now: Date): Promise<SessionAccount | undefined>;
  /**
   * Throws DuplicateError where the identifier is taken. Without a hash the user has no
   * password; without an identifier a proof brings it later.
   */
  insert(user: User, identifier: HeldIdentifier | undefined, passwordHash: string | undefined): Promise<void>;
  /** Gives a user one more identifier. Throws DuplicateError where it is taken. */
  addIdentifier(tenantId: string, identifier: HeldIdentifier): Promise<void>;
  /** Holds a user still until the transaction ends. */
  lock(tenantId: string, userId: string): Promise<void>;
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
  /** Finds a request whether or not it is still good, as long as its row is kept. */
  find(tenantId: string, id: string, digest: Buffer): Promise<LoginRequest | undefined>;
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
