import type { Repositories, Store } from '../domain/repositories.ts';
import type { Vault } from '../domain/vault.ts';
import { createAccountChangeRepository } from './account-changes.ts';
import { createAdminKeyRepository } from './admin-keys.ts';
import { createApplicationRepository, createLogoutCursorRepository } from './applications.ts';
import { createAttemptRepository } from './attempts.ts';
import { createAuthenticatorRepository } from './authenticators.ts';
import { createBudgetRepository } from './budgets.ts';
import { createChallengeRepository } from './challenges.ts';
import { createConnectionRepository } from './connections.ts';
import type { Database, DatabaseHandle } from './database.ts';
import { createDeviceAuthorizationRepository } from './device-authorizations.ts';
import { createTrustedDeviceRepository } from './devices.ts';
import { createDomainRepository } from './domains.ts';
import { unwrap } from './driver-error.ts';
import { createEventLogRepository } from './event-logs.ts';
import { createEventRepository } from './events.ts';
import { createFactorResetRepository } from './factor-resets.ts';
import { createGrantRepository } from './grants.ts';
import { createIdempotencyRepository } from './idempotency.ts';
import { createIdentityRepository } from './identities.ts';
import { createKeyRepository } from './keys.ts';
import { createLoginRequestRepository } from './login-requests.ts';
import { createMemberRepository, createUsageRepository } from './members.ts';
import { createOutboxRepository } from './outbox.ts';
import { createProofRepository } from './proofs.ts';
import { createRecoveryCodeRepository } from './recovery-codes.ts';
import { createLeaseRepository, createRetentionRepository } from './retention.ts';
import { createSessionRepository } from './sessions.ts';
import { createSmsUsageRepository } from './sms-usage.ts';
import { createTenantRepository } from './tenants.ts';
import { createTermsRepository } from './terms.ts';
import { createUserJobRepository } from './user-jobs.ts';
import { createUserListRepository } from './user-list.ts';
import { createUserRepository } from './users.ts';
import { createWebhookRepository } from './webhooks.ts';

/** The same repository, whose errors are those of the driver or of this service, never Drizzle's. */
function withoutSql<R extends object>(repository: R): R {
  const guard =
    <A extends unknown[]>(method: (...args: A) => Promise<unknown>) =>
    async (...args: A) => {
      try {
        return await method(...args);
      } catch (error) {
        throw unwrap(error);
      }
    };
  return Object.fromEntries(Object.entries(repository).map(([name, method]) => [name, guard(method)])) as R;
}

function createRepositories(db: Database, prepared: Database, vault: Vault): Repositories {
  return {
    users: withoutSql(createUserRepository(db, prepared)),
    userList: withoutSql(createUserListRepository(db)),
    userJobs: withoutSql(createUserJobRepository(db)),
    members: withoutSql(createMemberRepository(db)),
    domains: withoutSql(createDomainRepository(db)),
    usage: withoutSql(createUsageRepository(db)),
    accountChanges: withoutSql(createAccountChangeRepository(db)),
    factorResets: withoutSql(createFactorResetRepository(db)),
    challenges: withoutSql(createChallengeRepository(db)),
    sessions: withoutSql(createSessionRepository(db, prepared)),
    authenticators: withoutSql(createAuthenticatorRepository(db, vault)),
    recoveryCodes: withoutSql(createRecoveryCodeRepository(db)),
    attempts: withoutSql(createAttemptRepository(db, prepared)),
    budgets: withoutSql(createBudgetRepository(prepared)),
    trustedDevices: withoutSql(createTrustedDeviceRepository(db)),
    proofs: withoutSql(createProofRepository(db, prepared)),
    idempotency: withoutSql(createIdempotencyRepository(db, vault)),
    events: withoutSql(createEventRepository(db, prepared, vault)),
    eventLogs: withoutSql(createEventLogRepository(db, prepared)),
    webhooks: withoutSql(createWebhookRepository(db, vault)),
    outbox: withoutSql(createOutboxRepository(db, vault)),
    identities: withoutSql(createIdentityRepository(db)),
    connections: withoutSql(createConnectionRepository(db, vault)),
    loginRequests: withoutSql(createLoginRequestRepository(db, vault)),
    leases: withoutSql(createLeaseRepository(db)),
    retention: withoutSql(createRetentionRepository(db)),
    smsUsage: withoutSql(createSmsUsageRepository(db)),
    terms: withoutSql(createTermsRepository(db)),
    tenants: withoutSql(createTenantRepository(db, prepared, vault)),
    applications: withoutSql(createApplicationRepository(db, prepared)),
    grants: withoutSql(createGrantRepository(db, prepared, vault)),
    devices: withoutSql(createDeviceAuthorizationRepository(db)),
    logoutCursors: withoutSql(createLogoutCursorRepository(db)),
    keys: withoutSql(createKeyRepository(db)),
    adminKeys: withoutSql(createAdminKeyRepository(db)),
  };
}

/** The repositories over a database, alone and in a transaction. */
export function createStore(database: DatabaseHandle, vault: Vault): Store {
  const made = new WeakMap<Database, Repositories>();
  return {
    ...createRepositories(database.db, database.prepared, vault),
    transaction: (work) =>
      database.transaction((db, prepared) => {
        const repositories = made.get(db) ?? createRepositories(db, prepared, vault);
        made.set(db, repositories);
        return work(repositories);
      }),
  };
}
