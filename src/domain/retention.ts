/** The rows that are deleted some time after their end. */
export const retained = [
  'challenges',
  'sessions',
  'idempotency',
  'proofs',
  'trustedDevices',
  'accountChanges',
  'factorResets',
  'loginRequests',
  'grants',
  'devices',
  'budgets',
  'attempts',
  'oldAttempts',
  'smsBackoffs',
  'smsCounters',
  'events',
  'outbox',
  'webhookDeliveries',
  'webhookAttempts',
  'userJobs',
  'invitations',
  'unproved',
] as const;

export type Retained = (typeof retained)[number];

export type RetentionRepository = {
  /** Deletes rows of a tenant that ended before `before`, at most `limit`; returns their number. */
  purge(what: Retained, tenantId: string, before: Date, limit: number): Promise<number>;
};
