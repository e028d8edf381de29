import type { Locale } from './locale.ts';
import type { UserView } from './model.ts';
import type { ApiKey, Tenant } from './tenant.ts';

/** How far a session has authenticated; a pending second factor has no session yet. */
export type SessionLevel = 'signed-in' | 'enrol-only';

/** How a user authenticated (RFC 8176). */
export type AuthenticationMethod = 'pwd' | 'otp' | 'sms' | 'mfa' | 'fed';

/** The session of a call, as its row was when the call came in. */
export type CallerSession = {
  readonly id: string;
  readonly userId: string;
  readonly level: SessionLevel;
  readonly amr: readonly AuthenticationMethod[];
  readonly authTime: Date;
  /** Whose session it is, as he was when the call came in. */
  readonly holder: UserView;
};

/** Where a call came from, as far as it can be known. */
export type Client = {
  /** The network address; proxies count only where they are configured. */
  readonly address: string;
  readonly userAgent: string;
};

/** A sign-in whose first factor was right. */
export type PendingSignIn = {
  readonly challengeId: string;
  readonly userId: string;
  /** How the user has authenticated so far. */
  readonly amr: readonly AuthenticationMethod[];
};

/** Until when somebody waits for the answer of a call. */
export type Deadline = {
  /** Aborted when the call has ended, or nobody waits for it any more. */
  readonly signal: AbortSignal;
  /** How long the caller still waits, in milliseconds. */
  readonly leftMs: () => number;
};

/** Who calls the admin service. */
export type Operator = {
  readonly requestId: string;
  /** The operator's key; undefined for the command line, which holds the database itself. */
  readonly keyId: string | undefined;
  readonly client: Client;
};

export type IdempotencyKey = {
  readonly key: string;
  /** The claim under which the result is kept, and its lease; set where the flow is claimed. */
  readonly claim?: { readonly digest: Buffer; readonly leaseUntil: Date };
};

/**
 * On whose behalf a call is made. What anybody can ask for by naming an address or a number
 * is counted apart from what users need who are signed in, or half-way so (R70).
 */
export type Audience = 'anonymous' | 'user';

/** A session, a pending sign-in, or a back end of the tenant that speaks for its users. */
export function audienceOf({ session, pending, key }: Pick<Caller, 'session' | 'pending' | 'key'>): Audience {
  return session !== undefined || pending !== undefined || key?.kind === 'secret' ? 'user' : 'anonymous';
}

/** Who calls: what the gate has established before a flow begins. */
export type Caller = {
  readonly requestId: string;
  readonly tenant: Tenant;
  /** Undefined where a session token came without a key. */
  readonly key: ApiKey | undefined;
  readonly session: CallerSession | undefined;
  /** The sign-in that waits for its second factor, where the call's token names one. */
  readonly pending: PendingSignIn | undefined;
  readonly client: Client;
  readonly deadline: Deadline;
  /** The idempotency key of the call, where it carries one and its method honours it. */
  readonly idempotency: IdempotencyKey | undefined;
  /** The language that the call asked for. */
  readonly locale: Locale | undefined;
};
