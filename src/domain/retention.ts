/** What has had its time, by the table it stands in. */
export const retained = [
  'challenges',
  'sessions',
  'idempotency',
  'loginRequests',
  'budgets',
  'guesses',
  'oldGuesses',
  'smsBackoffs',
  'smsCounters',
  'audit',
  'outbox',
  'unproved',
] as const;

export type RetentionRepository = {
  /** Deletes rows of a tenant that ended before that time, at most that many; answers how many. */
  purge(what: (typeof retained)[number], tenantId: string, before: Date, limit: number): Promise<number>;
};
