import type { ApiKey, Scope } from './api-key.ts';
import type { Audience } from './audience.ts';
import type { Deadline } from './deadline.ts';
import { deviceOf, type SignInOrigin } from './device.ts';
import type { IdempotencyKey } from './idempotency.ts';
import type { Locale } from './locale.ts';
import type { CallingMember } from './member.ts';
import type { Client } from './network.ts';
import type { CallerSession, KeyBinding } from './session.ts';
import type { SignInProgress } from './sign-in.ts';
import type { Tenant } from './tenant.ts';

/** A sign-in whose first factor was right. */
export type PendingSignIn = {
  readonly challengeId: string;
  readonly userId: string;
  /** How the sign-in began, and how the user has authenticated so far. */
  readonly progress: SignInProgress;
};

/** The caller of the admin service. */
export type Operator = {
  readonly requestId: string;
  /** The operator's key; undefined for the command line, which holds the database itself. */
  readonly keyId: string | undefined;
  readonly client: Client;
};

/**
 * Someone who manages a tenant: an operator, a back end with a secret key, or a member. What a manager gives
 * away is never more than they have.
 */
export type Manager = Operator & {
  /** Undefined: an operator, or a key. */
  readonly member?: CallingMember;
  /** The scopes that may be given to a key; absent: all. */
  readonly grantable?: readonly Scope[];
  /** The key of a back end: what it gives away is good no longer, and from no other networks. */
  readonly key?: ApiKey;
  /** The events that the called method declares to record; absent: any. */
  readonly emits?: ReadonlySet<string>;
};

/** A key that a call has proved. */
export type ProvedKey = Pick<KeyBinding, 'jkt' | 'bindsAccess'> & {
  /** Spends the proof; throws where it was used before. Called by then, or by the flow that knows the caller. */
  readonly spend: () => Promise<void>;
};

/** Where a call comes from, as a sign-in remembers it. */
export function originOf({ client, binding }: Pick<Caller, 'client' | 'binding'>): SignInOrigin {
  return { address: client.address, device: deviceOf(client), jkt: binding?.jkt ?? '' };
}

/** A session, a pending sign-in, a member, or a back end of the tenant that speaks for its users. */
export function audienceOf({
  session,
  pending,
  member,
  key,
  application,
}: Pick<Caller, 'session' | 'pending' | 'member' | 'key' | 'application'>): Audience {
  if (application !== undefined) return 'application';
  const isKnown = [session, pending, member].some((each) => each !== undefined) || key?.kind === 'secret';
  return isKnown ? 'user' : 'anonymous';
}

/** A caller of the management calls, as what they call sees them. */
export function managerOf({ requestId, client, key, member, emits }: Caller): Manager {
  return {
    requestId,
    client,
    keyId: key?.id,
    ...(key && { grantable: key.scopes, key }),
    ...(member && { member }),
    ...(emits && { emits }),
  };
}

/** The headers by which an application authenticates; the flow reads them, since the body may do so instead. */
export type PresentedApplication = {
  /** The value of `authorization`. */
  readonly authorization: string | undefined;
  /** The origin of the page that calls. */
  readonly origin: string | undefined;
};

/** The caller, as the gate has established it before a flow begins. */
export type Caller = {
  readonly requestId: string;
  readonly tenant: Tenant;
  /** Undefined where a session token came without a key. */
  readonly key: ApiKey | undefined;
  readonly session: CallerSession | undefined;
  /** The sign-in that waits for its second factor, where the call's token names one. */
  readonly pending: PendingSignIn | undefined;
  /** The key that the call has proved (RFC 9449), and what it binds; undefined: none. */
  readonly binding?: ProvedKey | undefined;
  /** Whether the caller has done a proof of work for this call. */
  readonly hasWorked?: boolean;
  readonly client: Client;
  /** When the use of its network's limit was counted that the call holds as an attempt; undefined: it holds none. */
  readonly countedAt?: Date | undefined;
  readonly deadline: Deadline;
  /** The idempotency key of the call, where it carries one and its method honours it. */
  readonly idempotency: IdempotencyKey | undefined;
  /** The events that the called method declares to record; undefined: it is no call of an RPC. */
  readonly emits?: ReadonlySet<string>;
  /** The member of the tenant who calls, by a session at Manam; absent: the call is not one of a member. */
  readonly member?: CallingMember;
  /** The credentials of an application and its origin; undefined: the call is not one of the OpenID provider. */
  readonly application?: PresentedApplication;
  /** The language that the call asked for. */
  readonly locale: Locale | undefined;
};
