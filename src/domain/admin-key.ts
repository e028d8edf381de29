export type AdminKeyRepository = {
  findLive(digest: Buffer, now: Date): Promise<AdminKey | undefined>;
  /** All of them, oldest first. */
  list(): Promise<AdminKey[]>;
  insert(key: AdminKey & { readonly digest: Buffer }): Promise<void>;
  /** False where there is no such live key. */
  revoke(id: string, now: Date): Promise<boolean>;
};

/** A key of an operator, which opens the admin service. */
export type AdminKey = {
  readonly id: string;
  /** The holder of the key. */
  readonly name: string;
  readonly createdAt: Date;
  readonly revokedAt: Date | undefined;
};
