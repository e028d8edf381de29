import type { AccountChange } from '../../../src/domain/account-change.ts';
import type { AdminKey } from '../../../src/domain/admin-key.ts';
import type { ApiKeyRow } from '../../../src/domain/api-key.ts';
import type { Application, ApplicationSecret } from '../../../src/domain/application.ts';
import type { AttemptCounter } from '../../../src/domain/attempt.ts';
import type { Authenticator } from '../../../src/domain/authenticator.ts';
import type { Challenge } from '../../../src/domain/challenge.ts';
import type { Connection } from '../../../src/domain/connection.ts';
import type { DeviceAuthorization } from '../../../src/domain/device-authorization.ts';
import type { DomainProof } from '../../../src/domain/domain-proof.ts';
import type { EventLog, SealedEvent } from '../../../src/domain/event-log.ts';
import type { ExternalIdentity, FederatedSession } from '../../../src/domain/external-identity.ts';
import type { FactorReset } from '../../../src/domain/factor-reset.ts';
import type { Consent, Grant, GrantCode } from '../../../src/domain/grant.ts';
import type { IdempotencyClaim } from '../../../src/domain/idempotency.ts';
import type { HeldIdentifier } from '../../../src/domain/identifier.ts';
import type { LoginRequest } from '../../../src/domain/login-request.ts';
import type { Invitation, Member } from '../../../src/domain/member.ts';
import type { Tile } from '../../../src/domain/merkle.ts';
import type { DeliveryStatus, Payload } from '../../../src/domain/message.ts';
import type { SessionRow } from '../../../src/domain/session.ts';
import type { ApplicationKeyRow, SealedKey, SigningKeyRow } from '../../../src/domain/signing-key.ts';
import type { Tenant } from '../../../src/domain/tenant.ts';
import type { TrustedDevice } from '../../../src/domain/trusted-device.ts';
import type { UsageCount } from '../../../src/domain/usage.ts';
import type { User } from '../../../src/domain/user.ts';
import type { UserJob } from '../../../src/domain/user-job.ts';
import type { Webhook, WebhookAttempt, WebhookDelivery } from '../../../src/domain/webhook.ts';
import { Table } from './table.ts';

type OfTenant = { readonly tenantId: string };
type OfUser = OfTenant & { readonly userId: string };

export type GrantRow = Grant & {
  readonly code: GrantCode | undefined;
  readonly startedAt: Date | undefined;
  readonly endedAt: Date | undefined;
  readonly toldAt: Date | undefined;
};
export type ChallengeRow = Challenge & { readonly attempts: number; readonly consumedAt: Date | undefined };
/** `position`: undefined until the sequencer numbers the row. */
export type EventRow = SealedEvent & { readonly position: number | undefined };
export type AttemptRow = OfTenant &
  AttemptCounter & {
    readonly failures: number;
    readonly wrong: number;
    readonly nextAttemptAt: Date | undefined;
    readonly attemptedAt: Date;
  };
export type OutboxTableRow = OfTenant & {
  readonly id: string;
  readonly channel: Payload['channel'];
  readonly status: DeliveryStatus | 'decoy';
  readonly message: Payload | undefined;
  readonly recipient: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly claims: number;
  readonly attempts: number;
  readonly charged: boolean;
  readonly nextAttemptAt: Date;
  readonly endedAt: Date | undefined;
  readonly error: string;
};

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** The tables of the in-memory store, empty. */
export function createTables() {
  return {
    users: new Table<
      User & {
        readonly confirmedAt: Date | undefined;
        readonly frozenUntil: Date | undefined;
        readonly passkeyOnly: boolean;
      }
    >(({ tenantId, id }) => `${tenantId} ${id}`),
    identifiers: new Table<HeldIdentifier & OfTenant>(
      ({ tenantId, kind, canonical }) => `${tenantId} ${kind} ${canonical}`,
    ),
    credentials: new Table<OfUser & { readonly passwordHash: string }>(
      ({ tenantId, userId }) => `${tenantId} ${userId}`,
    ),
    factorResets: new Table<FactorReset>(({ tenantId, userId }) => `${tenantId} ${userId}`),
    accountChanges: new Table<AccountChange>(({ tenantId, id }) => `${tenantId} ${id}`),
    challenges: new Table<ChallengeRow>(({ tenantId, purpose, slot }) => `${tenantId} ${purpose} ${slot}`),
    sessions: new Table<SessionRow & { readonly revokedAt: Date | undefined }>(
      ({ tenantId, id }) => `${tenantId} ${id}`,
    ),
    authenticators: new Table<Authenticator>(({ tenantId, id }) => `${tenantId} ${id}`),
    recoveryCodes: new Table<OfUser & { readonly foreign: boolean; readonly code: string }>(
      ({ tenantId, userId, foreign, code }) => `${tenantId} ${userId} ${foreign} ${code}`,
    ),
    identities: new Table<ExternalIdentity>(
      ({ tenantId, issuer, subject }) => `${tenantId} ${issuer} ${subject}`,
    ),
    connections: new Table<Omit<Connection, 'hasSecret'>>(({ tenantId, name }) => `${tenantId} ${name}`),
    connectionSecrets: new Table<OfTenant & { readonly name: string; readonly secret: string }>(
      ({ tenantId, name }) => `${tenantId} ${name}`,
    ),
    federatedSessions: new Table<FederatedSession>(({ tenantId, sessionId }) => `${tenantId} ${sessionId}`),
    consents: new Table<OfUser & { readonly consentedTenantId: string }>(
      ({ tenantId, userId, consentedTenantId }) => `${tenantId} ${userId} ${consentedTenantId}`,
    ),
    terms: new Table<OfUser & { readonly version: string; readonly acceptedAt: Date }>(
      ({ tenantId, userId, version }) => `${tenantId} ${userId} ${version}`,
    ),
    trustedDevices: new Table<TrustedDevice>(({ tenantId, id }) => `${tenantId} ${id}`),
    members: new Table<Member>(({ tenantId, userId }) => `${tenantId} ${userId}`),
    invitations: new Table<Invitation>(({ tenantId, id }) => `${tenantId} ${id}`),
    userJobs: new Table<UserJob>(({ tenantId, id }) => `${tenantId} ${id}`),
    domains: new Table<DomainProof>(({ tenantId, name }) => `${tenantId} ${name}`),
    usageDays: new Table<OfTenant & UsageCount>(
      ({ tenantId, day, type, reason }) => `${tenantId} ${day} ${type} ${reason}`,
    ),
    proofs: new Table<OfTenant & { readonly id: string; readonly expiresAt: Date }>(
      ({ tenantId, id }) => `${tenantId} ${id}`,
    ),
    loginRequests: new Table<LoginRequest & { readonly consumedAt: Date | undefined }>(
      ({ tenantId, id }) => `${tenantId} ${id}`,
    ),
    attempts: new Table<AttemptRow>(({ tenantId, kind, subject }) => `${tenantId} ${kind} ${subject}`),
    budgets: new Table<
      OfTenant & { readonly name: string; readonly subject: Buffer; readonly uses: readonly Date[] }
    >(({ tenantId, name, subject }) => `${tenantId} ${name} ${hex(subject)}`),
    idempotency: new Table<IdempotencyClaim & { readonly answer: string | undefined }>(
      ({ tenantId, digest }) => `${tenantId} ${hex(digest)}`,
    ),
    events: new Table<EventRow>(({ tenantId, id }) => `${tenantId} ${id}`),
    eventLogs: new Table<EventLog>(({ tenantId, number }) => `${tenantId} ${number}`),
    eventTiles: new Table<OfTenant & Tile & { readonly number: number }>(
      ({ tenantId, number, level, tile }) => `${tenantId} ${number} ${level} ${tile}`,
    ),
    webhooks: new Table<Webhook>(({ tenantId, id }) => `${tenantId} ${id}`),
    webhookDeliveries: new Table<WebhookDelivery>(({ tenantId, id }) => `${tenantId} ${id}`),
    webhookAttempts: new Table<WebhookAttempt>(({ tenantId, id }) => `${tenantId} ${id}`),
    sequencer: new Table<{
      readonly token: string;
      readonly until: Date;
      readonly opened: Buffer | undefined;
    }>(() => ''),
    outbox: new Table<OutboxTableRow>(({ id }) => id),
    leases: new Table<{ readonly name: string; readonly holder: string; readonly until: Date }>(
      ({ name }) => name,
    ),
    backOffs: new Table<OfTenant & { readonly number: Buffer; readonly sent: number; readonly nextAt: Date }>(
      ({ tenantId, number }) => `${tenantId} ${hex(number)}`,
    ),
    smsCounters: new Table<
      OfTenant & {
        readonly country: string;
        readonly hour: Date;
        readonly audience: string;
        readonly sent: number;
        readonly confirmed: number;
      }
    >(({ tenantId, country, hour, audience }) => `${tenantId} ${country} ${hour.getTime()} ${audience}`),
    tenants: new Table<Tenant>(({ slug }) => slug),
    secrets: new Table<OfTenant & { readonly name: string; readonly secret: string }>(
      ({ tenantId, name }) => `${tenantId} ${name}`,
    ),
    keys: new Table<ApiKeyRow & { readonly digest: Buffer }>(({ digest }) => hex(digest)),
    adminKeys: new Table<AdminKey & { readonly digest: Buffer }>(({ digest }) => hex(digest)),
    dataKeys: new Table<SealedKey>(({ id }) => id),
    signingKeys: new Table<SigningKeyRow>(({ id }) => id),
    applicationKeys: new Table<ApplicationKeyRow>(({ id }) => id),
    applications: new Table<Application>(({ tenantId, clientId }) => `${tenantId} ${clientId}`),
    applicationSecrets: new Table<OfTenant & ApplicationSecret & { readonly clientId: string }>(
      ({ id }) => id,
    ),
    grants: new Table<GrantRow>(({ tenantId, id }) => `${tenantId} ${id}`),
    applicationConsents: new Table<OfUser & Consent>(
      ({ tenantId, userId, clientId }) => `${tenantId} ${userId} ${clientId}`,
    ),
    devices: new Table<DeviceAuthorization & { readonly polledAt: Date | undefined }>(
      ({ tenantId, userCode }) => `${tenantId} ${userCode}`,
    ),
    logoutCursors: new Table<OfTenant & { readonly position: number }>(({ tenantId }) => tenantId),
  };
}

export type Tables = ReturnType<typeof createTables>;
