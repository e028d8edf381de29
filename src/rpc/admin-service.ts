import type { JsonObject } from '@bufbuild/protobuf';
import { type Duration, durationMs, timestampDate } from '@bufbuild/protobuf/wkt';
import type { ConnectRouter, HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { AdminService } from '../../gen/manam/admin/v1/admin_service_pb.js';
import type { Migrations } from '../domain/migration.ts';
import type { createAuditLog } from '../flows/admin/audit-log.ts';
import type { createBackupCheck } from '../flows/admin/backup.ts';
import type { createDeployment } from '../flows/admin/deployment.ts';
import type { Diagnose } from '../flows/admin/diagnose.ts';
import type { createEventLogAdmin } from '../flows/admin/event-log.ts';
import type { createMessageAdmin } from '../flows/admin/messages.ts';
import type { createOperatorKeys } from '../flows/admin/operator-keys.ts';
import type { createTransfer } from '../flows/admin/transfer.ts';
import type { createApplicationAdmin } from '../flows/manage/applications.ts';
import type { createConnectionAdmin } from '../flows/manage/connections.ts';
import type { Invitations } from '../flows/manage/invitations.ts';
import type { createKeyAdmin } from '../flows/manage/keys.ts';
import type { Members } from '../flows/manage/members.ts';
import type { createTenantAdmin } from '../flows/manage/tenants.ts';
import type { createUserCare } from '../flows/manage/user-care.ts';
import type { createUserAdmin } from '../flows/manage/users.ts';
import { applicationHandlers } from './admin-applications.ts';
import {
  fromKeyKind,
  fromMessageState,
  toAdminKey,
  toAuditEvent,
  toConnection,
  toFinding,
  toImportResult,
  toKey,
  toMigration,
  toOperatorTenant,
  toOperatorUser,
  toOutboxMessage,
  toSigningKey,
  toUserSession,
} from './admin-convert.ts';
import { memberHandlers } from './admin-members.ts';
import { operatorOf } from './context.ts';

/** Flows that need the database and none of its keys. */
export type InspectionFlows = { readonly migrations: Migrations; readonly diagnose: Diagnose };

export type AdminFlows = InspectionFlows & {
  readonly tenants: ReturnType<typeof createTenantAdmin>;
  readonly connections: ReturnType<typeof createConnectionAdmin>;
  readonly applications: ReturnType<typeof createApplicationAdmin>;
  readonly members: Members;
  readonly invitations: Pick<Invitations, 'inviteDeveloper'>;
  readonly keys: ReturnType<typeof createKeyAdmin>;
  readonly adminKeys: ReturnType<typeof createOperatorKeys>;
  readonly users: ReturnType<typeof createUserAdmin>;
  readonly userCare: ReturnType<typeof createUserCare>;
  readonly deployment: ReturnType<typeof createDeployment>;
  readonly messages: ReturnType<typeof createMessageAdmin>;
  readonly transfer: ReturnType<typeof createTransfer>;
  readonly listAuditEvents: ReturnType<typeof createAuditLog>;
  readonly eventLog: ReturnType<typeof createEventLogAdmin>;
  readonly checkBackup: ReturnType<typeof createBackupCheck>;
};

/** Registers the admin service. */
export function registerAdmin(router: ConnectRouter, flows: AdminFlows): void {
  const handlers: ServiceImpl<typeof AdminService> = {
    ...inspectionHandlers(flows),
    ...tenantHandlers(flows),
    ...connectionHandlers(flows),
    ...applicationHandlers(flows),
    ...memberHandlers(flows),
    ...keyHandlers(flows),
    ...userHandlers(flows),
    ...deploymentHandlers(flows),
    ...messageHandlers(flows),
    ...transferHandlers(flows),
    ...recordHandlers(flows),
  };
  router.service(AdminService, handlers);
}

type Handlers = Partial<ServiceImpl<typeof AdminService>>;

function millisecondsOf(duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : durationMs(duration);
}

function inspectionHandlers({ migrations, diagnose }: InspectionFlows) {
  const list = async () => ({ migrations: (await migrations.list()).map(toMigration) });
  return {
    listMigrations: list,
    async applyMigrations({ stopped }) {
      await migrations.apply(stopped);
      return await list();
    },
    async diagnose() {
      return { findings: (await diagnose()).map(toFinding) };
    },
  } satisfies Handlers;
}

function tenantHandlers({ tenants }: AdminFlows) {
  return {
    async createTenant(request, context) {
      return {
        tenant: toOperatorTenant(await tenants.create(operatorOf(context), { policy: {}, ...request })),
      };
    },
    async listTenants(request) {
      const { tenants: page, nextPageToken } = await tenants.list(request);
      return { tenants: page.map(toOperatorTenant), nextPageToken };
    },
    async getTenant(request) {
      return { tenant: toOperatorTenant(await tenants.get(request.tenant)) };
    },
    async updateTenant({ tenant, name, policy, confined }, context) {
      return {
        tenant: toOperatorTenant(
          await tenants.update(operatorOf(context), { tenant, name, policy, confined }),
        ),
      };
    },
    async setTenantSecret(request, context) {
      await tenants.setSecret(operatorOf(context), request);
      return {};
    },
    async suspendTenant(request, context) {
      return { tenant: toOperatorTenant(await tenants.suspend(operatorOf(context), request.tenant)) };
    },
    async resumeTenant(request, context) {
      return { tenant: toOperatorTenant(await tenants.resume(operatorOf(context), request.tenant)) };
    },
    deleteTenant: (request, context) => tenants.delete(operatorOf(context), request.tenant),
  } satisfies Handlers;
}

function connectionHandlers({ connections }: AdminFlows) {
  return {
    async listConnections({ tenant }) {
      return { connections: (await connections.list(tenant)).map(toConnection) };
    },
    async setConnection({ tenant, name, settings }, context) {
      const changed = await connections.set(operatorOf(context), { tenant, name, settings });
      return { connection: toConnection(changed) };
    },
    async setConnectionSecret(request, context) {
      await connections.setSecret(operatorOf(context), request);
      return {};
    },
    async deleteConnection(request, context) {
      await connections.delete(operatorOf(context), request);
      return {};
    },
  } satisfies Handlers;
}

function keyHandlers({ keys, adminKeys }: AdminFlows) {
  return {
    async createKey({ tenant, kind, name, scopes, origins, clientId, networks, expireTime }, context) {
      const { key, text } = await keys.create(operatorOf(context), {
        tenant,
        kind: fromKeyKind(kind),
        name,
        scopes,
        limits: { origins, clientId, networks },
        expiresAt: expireTime && timestampDate(expireTime),
      });
      return { key: toKey(key), text };
    },
    async listKeys(request) {
      return { keys: (await keys.list(request.tenant)).map(toKey) };
    },
    async rotateKey({ tenant, keyId, overlap }, context) {
      const command = { tenant, keyId, overlapMs: millisecondsOf(overlap) };
      const { key, text } = await keys.rotate(operatorOf(context), command);
      return { key: toKey(key), text };
    },
    async revokeKey(request, context) {
      await keys.revoke(operatorOf(context), request);
      return {};
    },
    async createAdminKey(request, context) {
      const { key, text } = await adminKeys.create(operatorOf(context), request);
      return { adminKey: toAdminKey(key), text };
    },
    async listAdminKeys() {
      return { adminKeys: (await adminKeys.list()).map(toAdminKey) };
    },
    async revokeAdminKey(request, context) {
      await adminKeys.revoke(operatorOf(context), request.keyId);
      return {};
    },
  } satisfies Handlers;
}

function userHandlers({ users, userCare }: AdminFlows) {
  const changing =
    (change: typeof users.confirm) =>
    async (request: { tenant: string; user: string }, context: HandlerContext) => ({
      user: toOperatorUser(await change(operatorOf(context), request)),
    });
  return {
    async getUser(request) {
      return { user: toOperatorUser(await users.get(request)) };
    },
    async searchUsers(request) {
      const { users: page, nextPageToken } = await users.search(request);
      return { users: page.map(toOperatorUser), nextPageToken };
    },
    async createUser(request, context) {
      return { user: toOperatorUser(await userCare.create(operatorOf(context), request)) };
    },
    async listUserSessions(request) {
      return { sessions: (await userCare.listSessions(request)).map(toUserSession) };
    },
    async endUserSessions(request, context) {
      return { ended: await userCare.endSessions(operatorOf(context), request) };
    },
    getUserFactors: (request) => userCare.authenticatorsOf(request),
    async resetUserFactors(request, context) {
      return { user: toOperatorUser(await userCare.resetAuthenticators(operatorOf(context), request)) };
    },
    confirmUser: changing(users.confirm),
    disableUser: changing(users.disable),
    enableUser: changing(users.enable),
    async deleteUser(request, context) {
      return { receipt: await users.delete(operatorOf(context), request) };
    },
    async setUserRoles(request, context) {
      return { user: toOperatorUser(await users.setRoles(operatorOf(context), request, request.roles)) };
    },
  } satisfies Handlers;
}

function deploymentHandlers({ deployment }: AdminFlows) {
  return {
    async listSigningKeys() {
      return { signingKeys: (await deployment.listSigningKeys()).map(toSigningKey) };
    },
    async rotateSigningKey({ leadTime, revokeOthers }, context) {
      const command = { leadMs: millisecondsOf(leadTime), revokeOthers };
      return { signingKey: toSigningKey(await deployment.rotateSigningKey(operatorOf(context), command)) };
    },
    async rotateMasterKey(_, context) {
      return { dataKeys: await deployment.rotateMasterKey(operatorOf(context)) };
    },
  } satisfies Handlers;
}

function messageHandlers({ messages }: AdminFlows) {
  return {
    async listMessages({ state, ...request }) {
      const { messages: page, nextPageToken } = await messages.list({
        ...request,
        status: fromMessageState(state),
      });
      return { messages: page.map(toOutboxMessage), nextPageToken };
    },
    async retryMessage({ messageId }, context) {
      return { message: toOutboxMessage(await messages.retry(operatorOf(context), messageId)) };
    },
    async dropMessage({ messageId }, context) {
      return { message: toOutboxMessage(await messages.drop(operatorOf(context), messageId)) };
    },
    async previewTemplate(request) {
      const { message, overridden } = await messages.preview(request);
      const { channel, locale, subject, text, html } = message;
      return { channel, locale, subject, text, html, overridden };
    },
    listTemplates: () => messages.listTemplates(),
  } satisfies Handlers;
}

function transferHandlers({ transfer, users }: AdminFlows) {
  return {
    async importUsers(request, context) {
      const results = await transfer.importUsers(operatorOf(context), request);
      return { results: results.map(toImportResult) };
    },
    exportUsers: (request, context) => transfer.exportUsers(operatorOf(context), request),
    async exportUser(request, context) {
      const { tenant, view } = await users.find(request);
      return { document: (await transfer.exportUser(operatorOf(context), tenant, view)) as JsonObject };
    },
  } satisfies Handlers;
}

/** Records of the deployment: its events, and the check of a restored backup. */
function recordHandlers({ listAuditEvents, eventLog, checkBackup }: AdminFlows) {
  return {
    async listAuditEvents(request) {
      const { action: type, afterPosition: after, ...query } = request;
      const afterPosition = after === undefined ? undefined : Number(after);
      const { events, position } = await listAuditEvents({ ...query, type, afterPosition });
      return { events: events.map(toAuditEvent), position: BigInt(position) };
    },
    async exportEventLog({ tenant, after, limit }) {
      const { header, lines, head } = await eventLog.exportLog(tenant, Number(after), limit);
      return {
        header: JSON.stringify(header),
        lines: lines.map((line) => JSON.stringify(line)),
        head,
        size: BigInt(header.logs.at(-1)?.size ?? 0),
      };
    },
    async restartEventLogs({ tenant }, context) {
      return { logs: await eventLog.restartLogs(operatorOf(context), tenant) };
    },
    async checkBackup() {
      return { findings: (await checkBackup()).map(toFinding) };
    },
  } satisfies Handlers;
}
