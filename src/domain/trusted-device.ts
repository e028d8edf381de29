import type { Client } from './network.ts';

/** A device on which a user asked to be spared the second factor of a sign-in. */
export type TrustedDevice = {
  readonly tenantId: string;
  readonly id: string;
  readonly userId: string;
  /** The thumbprint of the key that it proves (RFC 7638), in Base64url. */
  readonly jkt: string;
  /** Where it was trusted from. */
  readonly client: Client;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly expiresAt: Date;
};

export type TrustedDeviceRepository = {
  /** Trusts a device; one of the same user and key is replaced. */
  put(device: TrustedDevice): Promise<void>;
  /** Notes the use of the live device of a user and a key, trusted after `since`; undefined where there is none. */
  use(
    tenantId: string,
    userId: string,
    jkt: string,
    since: Date,
    now: Date,
  ): Promise<TrustedDevice | undefined>;
  /** The live devices of a user, the newest first. */
  list(tenantId: string, userId: string, now: Date): Promise<TrustedDevice[]>;
  /** Trusts a device no longer; false where there is none. */
  remove(tenantId: string, userId: string, id: string): Promise<boolean>;
  removeAll(tenantId: string, userId: string): Promise<void>;
};
