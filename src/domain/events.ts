import type { AuthenticatorKind } from './authenticator.ts';
import type { Reason } from './errors.ts';
import type { IdentifierKind } from './identifier-kind.ts';
import type { DisabledReason } from './webhook.ts';

/** The audience of an event: operators see all, a tenant its own, a user those of the account. */
export type EventAudience = 'operator' | 'tenant' | 'user';

/** The details of an event beside its subject. No secret, address, number or name of a person (R46). */
export type EventDetails = Readonly<Record<string, string | number | boolean>>;

/** How a session began. */
export type SignInMethod = 'password' | 'code' | 'passkey' | 'provider' | 'google' | 'login-code';

/** Why one session ended. */
export type SessionEnd = 'logout' | 'revoked' | 'replaced' | 'device-removed' | 'provider-logout';

type EventSpec<O extends 'success' | 'failure' = 'success' | 'failure', D = EventDetails | undefined> = {
  readonly outcome: O;
  readonly audience: readonly EventAudience[];
  /** Carries the type of the details. */
  readonly details: D;
};

function event(...audience: readonly EventAudience[]): EventSpec<'success', undefined>;
function event<D extends EventDetails>(...audience: readonly EventAudience[]): EventSpec<'success', D>;
function event(...audience: readonly EventAudience[]): EventSpec<'success', undefined> {
  return { outcome: 'success', audience: ['operator', ...audience], details: undefined };
}

/** An attempt that failed; its reason is that of the error. */
function failure(...audience: readonly EventAudience[]): EventSpec<'failure', undefined>;
function failure<D extends EventDetails>(...audience: readonly EventAudience[]): EventSpec<'failure', D>;
function failure(...audience: readonly EventAudience[]): EventSpec<'failure', undefined> {
  return { outcome: 'failure', audience: ['operator', ...audience], details: undefined };
}

type OfIdentifier = { readonly kind: IdentifierKind };
type OfAuthenticator = { readonly kind: AuthenticatorKind };
type OfWebhook = { readonly webhook: string };
/** The name of a connection, or `manam`. */
type OfProvider = { readonly provider: string };
type OfConnection = { readonly connection: string };
type OfJob = { readonly job: string; readonly action: string };
/** The id of a user of Manam. */
type OfPerson = { readonly person: string };
/** The id of an application. */
type OfApplication = { readonly application: string };

/**
 * Everything that is recorded: past tense, dotted, one entry for each type with its outcome, the
 * type of its details and who may see it. The contract names in `emits` which RPC records which.
 */
export const eventCatalogue = {
  'user.registered': event('tenant', 'user'),
  // The identifier was taken: its owner got a notice, and nothing changed.
  'user.registration_repeated': event('tenant'),
  'user.created': event('tenant', 'user'),
  'user.confirmed': event('tenant', 'user'),
  'user.updated': event('tenant', 'user'),
  'user.roles_changed': event('tenant', 'user'),
  'user.disabled': event('tenant', 'user'),
  'user.enabled': event('tenant', 'user'),
  // A member looked at the account as its user sees it.
  'user.impersonated': event<{ readonly reason: string }>('tenant', 'user'),
  // The id itself is erased: a copy of it is recognized by its SHA-256 in Base64url, as in the receipt.
  'user.deleted': event<{ readonly user: string }>('tenant'),
  'user.taken_over': event('tenant', 'user'),
  'user.exported': event('tenant', 'user'),
  'users.imported': event<{ readonly count: number }>('tenant'),
  'users.exported': event('tenant'),
  'users.job_started': event<OfJob>('tenant'),
  'users.job_ended': event<OfJob & { readonly done: number; readonly failed: number }>('tenant'),
  'confirmation.sent': event('tenant'),
  'identifier.confirmed': event<OfIdentifier>('tenant', 'user'),
  'identifier.confirmation_failed': failure<OfIdentifier>('tenant'),
  'identifier.change_started': event<OfIdentifier>('tenant', 'user'),
  'identifier.changed': event<OfIdentifier>('tenant', 'user'),
  'identifier.change_failed': failure<OfIdentifier>('tenant', 'user'),
  'identifier.removed': event<OfIdentifier>('tenant', 'user'),
  'credential.changed': event('tenant', 'user'),
  'credential.removed': event('tenant', 'user'),
  'credential.change_failed': failure('tenant', 'user'),
  // The owner says that a change was not theirs: nothing that opens the account can be changed for now.
  'account.frozen': event('tenant', 'user'),
  'account.restore_requested': event('tenant', 'user'),
  'account.restore_rejected': event('tenant', 'user'),
  'account.restored': event('tenant', 'user'),
  'account.restore_failed': failure('tenant', 'user'),
  'recovery.started': event('tenant'),
  'recovery.completed': event('tenant', 'user'),
  'recovery.failed': failure('tenant'),
  'authenticator.enrolment_started': event<OfAuthenticator>('tenant', 'user'),
  'authenticator.enrolment_failed': failure<OfAuthenticator>('tenant', 'user'),
  'authenticator.added': event<OfAuthenticator>('tenant', 'user'),
  'authenticator.removed': event<OfAuthenticator>('tenant', 'user'),
  'authenticator.removal_failed': failure<OfAuthenticator>('tenant', 'user'),
  'authenticator.renamed': event<OfAuthenticator>('tenant', 'user'),
  // A sign counter was not greater than before: another copy of the key may be in use.
  'authenticator.counter_fell': failure<OfAuthenticator>('tenant', 'user'),
  'authenticators.reset': event('tenant', 'user'),
  'authenticators.reset_requested': event('tenant', 'user'),
  'authenticators.reset_cancelled': event('tenant', 'user'),
  'authenticators.reset_failed': failure('tenant', 'user'),
  'recovery_codes.regenerated': event('tenant', 'user'),
  'device.trusted': event('tenant', 'user'),
  'device.removed': event('tenant', 'user'),
  // `provider`: the name of the connection that the user came by.
  'session.started': event<{
    readonly method: SignInMethod;
    readonly amr: string;
    readonly provider?: string;
  }>('tenant', 'user'),
  'session.refreshed': event('tenant'),
  // `replaced`: a user has at most 50 sessions, and the oldest made room for a new one.
  'session.ended': event<{ readonly cause: SessionEnd }>('tenant', 'user'),
  // A refresh token was used again: the session ended (RFC 9700, section 4.14.2).
  'session.reuse_detected': failure('tenant', 'user'),
  // All sessions of the user so far, but the one of the event where `kept` is true.
  'sessions.ended': event<{ readonly count: number; readonly kept: boolean }>('tenant', 'user'),
  'sign_in.code_sent': event<OfIdentifier>('tenant'),
  'sign_in.pending': event<{ readonly method: SignInMethod }>('tenant'),
  'sign_in.failed': failure<{ readonly method: SignInMethod | 'second-factor' }>('tenant', 'user'),
  // The user says that a sign-in was not theirs: the session ended, and a recovery began.
  'sign_in.reported': event('tenant', 'user'),
  'sign_in.report_failed': failure('tenant'),
  'sign_in.approved': event<OfProvider>('tenant'),
  'step_up.completed': event('tenant', 'user'),
  'step_up.failed': failure('tenant', 'user'),
  'terms.accepted': event<{ readonly version: string }>('tenant', 'user'),
  // By a user of Manam for a tenant, or by a tenant's user for an application.
  'consent.granted': event<{ readonly tenant: string } | OfApplication>('tenant', 'user'),
  'application.created': event<OfApplication>('tenant'),
  'application.updated': event<OfApplication>('tenant'),
  'application.deleted': event<OfApplication>('tenant'),
  'application.secret_created': event<OfApplication>('tenant'),
  'application.secret_revoked': event<OfApplication>('tenant'),
  'application.authentication_failed': failure<OfApplication>('tenant'),
  'application.disconnected': event<OfApplication>('tenant', 'user'),
  // A user let an application in; `grant.started`: it has fetched its first tokens.
  'grant.approved': event<OfApplication>('tenant', 'user'),
  'grant.started': event<OfApplication>('tenant'),
  'grant.ended': event<OfApplication>('tenant', 'user'),
  // A code or a refresh token was used again: the grant ended (RFC 6749, section 4.1.2; RFC 9700, section 4.14.2).
  'grant.reuse_detected': failure<OfApplication>('tenant', 'user'),
  'device_code.refused': event<OfApplication>('tenant', 'user'),
  'identity.linked': event<OfProvider>('tenant', 'user'),
  'identity.link_failed': failure<OfProvider>('tenant', 'user'),
  'identity.unlinked': event<OfProvider>('tenant', 'user'),
  // Retention deleted the events before that position; their leaves are left in the tree of the log.
  'events.expired': event<{ readonly before: number }>('tenant'),
  // A backup was restored: a new log began at the size of the one before, whose signed head it names.
  'log.restored': event<{
    readonly log: string;
    readonly size: number;
    readonly root: string;
    readonly head: string;
  }>('tenant'),
  'tenant.created': event(),
  'tenant.updated': event('tenant'),
  'tenant.suspended': event('tenant'),
  'tenant.resumed': event('tenant'),
  'tenant.deleted': event<{ readonly slug: string }>(),
  // The people who run the tenant. `person`: the id at Manam of its subject; `member`, which any event of the tenant may
  // have: that of its author.
  'developer.invited': event<{ readonly invitation: string }>(),
  'member.invited': event<{ readonly invitation: string; readonly role: string }>('tenant'),
  'member.invitation_revoked': event<{ readonly invitation: string }>('tenant'),
  'member.joined': event<OfPerson & { readonly role: string }>('tenant'),
  'member.role_changed': event<OfPerson & { readonly role: string }>('tenant'),
  'member.removed': event<OfPerson>('tenant'),
  'domain.verified': event<{ readonly domain: string }>('tenant'),
  'domain.removed': event<{ readonly domain: string }>('tenant'),
  'tenant_secret.changed': event<{ readonly name: string }>('tenant'),
  'key.created': event<{ readonly key: string }>('tenant'),
  'key.rotated': event<{ readonly key: string }>('tenant'),
  'key.revoked': event<{ readonly key: string }>('tenant'),
  'connection.created': event<OfConnection>('tenant'),
  'connection.updated': event<OfConnection>('tenant'),
  'connection.secret_changed': event<OfConnection>('tenant'),
  'connection.deleted': event<OfConnection>('tenant'),
  'webhook.created': event<OfWebhook>('tenant'),
  'webhook.updated': event<OfWebhook>('tenant'),
  'webhook.deleted': event<OfWebhook>('tenant'),
  'webhook.secret_rotated': event<OfWebhook>('tenant'),
  'webhook.enabled': event<OfWebhook>('tenant'),
  'webhook.disabled': event<OfWebhook & { readonly cause: DisabledReason }>('tenant'),
  // Goes to that webhook alone, whatever types it wants.
  'webhook.tested': event<OfWebhook>('tenant'),
  'webhook.replayed': event<OfWebhook & { readonly count: number }>('tenant'),
  'operator_key.created': event<{ readonly key: string }>(),
  'operator_key.revoked': event<{ readonly key: string }>(),
  'signing_key.rotated': event<{ readonly othersRevoked: boolean }>(),
  'master_key.rotated': event<{ readonly count: number }>(),
  'message.retried': event<{ readonly message: string }>('tenant'),
  'message.dropped': event<{ readonly message: string }>('tenant'),
} as const satisfies Readonly<Record<string, EventSpec>>;

export type EventType = keyof typeof eventCatalogue;

/** The details that an event of a type carries; `undefined`: none. */
export type DetailsOf<T extends EventType> = (typeof eventCatalogue)[T]['details'];

/** The types of failed attempts. */
export type FailureType = {
  [T in EventType]: (typeof eventCatalogue)[T]['outcome'] extends 'failure' ? T : never;
}[EventType];

/** Whether a text is the type of an event. */
export function isEventType(text: string): text is EventType {
  return Object.hasOwn(eventCatalogue, text);
}

/** An event: actor, type, origin and outcome. */
export type Event = {
  readonly id: string;
  readonly tenantId: string;
  readonly type: EventType;
  readonly outcome: 'success' | 'failure';
  /** The reason of a failure; empty for a success. */
  readonly reason: Reason | '';
  readonly details: EventDetails;
  /** The key that the caller presented. */
  readonly keyId: string | undefined;
  readonly requestId: string;
  readonly createdAt: Date;
  // The personal part: erasure removes it, and nothing else of the row changes.
  readonly userId: string | undefined;
  readonly sessionId: string | undefined;
  /** The network address of the caller; empty after an erasure. */
  readonly address: string;
};

export type EventFilter = {
  readonly tenantId: string;
  readonly userId?: string;
  readonly type?: string;
  /** Only events of these types. */
  readonly types?: readonly string[];
  readonly outcome?: string;
  /** Only events after the one with this id. */
  readonly afterId?: string;
  /** Only events before the one with this id. */
  readonly beforeId?: string;
};

/** An event, and the random bytes of its seal (`saltBytes`). */
export type SaltedEvent = { readonly event: Event; readonly salt: Buffer };

export type EventRepository = {
  /** Adds events, one at least, sealed with fresh random bytes. The sequencer gives them their positions. */
  add(...added: readonly SaltedEvent[]): Promise<void>;
  /** Adds an event outside of any transaction, and without its personal part if the user has been erased. */
  addFailure(added: SaltedEvent): Promise<void>;
  /** Removes the personal part of a user's events; returns their number. */
  removePersonalPart(tenantId: string, userId: string): Promise<number>;
  /** The newest events first, at most that many. */
  list(filter: EventFilter, limit: number): Promise<Event[]>;
};
