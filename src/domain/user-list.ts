import type { AuthenticatorKind } from './authenticator.ts';
import type { User, UserView } from './user.ts';

/**
 * A filter of the list of users. Each has a dedicated index, so its time does not depend on the number of users.
 * The order is that of the index.
 */
export type UserFilter =
  /** By the time of their creation, the newest first. */
  | {
      readonly by: 'time';
      readonly status?: User['status'];
      readonly from?: Date;
      readonly until?: Date;
    }
  /** By the beginning of their address or number, in its order. */
  | { readonly by: 'email' | 'mobile'; readonly prefix: string; readonly isWhole: boolean }
  /** By the beginning of a name, without regard to case and accents, in its order. */
  | { readonly by: 'firstName' | 'lastName'; readonly prefix: string }
  /** By the beginning of their id. */
  | { readonly by: 'id'; readonly least: string; readonly most: string }
  | { readonly by: 'authenticator'; readonly kind: AuthenticatorKind }
  | { readonly by: 'provider'; readonly provider: string };

/** The place of a user in a list: what its order goes by, and the id. */
export type UserPlace = { readonly key: string; readonly id: string };

export type UserListRepository = {
  /**
   * The users after a place of the list, at most that many, with the place of each, and the place after which there
   * are more. Users whom one of the earlier filters finds, by an identifier or a name, are left out.
   */
  list(
    tenantId: string,
    filter: UserFilter,
    after: UserPlace | undefined,
    limit: number,
    earlier?: readonly UserFilter[],
  ): Promise<{
    readonly users: readonly UserView[];
    readonly places: readonly UserPlace[];
    readonly next: UserPlace | undefined;
  }>;
};
