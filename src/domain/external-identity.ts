/** The profile of a user at an identity provider, by field. */
export type ExternalProfile = Readonly<Record<string, string>>;

/** A user's account at an identity provider. It is known by issuer and subject, never by its address (R50). */
export type ExternalIdentity = {
  readonly tenantId: string;
  readonly issuer: string;
  readonly subject: string;
  readonly userId: string;
  readonly profile: ExternalProfile;
};

export type IdentityRepository = {
  find(tenantId: string, issuer: string, subject: string): Promise<ExternalIdentity | undefined>;
  /** The identity of a user at a provider, if they have one. */
  findOfUser(tenantId: string, userId: string, issuer: string): Promise<ExternalIdentity | undefined>;
  listOfUser(tenantId: string, userId: string): Promise<ExternalIdentity[]>;
  /** The tenants that a user of Manam has consented to. */
  listConsents(tenantId: string, userId: string): Promise<string[]>;
  /** Throws DuplicateError where someone has it. */
  insert(identity: ExternalIdentity, now: Date): Promise<void>;
  updateProfile(identity: ExternalIdentity): Promise<void>;
  /** Removes identities of a user, all of them or those at a provider; returns their number. */
  remove(tenantId: string, userId: string, issuer: string | undefined): Promise<number>;
  /** Whether a user of Manam itself has consented to a tenant. */
  hasConsented(tenantId: string, userId: string, consentedTenantId: string): Promise<boolean>;
  consent(tenantId: string, userId: string, consentedTenantId: string, now: Date): Promise<void>;
};

/** The claims of a provider's token about a user. */
export type ProviderClaims = {
  readonly issuer: string;
  readonly subject: string;
  /** Empty where the provider sends none. */
  readonly email: string;
  /** Whether the provider is authoritative for the address, because it hosts the mailbox (R51). */
  readonly isAuthoritative: boolean;
  readonly firstName: string;
  readonly lastName: string;
  readonly picture: string;
};
