import type { Audience, AuthenticationMethod, Client, SessionLevel } from './caller.ts';
import type { DeliveryStatus } from './delivery.ts';
import type { Factors } from './factors.ts';
import type { Locale } from './locale.ts';
import type { Json } from './profile.ts';

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
  /** Whether the user registered, or a back end of the tenant or an operator made the account. */
  readonly origin: 'self' | 'back-end';
};

/** An identifier as it stands in its row. */
export type HeldIdentifier = Identifier & {
  readonly userId: string;
  /** The form that messages go to. */
  readonly address: string;
  readonly confirmedAt: Date | undefined;
  /** When it came to the account. */
  readonly addedAt: Date;
};

/** An identifier with what a message to its owner needs. */
export type OwnedIdentifier = HeldIdentifier & {
  readonly locale: Locale;
  readonly senderEmail: string;
  readonly confirmUrl: string;
  /** Whether the owner has ever proved this or another identifier: then no other registration may replace the account. */
  readonly isOwnerConfirmed: boolean;
  readonly origin: User['origin'];
  readonly passwordHash: string | undefined;
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
  /** How many sign-ins in a row have failed, over all networks. */
  readonly totalFailures: number;
  /** Whether a session was begun from the address that the sign-in comes from. */
  readonly isKnownAddress: boolean;
};

/** What can be changed of a user; only what is set is written. */
export type UserChanges = Partial<Profile & Pick<User, 'locale' | 'roles'>>;

/** What an identity provider says of a user, by field. */
export type ExternalProfile = Readonly<Record<string, string>>;

/** A user's account at an identity provider. It is known by issuer and subject, never by its address (R50). */
export type ExternalIdentity = {
  readonly tenantId: string;
  readonly issuer: string;
  readonly subject: string;
  readonly userId: string;
  readonly profile: ExternalProfile;
};

/** A sign-in that went to another site and is to come back. */
export type LoginRequest = {
  readonly tenantId: string;
  readonly id: string;
  readonly kind: 'google' | 'google-native' | 'google-link' | 'manam';
  readonly digest: Buffer;
  readonly data: LoginRequestData;
  readonly expiresAt: Date;
};

export type LoginRequestData = {
  /** The registered page that the browser comes back to; empty: none. */
  readonly redirectUri: string;
  /** The S256 challenge of whoever began (RFC 7636). */
  readonly codeChallenge: string;
  /** What the provider has to put into its token. */
  readonly nonce: string;
  /** Our own verifier for the provider. */
  readonly codeVerifier: string;
  /** The session that connects an account; empty: a sign-in. */
  readonly userId: string;
  readonly sessionId: string;
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
  | 'login-code'
  | 'google-link'
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
  /** How it was sent; undefined where it was sent nowhere. */
  readonly channel: Message['channel'] | undefined;
  /** What else belongs to it, sealed where it is secret. */
  readonly data: Buffer | undefined;
  readonly expiresAt: Date;
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

/**
 * The kinds of guesses, each with separate counters. `password` counts the failed
 * sign-ins of one network at one account, `password-total` those of all networks;
 * `reauthentication` those of a user who is signed in.
 */
export type GuessKind =
  | 'password'
  | 'password-total'
  | 'reauthentication'
  | 'second-factor'
  | 'recovery'
  | 'recovery-total';

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

/** A limit on how often something may happen in a window of time. */
export type Budget = { readonly name: string; readonly max: number; readonly windowMs: number };

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

/** What is worth a line in the audit log. */
export type AuditAction =
  | 'register'
  | 'confirm-email'
  | 'confirm-mobile'
  | 'edit-user'
  | 'start-identifier-change'
  | 'change-identifier'
  | 'remove-identifier'
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
  | 'revoke-other-sessions'
  | 'login-google'
  | 'login-manam'
  | 'approve-manam-login'
  | 'link-google'
  | 'unlink-google'
  | 'link-identity'
  | 'take-over-account'
  | OperatorAction;

/** What operators do, by the admin service or the command line. */
export type OperatorAction =
  | 'create-tenant'
  | 'update-tenant'
  | 'suspend-tenant'
  | 'resume-tenant'
  | 'delete-tenant'
  | 'create-key'
  | 'rotate-key'
  | 'revoke-key'
  | 'set-tenant-secret'
  | 'create-user'
  | 'confirm-user'
  | 'end-user-sessions'
  | 'reset-user-factors'
  | 'disable-user'
  | 'enable-user'
  | 'delete-user'
  | 'set-user-roles'
  | 'rotate-signing-key'
  | 'rotate-master-key'
  | 'create-admin-key'
  | 'revoke-admin-key'
  | 'import-users'
  | 'export-users'
  | 'export-user'
  | 'retry-message'
  | 'drop-message';

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
  /** For whom the code of an SMS is; rows of older versions do not say. */
  readonly audience?: Audience;
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

/** A message that an instance has claimed to send. */
export type ClaimedMessage = OutboxEntry & {
  /** Which claim on it this is; a later one takes it away. */
  readonly claims: number;
  /** When the claim ends. */
  readonly leaseUntil: Date;
  /** How often it was really tried. */
  readonly attempts: number;
  /** Whether an SMS of ours was counted against its tenant's budgets. */
  readonly charged: boolean;
};

/** How an attempt ended: `at` is when the next one is due, or when the message ended. */
export type DeliveryOutcome = Pick<ClaimedMessage, 'attempts' | 'charged'> & {
  readonly status: DeliveryStatus;
  readonly error: string;
  readonly at: Date;
};

/** A message as operators see it: nothing of what it says and nobody it goes to. */
export type OutboxRow = {
  readonly id: string;
  readonly tenantId: string;
  readonly channel: Message['channel'];
  readonly status: DeliveryStatus;
  readonly attempts: number;
  /** Why the last attempt failed, or why it was dropped; empty where neither. */
  readonly error: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly nextAttemptAt: Date;
  readonly endedAt: Date | undefined;
};

/** How many messages of a tenant and channel wait, or were given up. */
export type WaitingMessages = Pick<OutboxRow, 'tenantId' | 'channel'> & {
  readonly status: 'queued' | 'dead';
  readonly messages: number;
};

/** A migration of the schema; undefined where the database lacks it. */
export type MigrationState = { readonly name: string; readonly appliedAt: Date | undefined };

/** What an examination found about one thing. */
export type Finding = {
  /** What was examined, such as `database.clock`. */
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'error';
  /** What was found, in a sentence. */
  readonly detail: string;
  /** What to do about it; empty where it is in order. */
  readonly fix: string;
};

/** A key of the deployment, sealed with the master key. */
export type SealedKey = { readonly id: string; readonly sealed: Buffer; readonly createdAt: Date };

export type SigningKeyRow = SealedKey & {
  /** From when on it signs; until then it is only published. */
  readonly activatesAt: Date;
  readonly publicJwk: Record<string, unknown>;
};
