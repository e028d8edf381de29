import type { HeldIdentifier, IdentifierKind } from './identifier.ts';

/** What an account had before a change. */
export type Former =
  | { readonly kind: IdentifierKind; readonly identifier: HeldIdentifier | undefined }
  | { readonly kind: 'password'; readonly passwordHash: string | undefined };

/** A change of an account that its owner can still undo. */
export type AccountChange = {
  readonly tenantId: string;
  readonly id: string;
  readonly userId: string;
  readonly former: Former;
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
   * frozen already.
   */
  freeze(tenantId: string, userId: string, now: Date, until: Date): Promise<boolean>;
  /** Ends the freeze. */
  thaw(tenantId: string, userId: string): Promise<void>;
  /** Forgets the changes of a user, or of one kind: they cannot be undone any more. */
  forget(tenantId: string, userId: string, kind?: Former['kind']): Promise<void>;
};

/** What stood before the oldest of these changes, at most one entry a kind. The changes come oldest first. */
export function formerState(changes: readonly AccountChange[]): Former[] {
  const first = new Map<Former['kind'], Former>();
  for (const { former } of changes) if (!first.has(former.kind)) first.set(former.kind, former);
  return [...first.values()];
}
