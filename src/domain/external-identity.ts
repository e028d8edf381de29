/** What an identity provider says of a user, by field. */
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
  /** The identity of a user at a provider, if he has one. */
  findOfUser(tenantId: string, userId: string, issuer: string): Promise<ExternalIdentity | undefined>;
  listOfUser(tenantId: string, userId: string): Promise<ExternalIdentity[]>;
  /** The tenants that a user of Manam has consented to. */
  listConsents(tenantId: string, userId: string): Promise<string[]>;
  /** Throws DuplicateError where somebody has it. */
  insert(identity: ExternalIdentity, now: Date): Promise<void>;
  updateProfile(identity: ExternalIdentity): Promise<void>;
  /** Takes identities of a user away, all of them or those at a provider; answers how many. */
  remove(tenantId: string, userId: string, issuer: string | undefined): Promise<number>;
  /** Whether a user of Manam itself has consented to a tenant. */
  hasConsented(tenantId: string, userId: string, consentedTenantId: string): Promise<boolean>;
  consent(tenantId: string, userId: string, consentedTenantId: string, now: Date): Promise<void>;
};

/** What a provider's token says of a user. */
export type ProviderClaims = {
  readonly issuer: string;
  readonly subject: string;
  /** Empty where the provider tells none. */
  readonly email: string;
  /** Whether the provider answers for the address itself, and not for some other site's mailbox (R51). */
  readonly isAuthoritative: boolean;
  readonly firstName: string;
  readonly lastName: string;
  readonly picture: string;
};
