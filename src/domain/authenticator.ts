import type { AuthenticationMethod } from './authentication.ts';

/** The kinds of authenticators that are proved by a typed code, in the order in which they are offered. */
export const codeKinds = ['totp', 'sms'] as const;

export type CodeKind = (typeof codeKinds)[number];

/** The kinds of authenticators beside the password, in the order in which they are offered. */
export const authenticatorKinds = ['passkey', ...codeKinds] as const;

export type AuthenticatorKind = (typeof authenticatorKinds)[number];

/** The `amr` value of each kind that is proved by a code (RFC 8176, section 2). */
export const amrOf = { totp: 'otp', sms: 'sms' } as const satisfies Record<CodeKind, AuthenticationMethod>;

/** An authenticator that a user has enrolled. */
export type Authenticator = {
  readonly tenantId: string;
  readonly id: string;
  readonly userId: string;
  readonly kind: AuthenticatorKind;
  /** A user has one authenticator per slot: the kind for TOTP and SMS, the id for passkeys. */
  readonly slot: string;
  /** The name that its owner gave it; empty: none. */
  readonly label: string;
  /** Finds it without its user; undefined: it is found by user and slot only. */
  readonly lookup: Buffer | undefined;
  /** Only ever raised: the last time step of TOTP (R27), the sign counter of a passkey. */
  readonly counter: number;
  /** Flags of a passkey (backup eligible, backed up, user verified), as bits; 0 for the other kinds. */
  readonly flags: number;
  /** The verifier: the seed in Base32, the number in E.164, or a passkey's key. */
  readonly data: Buffer;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | undefined;
};

/** The authenticators of a user, as every sign-in reads them. */
export type Enrolled = {
  readonly kinds: readonly AuthenticatorKind[];
  /** The number of the SMS authenticator, in E.164; undefined: none. */
  readonly smsNumber: string | undefined;
  /** Whether the user has switched their password off: every other way in asks for a passkey as well. */
  readonly isPasskeyOnly: boolean;
};

/** Whether a user has any authenticator beside the password. */
export function hasAuthenticator({ kinds }: Enrolled): boolean {
  return kinds.length > 0;
}

/**
 * Whether a sign-in by one factor needs a second. A passkey beside other ways to sign in asks for itself only where the
 * user or the tenant says so: else it would lock out users who made one for convenience.
 */
export function demandsSecondFactor({ kinds, isPasskeyOnly }: Enrolled, isRequired: boolean): boolean {
  return kinds.some((kind) => kind !== 'passkey' || isPasskeyOnly || isRequired);
}

/** The kinds that are proved by a code. */
export function codeKindsOf({ kinds }: Pick<Enrolled, 'kinds'>): CodeKind[] {
  return codeKinds.filter((kind) => kinds.includes(kind));
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
  /** The passkey of a credential. */
  findByLookup(tenantId: string, lookup: Buffer): Promise<Authenticator | undefined>;
  /**
   * Notes the use of a passkey with its new counter and flags; false where the counter is not greater than the one
   * that is kept, unless both are 0: of two uses of one value one wins.
   */
  usePasskey(
    tenantId: string,
    id: string,
    use: { readonly counter: number; readonly flags: number; readonly now: Date },
  ): Promise<boolean>;
  /** Names an authenticator; false where the user has none of that id. */
  rename(tenantId: string, userId: string, id: string, label: string): Promise<boolean>;
  /** Raises the counter and notes the use; true for exactly one caller per value (R27). */
  raiseCounter(tenantId: string, id: string, counter: number, now: Date): Promise<boolean>;
  /** Removes the authenticator of a slot; false where there is none. */
  remove(tenantId: string, userId: string, slot: string): Promise<boolean>;
  removeAll(tenantId: string, userId: string): Promise<void>;
};
