import type { ProfileField } from './profile.ts';
import { sha256 } from './token.ts';

/** The profile of a user at an identity provider, by field. */
export type ExternalProfile = Readonly<Record<string, string>>;

/** A user's account at an identity provider. It is known by issuer and subject, never by its address (R50). */
export type ExternalIdentity = {
  readonly tenantId: string;
  readonly issuer: string;
  readonly subject: string;
  readonly userId: string;
  /** The connection that it came by; `manam`: an account of Manam itself. */
  readonly provider: string;
  readonly profile: ExternalProfile;
  readonly createdAt: Date;
};

/** The provider of identities that are accounts of Manam itself. */
export const manamProvider = 'manam';

/** A session that began at a provider. */
export type FederatedSession = {
  readonly tenantId: string;
  readonly sessionId: string;
  readonly userId: string;
  readonly provider: string;
  /** The digest of issuer and subject. */
  readonly subjectDigest: Buffer;
  /** The digest of the session's id at the provider; undefined: it named none. */
  readonly sidDigest: Buffer | undefined;
};

/** Where a sign-in comes from, as codes and pending steps carry it: digests in Base64url. */
export type ProviderOrigin = { readonly provider: string; readonly subject: string; readonly sid: string };

/** The digests by which the sessions of a subject, or of one session at a provider, are found again; an empty sid has none. */
export function providerOrigin(
  provider: string,
  { issuer, subject, sid }: { readonly issuer: string; readonly subject: string; readonly sid: string },
): ProviderOrigin {
  const digestOf = (...texts: string[]) => sha256(JSON.stringify(texts)).toString('base64url');
  return { provider, subject: digestOf(issuer, subject), sid: sid === '' ? '' : digestOf(issuer, sid) };
}

export type IdentityRepository = {
  find(tenantId: string, issuer: string, subject: string): Promise<ExternalIdentity | undefined>;
  /** The identity of a user at a provider, if they have one. */
  findOfUser(tenantId: string, userId: string, issuer: string): Promise<ExternalIdentity | undefined>;
  listOfUser(tenantId: string, userId: string): Promise<ExternalIdentity[]>;
  /** The tenants that a user of Manam has consented to. */
  listConsents(tenantId: string, userId: string): Promise<string[]>;
  /** Throws DuplicateError where someone has it. */
  insert(identity: ExternalIdentity): Promise<void>;
  updateProfile(
    identity: Pick<ExternalIdentity, 'tenantId' | 'issuer' | 'subject' | 'profile'>,
  ): Promise<void>;
  /** Removes identities of a user, all of them or those at a provider; returns their number. */
  remove(tenantId: string, userId: string, provider: string | undefined): Promise<number>;
  /** Notes that a session began at a provider. */
  noteSession(session: FederatedSession): Promise<void>;
  /** The sessions that began at a provider, of a subject, of one session there, or of both. */
  listSessions(
    tenantId: string,
    provider: string,
    of: { readonly subjectDigest?: Buffer; readonly sidDigest?: Buffer },
  ): Promise<Pick<FederatedSession, 'sessionId' | 'userId'>[]>;
  /** Whether a user of Manam itself has consented to a tenant. */
  hasConsented(tenantId: string, userId: string, consentedTenantId: string): Promise<boolean>;
  consent(tenantId: string, userId: string, consentedTenantId: string, now: Date): Promise<void>;
  /** Takes such a consent back; false where there was none. */
  withdrawConsent(tenantId: string, userId: string, consentedTenantId: string): Promise<boolean>;
};

/** The claims of a provider's token about a user. */
export type ProviderClaims = {
  readonly issuer: string;
  readonly subject: string;
  /** Empty where the provider sends none. */
  readonly email: string;
  /** Whether the provider has proved that the address is this person's. */
  readonly isVerified: boolean;
  /** Whether its word opens an account that exists: it hosts the mailbox, or has the tenant's trust for the address (R51). */
  readonly isAuthoritative: boolean;
  /** What the provider says for fields of the profile, as it says it. */
  readonly fields: Readonly<Partial<Record<ProfileField, string>>>;
};
