import type { AccountChangeRepository } from './account-change.ts';
import type { AdminKeyRepository } from './admin-key.ts';
import type { ApplicationRepository } from './application.ts';
import type { AttemptRepository } from './attempt.ts';
import type { AuthenticatorRepository } from './authenticator.ts';
import type { BudgetRepository } from './budget.ts';
import type { ChallengeRepository } from './challenge.ts';
import type { ConnectionRepository } from './connection.ts';
import type { DeviceAuthorizationRepository } from './device-authorization.ts';
import type { DomainRepository } from './domain-proof.ts';
import type { ProofRepository } from './dpop.ts';
import type { EventLogRepository } from './event-log.ts';
import type { EventRepository } from './events.ts';
import type { IdentityRepository } from './external-identity.ts';
import type { FactorResetRepository } from './factor-reset.ts';
import type { GrantRepository } from './grant.ts';
import type { IdempotencyRepository } from './idempotency.ts';
import type { LeaseRepository } from './lease.ts';
import type { LoginRequestRepository } from './login-request.ts';
import type { LogoutCursorRepository } from './logout.ts';
import type { MemberRepository } from './member.ts';
import type { OutboxRepository } from './message.ts';
import type { RecoveryCodeRepository } from './recovery-code.ts';
import type { RetentionRepository } from './retention.ts';
import type { SessionRepository } from './session.ts';
import type { KeyRepository } from './signing-key.ts';
import type { SmsUsageRepository } from './sms-usage.ts';
import type { TenantRepository } from './tenant.ts';
import type { TermsRepository } from './terms.ts';
import type { TrustedDeviceRepository } from './trusted-device.ts';
import type { UsageRepository } from './usage.ts';
import type { UserRepository } from './user.ts';
import type { UserJobRepository } from './user-job.ts';
import type { UserListRepository } from './user-list.ts';
import type { WebhookRepository } from './webhook.ts';

/** Everything that flows keep. */
export type Repositories = {
  readonly users: UserRepository;
  readonly userList: UserListRepository;
  readonly userJobs: UserJobRepository;
  readonly members: MemberRepository;
  readonly domains: DomainRepository;
  readonly usage: UsageRepository;
  readonly challenges: ChallengeRepository;
  readonly sessions: SessionRepository;
  readonly authenticators: AuthenticatorRepository;
  readonly recoveryCodes: RecoveryCodeRepository;
  readonly attempts: AttemptRepository;
  readonly budgets: BudgetRepository;
  readonly trustedDevices: TrustedDeviceRepository;
  readonly factorResets: FactorResetRepository;
  readonly accountChanges: AccountChangeRepository;
  readonly proofs: ProofRepository;
  readonly idempotency: IdempotencyRepository;
  readonly events: EventRepository;
  readonly eventLogs: EventLogRepository;
  readonly webhooks: WebhookRepository;
  readonly outbox: OutboxRepository;
  readonly identities: IdentityRepository;
  readonly connections: ConnectionRepository;
  readonly loginRequests: LoginRequestRepository;
  readonly leases: LeaseRepository;
  readonly retention: RetentionRepository;
  readonly smsUsage: SmsUsageRepository;
  readonly terms: TermsRepository;
  readonly tenants: TenantRepository;
  readonly applications: ApplicationRepository;
  readonly grants: GrantRepository;
  readonly devices: DeviceAuthorizationRepository;
  readonly logoutCursors: LogoutCursorRepository;
  readonly keys: KeyRepository;
  readonly adminKeys: AdminKeyRepository;
};

/** The repositories that a flow needs, and a transaction over them. */
export type Store<Names extends keyof Repositories = keyof Repositories> = Pick<Repositories, Names> & {
  /**
   * Runs the work in one transaction. The whole of it is run again where the
   * database asks for that (R63), so it must not do anything outside the database.
   */
  transaction<T>(work: (repositories: Pick<Repositories, Names>) => Promise<T>): Promise<T>;
};

/** A unique key is taken. */
export class DuplicateError extends Error {
  constructor(options?: ErrorOptions) {
    super('duplicate', options);
    this.name = 'DuplicateError';
  }
}
