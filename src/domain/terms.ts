/** The terms that a tenant's users accept; both empty: it has none here. */
export type Terms = {
  /** The tenant's page with the terms. */
  readonly url: string;
  /** Its version: users are asked again for another one. */
  readonly version: string;
};

export type TermsRepository = {
  /** Notes that a user accepts a version; the first time counts. */
  accept(tenantId: string, userId: string, version: string, now: Date): Promise<void>;
  /** The time at which a user accepted a version; undefined: never. */
  findAcceptance(tenantId: string, userId: string, version: string): Promise<Date | undefined>;
  /** Forgets what was accepted by whoever claimed an account before its owner. */
  forget(tenantId: string, userId: string): Promise<void>;
};
