import type { HeldIdentifier, IdentifierKind } from './identifier.ts';

/** Age up to which an identifier or an authenticator may be an intruder's. */
export const recentMs = 72 * 3_600_000;

/** The state of an account before a change. */
export type Former =
  | { readonly kind: IdentifierKind; readonly identifier: HeldIdentifier | undefined }
  | {
      readonly kind: 'password';
      readonly passwordHash: string | undefined;
      /** Whether every way in asked for a passkey as well. */
      readonly isPasskeyOnly: boolean;
    }
  /** A passkey came or went: an undo takes away those that came since. */
  | { readonly kind: 'passkeys' };

/** A change of an account that its owner can still undo. */
export type AccountChange = {
  readonly tenantId: string;
  readonly id: string;
  readonly userId: string;
  readonly former: Former;
  /** Whether the account had a password, or an authenticator app for 72 hours, before the change: an undo takes one of them. */
  readonly isProvable: boolean;
  readonly changedAt: Date;
  /** From then on it cannot be undone. */
  readonly expiresAt: Date;
};

export type AccountChangeRepository = {
  add(change: AccountChange): Promise<void>;
  /** The changes of a user that can be undone, oldest first. */
  list(tenantId: string, userId: string, now: Date): Promise<AccountChange[]>;
  /**
   * Freezes an account until a time, up to which its changes can be undone as well; false where it is
   * frozen, or was at any time since `since`.
   */
  freeze(
    tenantId: string,
    userId: string,
    time: { readonly now: Date; readonly until: Date; readonly since: Date },
  ): Promise<boolean>;
  /** Keeps the changes that can be undone until a time, where they would go before. */
  extend(tenantId: string, userId: string, time: { readonly now: Date; readonly until: Date }): Promise<void>;
  /** Ends what was extended: each change can be undone as long as it is young enough, or until a time, and with a proof alone. */
  settle(
    tenantId: string,
    userId: string,
    time: { readonly ageMs: number; readonly until: Date },
  ): Promise<void>;
  /** Ends the freeze. */
  thaw(tenantId: string, userId: string, now: Date): Promise<void>;
  /** Forgets the changes of a user, or of one kind: they cannot be undone any more. */
  forget(tenantId: string, userId: string, kind?: Former['kind']): Promise<void>;
};

/** Returns the state before the oldest change of each kind. Expects the oldest change first. */
export function formerState(changes: readonly AccountChange[]): Former[] {
  const first = new Map<Former['kind'], Former>();
  for (const { former } of changes) if (!first.has(former.kind)) first.set(former.kind, former);
  return [...first.values()];
}
