import type { AuthenticationMethod } from './authentication.ts';

/** The kinds of authenticators beside the password, in the order in which they are offered. */
export const authenticatorKinds = ['totp', 'sms'] as const;

export type AuthenticatorKind = (typeof authenticatorKinds)[number];

/** The `amr` value of each kind (RFC 8176, section 2). */
export const amrOf = { totp: 'otp', sms: 'sms' } as const satisfies Record<
  AuthenticatorKind,
  AuthenticationMethod
>;

/** An authenticator that a user has enrolled. */
export type Authenticator = {
  readonly tenantId: string;
  readonly id: string;
  readonly userId: string;
  readonly kind: AuthenticatorKind;
  /** A user has one authenticator per slot: the kind for TOTP and SMS. */
  readonly slot: string;
  /** The name that its owner gave it; empty: none. */
  readonly label: string;
  /** Finds it without its user; undefined: it is found by user and slot only. */
  readonly lookup: Buffer | undefined;
  /** Only ever raised: the last time step of TOTP (R27). */
  readonly counter: number;
  /** The verifier: the seed in Base32, or the number in E.164. */
  readonly data: Buffer;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | undefined;
};

/** The authenticators of a user, as every sign-in reads them. */
export type Enrolled = {
  readonly kinds: readonly AuthenticatorKind[];
  /** The number of the SMS authenticator, in E.164; undefined: none. */
  readonly smsNumber: string | undefined;
};

/** Whether a user has any authenticator beside the password. */
export function hasAuthenticator({ kinds }: Enrolled): boolean {
  return kinds.length > 0;
}

/** The kinds in the order in which they are offered. */
export function inOrder(kinds: readonly string[]): AuthenticatorKind[] {
  return authenticatorKinds.filter((kind) => kinds.includes(kind));
}

export type AuthenticatorRepository = {
  findEnrolled(tenantId: string, userId: string): Promise<Enrolled>;
  /** The same, and locks the user's authenticators and recovery codes until the transaction ends. */
  findForUpdate(tenantId: string, userId: string): Promise<Enrolled>;
  findInSlot(tenantId: string, userId: string, slot: string): Promise<Authenticator | undefined>;
  /** Oldest first. */
  list(tenantId: string, userId: string): Promise<Authenticator[]>;
  /** Throws DuplicateError where the slot is taken. */
  insert(authenticator: Authenticator): Promise<void>;
  /** Raises the counter and notes the use; true for exactly one caller per value (R27). */
  raiseCounter(tenantId: string, id: string, counter: number, now: Date): Promise<boolean>;
  /** Removes the authenticator of a slot; false where there is none. */
  remove(tenantId: string, userId: string, slot: string): Promise<boolean>;
  removeAll(tenantId: string, userId: string): Promise<void>;
};
