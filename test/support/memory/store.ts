import type { Repositories, Store } from '../../../src/domain/repositories.ts';
import { createAccountChanges, createFactorResets } from './account-changes.ts';
import { createConnections, createIdentities, createTermsRows, createUsers } from './accounts.ts';
import { createApplications, createDevices, createGrants, createLogoutCursors } from './applications.ts';
import { createAuthenticators, createRecoveryCodes } from './authenticators.ts';
import { createOutbox, createSmsUsage } from './delivery.ts';
import { createEventLogs, createEvents } from './event-log.ts';
import { createAttempts, createBudgets, createIdempotencyClaims, createProofs } from './guards.ts';
import { createDomains, createMembers, createUsage, createUserJobs, createUserList } from './management.ts';
import { createAdminKeys, createKeys, createLeases, createRetention, createTenants } from './operations.ts';
import {
  createChallenges,
  createLoginRequestRows,
  createSessions,
  createTrustedDevices,
} from './sessions.ts';
import { createTables } from './tables.ts';
import { createWebhooks } from './webhooks.ts';

/**
 * A store in memory for unit tests of flows. Transactions run one after another, and what a failed
 * one wrote is gone. The suites in test/contract/ hold it to what the real store does.
 */
export function createMemoryStore(): Store {
  const tables = createTables();
  const repositories: Repositories = {
    users: createUsers(tables),
    userList: createUserList(tables),
    userJobs: createUserJobs(tables),
    members: createMembers(tables),
    domains: createDomains(tables),
    usage: createUsage(tables),
    accountChanges: createAccountChanges(tables),
    factorResets: createFactorResets(tables),
    challenges: createChallenges(tables),
    sessions: createSessions(tables),
    authenticators: createAuthenticators(tables),
    recoveryCodes: createRecoveryCodes(tables),
    attempts: createAttempts(tables),
    budgets: createBudgets(tables),
    trustedDevices: createTrustedDevices(tables),
    proofs: createProofs(tables),
    idempotency: createIdempotencyClaims(tables),
    events: createEvents(tables),
    eventLogs: createEventLogs(tables),
    webhooks: createWebhooks(tables),
    outbox: createOutbox(tables),
    identities: createIdentities(tables),
    connections: createConnections(tables),
    loginRequests: createLoginRequestRows(tables),
    leases: createLeases(tables),
    retention: createRetention(tables),
    smsUsage: createSmsUsage(tables),
    terms: createTermsRows(tables),
    tenants: createTenants(tables),
    applications: createApplications(tables),
    grants: createGrants(tables),
    devices: createDevices(tables),
    logoutCursors: createLogoutCursors(tables),
    keys: createKeys(tables),
    adminKeys: createAdminKeys(tables),
  };
  let last: Promise<unknown> = Promise.resolve();
  return {
    ...repositories,
    transaction: (work) => {
      const run = async () => {
        const restores = Object.values(tables).map((table) => table.snapshot());
        try {
          return await work(repositories);
        } catch (error) {
          for (const restore of restores) restore();
          throw error;
        }
      };
      const result = last.then(run, run);
      last = result.catch(() => undefined);
      return result;
    },
  };
}
