import { issuerOf } from '../domain/application-token.ts';
import { createStartChange } from '../flows/accounts/change-identifier.ts';
import { createEditUser } from '../flows/accounts/edit-user.ts';
import { createReadUser } from '../flows/accounts/view-user.ts';
import { createHistory } from '../flows/events/history.ts';
import { createApplicationAdmin } from '../flows/manage/applications.ts';
import { createConnectionAdmin } from '../flows/manage/connections.ts';
import { createCreateTenant } from '../flows/manage/create-tenant.ts';
import { createCreateUser } from '../flows/manage/create-user.ts';
import { createCredentialCare } from '../flows/manage/credentials.ts';
import { createDomains } from '../flows/manage/domains.ts';
import { createImpersonate } from '../flows/manage/impersonate.ts';
import { createInvitations } from '../flows/manage/invitations.ts';
import { createKeyAdmin } from '../flows/manage/keys.ts';
import { createListUsers } from '../flows/manage/list-users.ts';
import { createMembers } from '../flows/manage/members.ts';
import { createTenantAdmin } from '../flows/manage/tenants.ts';
import { createUsage } from '../flows/manage/usage.ts';
import { createUserCare } from '../flows/manage/user-care.ts';
import { createJobRunner, createUserJobs } from '../flows/manage/user-jobs.ts';
import { createUserAdmin } from '../flows/manage/users.ts';
import { jobHandlers } from '../rpc/management-jobs.ts';
import { peopleHandlers } from '../rpc/management-people.ts';
import { settingsHandlers } from '../rpc/management-settings.ts';
import { managedUserHandlers } from '../rpc/management-users.ts';
import { textOf } from '../server/error-reasons.ts';
import type { FeatureDeps } from './deps.ts';
import type { Feature } from './feature.ts';
import { createLoop } from './loop.ts';

/** Pause while no job waits. */
const restMs = 1000;

/** The management API: users, settings and members of a tenant. */
export function management({ adapters, core, config, limiter, log, hostedTenants }: FeatureDeps) {
  const { store } = adapters;
  const origin = new URL(config.issuer).origin;
  const { developerSignUp } = config;
  const all = { ...adapters, ...core, origin, limiter, developerSignUp };
  const tenants = createTenantAdmin(all);
  const users = createUserAdmin(all);
  const userCare = createUserCare(all, users.find);
  const jobDeps = { ...all, users, userCare };
  const jobs = createUserJobs(jobDeps);
  const flows = core.idempotent({
    startJob: jobs.start,
    createUser: createCreateUser({ ...all, userCare }),
    editUser: createEditUser({ ...all, startChange: createStartChange(all) }),
  });
  const handlers = {
    ...managedUserHandlers({
      ...flows,
      users,
      userCare,
      listUsers: createListUsers(all),
      listIdentities: store.identities.listOfUser,
      credentials: createCredentialCare(all),
      impersonate: createImpersonate(all),
      readUser: createReadUser(all),
      history: createHistory({ ...all, textOfReason: textOf }),
    }),
    ...jobHandlers(jobs, flows.startJob),
    ...settingsHandlers({
      tenants,
      keys: createKeyAdmin(all),
      applications: createApplicationAdmin(all),
      connections: createConnectionAdmin(all),
      usage: createUsage(all),
      domains: createDomains(all),
      issuerOf: (slug) => issuerOf(config.issuer, slug),
      hostedKeyOf: async (slug) => (await hostedTenants(slug))?.key ?? '',
    }),
    ...peopleHandlers({
      members: createMembers(all),
      invitations: createInvitations(all),
      createTenant: createCreateTenant(all),
      tenants,
    }),
  };
  const retention = { userJobs: config.retention.messageDays, invitations: 0 };
  const onError = (error: unknown) => log.warn({ err: error }, 'a job on users could not go on');
  const loop = createLoop(createJobRunner(jobDeps), restMs, new AbortController().signal, onError);
  return { handlers: { management: handlers }, jobs: [loop], retention } satisfies Feature;
}
