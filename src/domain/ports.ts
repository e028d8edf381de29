import type { AuthenticationMethod, Deadline, SessionLevel } from './caller.ts';
import type { Outgoing } from './delivery.ts';
import type { ProviderClaims } from './federation.ts';
import type { ExternalProfile, Finding, Message, MigrationState, SealedKey, SigningKeyRow } from './model.ts';
import type { GoogleScope, Tenant } from './tenant.ts';

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

/** How much a queue has to do, and how many it has refused since the start. */
export type QueueLoad = { readonly running: number; readonly waiting: number; readonly refused: number };

/** For whom a hash is made: his tenant, and until when he waits for it. */
export type HashTurn = { readonly tenant: Pick<Tenant, 'id'>; readonly deadline: Deadline };

/**
 * Hashes a few passwords at a time; tenants that wait take turns, so that none can shut out
 * another. Throws RATE_LIMITED where too many wait, or the turn would come after the deadline.
 */
export type PasswordHasher = {
  /** Refuses a call that will need a hash, before anything is done for it; throws as `hash` would. */
  admit(turn: HashTurn): void;
  /**
   * Hashes a normalized password into a PHC string. Default: with 16 random bytes of salt; with
   * given ones the same password gives the same string.
   */
  hash(turn: HashTurn, password: string, salt?: Buffer): Promise<string>;
  /**
   * Compares a password, as typed, with a PHC string. Without one the same work is done
   * against a dummy and the answer is false (R5). Our own hashes are of the normalized
   * password; one of another system may be of either, and is compared with both.
   */
  verify(turn: HashTurn, phc: string | undefined, password: string): Promise<boolean>;
  /** Whether a hash that another system made is one that `verify` can compare. */
  canVerify(hash: string): boolean;
  /**
   * Whether a hash that a password was found right by is to be replaced by one of the
   * password: it was made with less than today's parameters, or by another system that
   * compares all of the password, so that no other one is right as well.
   */
  needsRehash(phc: string, password: string): boolean;
  load(): QueueLoad;
};

/** The migrations of the schema. */
export type Migrations = {
  list(): Promise<MigrationState[]>;
  /** Applies those that the database lacks; one caller at a time does so. */
  apply(): Promise<void>;
};

/** Makes a signing key that signs from that time on, its private half sealed. */
export type SigningKeyMaker = (activatesAt: Date) => Promise<SigningKeyRow>;

/** Seals a data key with the next master key; undefined where it already is. */
export type DataKeyResealer = (key: SealedKey) => Buffer | undefined;

/** Examines one thing of the deployment. What it throws is a finding too. */
export type Check = { readonly name: string; readonly examine: () => Promise<Finding[]> };

/** A way to send messages of one channel. */
export type Transport = {
  /**
   * Sends a message once; throws DeliveryError, which says what that means for the message.
   * When the signal comes, the attempt ends on the wire as well.
   */
  send(outgoing: Outgoing, signal: AbortSignal): Promise<void>;
  /** Throws where the other side cannot be reached or does not know us. Sends nothing. */
  probe(): Promise<void>;
  close(): void;
};

/** The transports there are; messages of a channel without one are captured. */
export type Transports = Partial<Record<Message['channel'], Transport>>;

/** Told how each attempt to send a message ended. */
export type DeliveryObserver = (
  channel: Message['channel'],
  tenantSlug: string,
  outcome: 'sent' | 'failed' | 'dead' | 'dropped',
) => void;

/** A client of Google's, as its console gave it. */
export type GoogleClient = { readonly clientId: string; readonly clientSecret: string };

/** Google, or what stands in for it. Throws UNAVAILABLE where it does not answer in time. */
export type GoogleProvider = {
  /** The address that a browser is sent to (OpenID Connect Core, section 3.1.2.1). */
  authorizationUrl(
    client: GoogleClient,
    request: {
      readonly state: string;
      readonly nonce: string;
      readonly codeChallenge: string;
      readonly scopes: readonly GoogleScope[];
    },
  ): Promise<string>;
  /** Exchanges a code; throws PROVIDER_TOKEN_INVALID where Google refuses it. */
  exchange(
    client: GoogleClient,
    code: string,
    codeVerifier: string,
  ): Promise<{ readonly idToken: string; readonly accessToken: string }>;
  /** What an id_token says, after every check of R49; throws PROVIDER_TOKEN_INVALID. */
  verify(
    idToken: string,
    audiences: readonly string[],
  ): Promise<{ readonly claims: ProviderClaims; readonly nonce: string }>;
  /** What the People API says of the user, as far as the scopes reach; empty where it cannot be had. */
  profile(accessToken: string, scopes: readonly GoogleScope[]): Promise<ExternalProfile>;
};

/**
 * How hard a password is to guess, from 0 (at once) to 4 (beyond reach), and what makes it
 * weak, by the name that zxcvbn has for it. `words`: what the account is known by.
 */
export type PasswordStrength = (
  password: string,
  words: readonly string[],
) => { readonly score: number; readonly weakness: string | undefined };

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

/** What an erasure did, as its receipt says. */
export type Erasure = {
  readonly tenantId: string;
  readonly userId: string;
  readonly erasedAt: Date;
  /** How many messages to the user were deleted, and how many audit lines no longer name him. */
  readonly messages: number;
  readonly auditLines: number;
};

/** Signs the receipt of an erasure: a JWS with a type of its own, for the public keys of the service. */
export type ReceiptSigner = (erasure: Erasure) => Promise<string>;

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
