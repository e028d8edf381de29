import {
  type MasterKeys,
  makeApplicationKey,
  makeSigningKey,
  openVault,
  resealDataKey,
  signingKeyPurpose,
} from '../adapters/keys.ts';
import { createOutgoingFetch } from '../adapters/outgoing-fetch.ts';
import { passwordHashTest } from '../adapters/password-hasher.ts';
import { isApplePrivateKey } from '../adapters/providers/apple.ts';
import { isUsableKey } from '../adapters/webauthn.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../domain/clock.ts';
import { dayMs } from '../domain/duration.ts';
import type { ReceiptSigner } from '../domain/erasure.ts';
import type { Check, Finding } from '../domain/finding.ts';
import type { HeadSigner } from '../domain/log-head.ts';
import type { Random } from '../domain/random.ts';
import type { Store } from '../domain/repositories.ts';
import { activeKey, applicationKeyAlgorithms, type KeyRepository } from '../domain/signing-key.ts';
import type { Vault } from '../domain/vault.ts';
import { gatewayChecks } from '../features/messages.ts';
import { examineWebhooks } from '../features/webhooks.ts';
import { createAuditLog } from '../flows/admin/audit-log.ts';
import { createBackupCheck } from '../flows/admin/backup.ts';
import { createDeployment } from '../flows/admin/deployment.ts';
import { createDiagnose } from '../flows/admin/diagnose.ts';
import { createEventLogAdmin } from '../flows/admin/event-log.ts';
import { examinePages } from '../flows/admin/examine-pages.ts';
import { createMessageAdmin } from '../flows/admin/messages.ts';
import { createOperatorKeys } from '../flows/admin/operator-keys.ts';
import { createTransfer } from '../flows/admin/transfer.ts';
import { createApplicationAdmin } from '../flows/manage/applications.ts';
import { createConnectionAdmin } from '../flows/manage/connections.ts';
import { createInvitations } from '../flows/manage/invitations.ts';
import { createKeyAdmin } from '../flows/manage/keys.ts';
import { createMembers } from '../flows/manage/members.ts';
import { createTenantAdmin } from '../flows/manage/tenants.ts';
import { createUserCare } from '../flows/manage/user-care.ts';
import { createUserAdmin } from '../flows/manage/users.ts';
import { examinePasskeySites } from '../flows/passkeys/examine-sites.ts';
import { createSubjects } from '../flows/provider/subject.ts';
import { type HostedPage, hostedPagePath, newTenantPath } from '../pages/hosted-pages.ts';
import { parseJson } from '../rest/json.ts';
import type { AdminFlows, InspectionFlows } from '../rpc/admin-service.ts';
import { textOf } from '../server/error-reasons.ts';
import type { DatabaseHandle } from '../store/database.ts';
import { inspectDatabase, inspectGrants } from '../store/health.ts';
import { createKeyRepository } from '../store/keys.ts';
import { listMigrations, migrate } from '../store/migrate.ts';
import { createTransports } from './transports.ts';

/** The parts of the operators' flows, in the service and on the command line. */
export type InspectionParts = {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly database: DatabaseHandle;
  readonly masterKeys: MasterKeys;
  readonly clock: Clock;
  readonly random: Random;
};

export type AdminParts = InspectionParts & {
  readonly store: Store;
  readonly vault: Vault;
  readonly signReceipt: ReceiptSigner;
  readonly signHead: HeadSigner;
  /** Where the hosted pages of a new tenant are; empty: no one knows, and they have to be named. */
  readonly pageOrigin: string;
};

/** How old a signing key gets (R13). */
const maxSigningKeyAgeMs = 90 * dayMs;

/** The flows that need the database and none of its keys; `more` are further checks. */
function createInspectionFlows(parts: InspectionParts, more: readonly Check[] = []): InspectionFlows {
  const { databaseUrl } = parts;
  const first: Check = { name: 'database', examine: () => examineDatabase(parts) };
  const checks: Check[] = [
    { name: 'configuration', examine: async () => examineConfiguration(parts.config) },
    ...databaseChecks(parts),
    ...gatewayChecks(parts.config, createTransports),
    ...more,
  ];
  return {
    migrations: {
      list: () => listMigrations(databaseUrl),
      apply: (stopped) => migrate(databaseUrl, { stopped }),
    },
    diagnose: createDiagnose(first, checks),
  };
}

/** The checks of any database of this service, restored ones included. */
function databaseChecks(parts: InspectionParts): Check[] {
  const { databaseUrl, database, clock } = parts;
  const keys = createKeyRepository(database.db);
  return [
    { name: 'database', examine: () => inspectDatabase(database, clock) },
    { name: 'database.grants', examine: () => inspectGrants(database) },
    { name: 'database.migrations', examine: () => examineMigrations(databaseUrl) },
    { name: 'keys.data', examine: () => examineDataKeys(parts, keys) },
    { name: 'keys.signing', examine: () => examineSigningKeys(keys, clock) },
  ];
}

/** The flows of the admin service. */
export function createAdminFlows(parts: AdminParts): AdminFlows {
  const { pageOrigin, store, vault, signReceipt, signHead, masterKeys, clock, random } = parts;
  const { next } = masterKeys;
  const deps = { store, vault, clock, random, subjectOf: createSubjects({ store, vault }) };
  const users = createUserAdmin({ ...deps, signReceipt });
  const hosted = (page: HostedPage) => (slug: string) => `${pageOrigin}${hostedPagePath(slug, page)}`;
  return {
    ...createInspectionFlows(parts, [
      { name: 'webhooks.failing', examine: () => examineWebhooks(store, clock()) },
      { name: 'events.log', examine: () => examineLog(store) },
      { name: 'tenants.pages', examine: () => examinePages(store, pageOrigin) },
      {
        name: 'passkeys.sites',
        examine: () =>
          examinePasskeySites({
            store,
            outgoingFetch: createOutgoingFetch({ allowed: parts.config.outgoingNetworks }),
            pageOrigin,
          }),
      },
    ]),
    tenants: createTenantAdmin({ ...deps, origin: pageOrigin }),
    connections: createConnectionAdmin({ ...deps, isApplePrivateKey, origin: pageOrigin }),
    applications: createApplicationAdmin({ ...deps, deployment: parts.config.issuer }),
    members: createMembers(deps),
    invitations: createInvitations({
      ...deps,
      // An operator sends as many as there are people to invite.
      limiter: { charge: async () => deps.clock() },
      chargeRecipient: async () => true,
      invitationPage: hosted('invitation'),
      newTenantPage: `${pageOrigin}${newTenantPath}`,
    }),
    keys: createKeyAdmin(deps),
    adminKeys: createOperatorKeys(deps),
    users,
    userCare: createUserCare({ ...deps, signReceipt }, users.find),
    transfer: createTransfer({
      ...deps,
      canVerify: passwordHashTest(parts.config.pepper),
      isUsableKey,
      parseJson,
      describe: ({ description, texts, reason }) => description ?? texts?.en ?? textOf(reason, 'en'),
    }),
    listAuditEvents: createAuditLog({ store }),
    eventLog: createEventLogAdmin({ store, signHead, clock, random }),
    checkBackup: createBackupCheck({
      store,
      checks: databaseChecks(parts),
      openSigningKey: (id, sealed) => vault.open(signingKeyPurpose, id, sealed),
      clock,
    }),
    messages: createMessageAdmin(deps),
    deployment: createDeployment({
      store,
      clock,
      random,
      makeSigningKey: (activatesAt) => makeSigningKey(vault, { clock, random }, activatesAt),
      makeApplicationKeys: (activatesAt) =>
        Promise.all(
          applicationKeyAlgorithms.map((algorithm) =>
            makeApplicationKey(vault, { clock, random }, algorithm, activatesAt),
          ),
        ),
      resealDataKey: next && ((row) => resealDataKey(masterKeys, next, row)),
    }),
  };
}

/** Rows of the log that no instance recorded: they get no position. */
async function examineLog({ eventLogs }: Pick<Store, 'eventLogs'>): Promise<Finding[]> {
  const check = 'events.log';
  const refused = await eventLogs.listRefused(maxRefused);
  if (refused.length === 0)
    return [{ check, state: 'ok', detail: 'all events are those of this service', fix: '' }];
  const named = refused.map(({ id }) => id).join(', ');
  const detail = `events that no instance recorded: ${named}`;
  return [
    {
      check,
      state: 'error',
      detail,
      fix: 'someone else writes to the database: find out who, and compare the log with a kept head',
    },
  ];
}

/** Events that a finding names. */
const maxRefused = 20;

async function examineDatabase({ database }: InspectionParts): Promise<Finding[]> {
  const check = 'database.connection';
  try {
    await database.query('SELECT 1');
    return [{ check, state: 'ok', detail: 'the database answers', fix: '' }];
  } catch {
    const fix = 'check DATABASE_URL, that the server runs, and that it can be reached from here';
    return [{ check, state: 'error', detail: 'the database does not answer', fix }];
  }
}

function examineConfiguration({ production, masterKey, hash }: Config): Finding[] {
  const check = 'configuration';
  if (production) return [{ check, state: 'ok', detail: 'fit for production', fix: '' }];
  const detail = `for development: ${masterKey === undefined ? 'the master key lies in the data folder' : 'the master key is set'}, hashes take ${hash.memoryKiB} KiB`;
  return [{ check, state: 'warning', detail, fix: 'start with --production where people depend on it' }];
}

async function examineMigrations(databaseUrl: string): Promise<Finding[]> {
  const check = 'database.migrations';
  const pending = (await listMigrations(databaseUrl)).filter(({ appliedAt }) => appliedAt === undefined);
  if (pending.length === 0) return [{ check, state: 'ok', detail: 'all are applied', fix: '' }];
  const detail = `${pending.length} not applied: ${pending.map(({ name }) => name).join(', ')}`;
  return [{ check, state: 'error', detail, fix: 'manam migrate up' }];
}

async function examineDataKeys({ masterKeys, clock, random }: InspectionParts, keys: KeyRepository) {
  const check = 'keys.data';
  const rows = await keys.listDataKeys();
  if (rows.length === 0) {
    return [{ check, state: 'ok', detail: 'none yet; the first start makes one', fix: '' } satisfies Finding];
  }
  try {
    await openVault({ keys, masterKeys, clock, random });
    return [
      { check, state: 'ok', detail: `the master key opens all ${rows.length}`, fix: '' } satisfies Finding,
    ];
  } catch {
    const detail = 'the master key does not open the data keys of this database';
    const fix = 'set MANAM_MASTER_KEY to the key that they were sealed with';
    return [{ check, state: 'error', detail, fix } satisfies Finding];
  }
}

async function examineSigningKeys(keys: KeyRepository, clock: Clock): Promise<Finding[]> {
  const check = 'keys.signing';
  const now = clock();
  const active = activeKey(await keys.listSigningKeys(), now);
  if (active === undefined) {
    return [{ check, state: 'warning', detail: 'none signs yet', fix: 'the first start makes one' }];
  }
  const since = new Date(Math.max(active.activatesAt.getTime(), active.createdAt.getTime()));
  const detail = `the active one signs since ${since.toISOString()}`;
  return now.getTime() - since.getTime() > maxSigningKeyAgeMs
    ? [{ check, state: 'warning', detail, fix: 'manam signing-key rotate' }]
    : [{ check, state: 'ok', detail, fix: '' }];
}
