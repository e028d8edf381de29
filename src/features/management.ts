import { createStartChange } from '../flows/accounts/change-identifier.ts';
import { createEditUser } from '../flows/accounts/edit-user.ts';
import { createReadUser } from '../flows/accounts/view-user.ts';
import { createTenantAdmin } from '../flows/admin/tenants.ts';
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
import { createUsage } from '../flows/manage/usage.ts';
import { createUserCare } from '../flows/manage/user-care.ts';
import { createUserAdmin } from '../flows/manage/users.ts';
import { peopleHandlers } from '../rpc/management-people.ts';
import { settingsHandlers } from '../rpc/management-settings.ts';
import { managedUserHandlers } from '../rpc/management-users.ts';
import { textOf } from '../server/error-reasons.ts';
import type { FeatureDeps } from './deps.ts';
import type { Feature } from './feature.ts';

/** What a tenant does by itself: its users, its settings, and the people who run it. */
export function management({ adapters, core, config, limiter }: FeatureDeps) {
  const { store } = adapters;
  const origin = new URL(config.issuer).origin;
  const { developerSignUp } = config;
  const all = { ...adapters, ...core, origin, limiter, developerSignUp };
  const users = createUserAdmin(all);
  const userCare = createUserCare(all, users.find);
  const flows = core.idempotent({
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
    ...settingsHandlers({
      tenants: createTenantAdmin(all),
      keys: createKeyAdmin(all),
      applications: createApplicationAdmin(all),
      connections: createConnectionAdmin(all),
      usage: createUsage(all),
      domains: createDomains(all),
    }),
    ...peopleHandlers({
      members: createMembers(all),
      invitations: createInvitations(all),
      createTenant: createCreateTenant(all),
    }),
  };
  return { handlers: { management: handlers } } satisfies Feature;
}
