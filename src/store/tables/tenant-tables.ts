import { getTableColumns } from 'drizzle-orm';
import type { MySqlColumn, MySqlTable } from 'drizzle-orm/mysql-core';
import * as applications from './applications.ts';
import * as authenticators from './authenticators.ts';
import * as challenges from './challenges.ts';
import * as devices from './devices.ts';
import * as events from './events.ts';
import * as federation from './federation.ts';
import * as limits from './limits.ts';
import * as members from './members.ts';
import * as messages from './messages.ts';
import * as sessions from './sessions.ts';
import { domains, tenantSecrets } from './tenants.ts';
import { credentials, identifiers } from './users.ts';
import * as webhooks from './webhooks.ts';

type TenantTable = MySqlTable & { readonly tenantId: MySqlColumn };

const tables: readonly MySqlTable[] = [
  applications,
  authenticators,
  challenges,
  devices,
  events,
  federation,
  limits,
  members,
  messages,
  sessions,
  webhooks,
].flatMap((module) => Object.values(module));

/**
 * Every table whose rows belong to a tenant, for its deletion: all with a column `tenant_id`, so that a
 * new table cannot be forgotten. Users come first and apart; the tenant's keys and its own row last.
 */
export const tenantTables: readonly TenantTable[] = [
  ...tables.filter((table): table is TenantTable => 'tenantId' in getTableColumns(table)),
  identifiers,
  credentials,
  tenantSecrets,
  domains,
];
