import type {
  FactorRepository,
  IdentityRepository,
  LoginRequestRepository,
  UserRepository,
} from './repositories/accounts.ts';
import type { OutboxRepository, SmsUsageRepository } from './repositories/messages.ts';
import type {
  AdminKeyRepository,
  AuditRepository,
  KeyRepository,
  LeaseRepository,
  RetentionRepository,
  TenantRepository,
} from './repositories/operations.ts';
import type {
  BudgetRepository,
  ChallengeRepository,
  GuessRepository,
  IdempotencyRepository,
  SessionRepository,
} from './repositories/sessions.ts';

/** Everything that flows keep. */
export type Repositories = {
  readonly users: UserRepository;
  readonly challenges: ChallengeRepository;
  readonly sessions: SessionRepository;
  readonly factors: FactorRepository;
  readonly guesses: GuessRepository;
  readonly budgets: BudgetRepository;
  readonly idempotency: IdempotencyRepository;
  readonly audit: AuditRepository;
  readonly outbox: OutboxRepository;
  readonly identities: IdentityRepository;
  readonly loginRequests: LoginRequestRepository;
  readonly leases: LeaseRepository;
  readonly retention: RetentionRepository;
  readonly smsUsage: SmsUsageRepository;
  readonly tenants: TenantRepository;
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
