import type { JsonObject } from '@bufbuild/protobuf';
import { durationMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { AdminService } from '../../gen/manam/admin/v1/admin_service_pb.js';
import type { createApplicationAdmin, ManagedApplication } from '../flows/manage/applications.ts';
import { operatorOf } from './context.ts';

/** An application, in the form that operators and tenants see alike. */
export function toApplication(application: ManagedApplication) {
  const { clientId, settings, secrets, issuer, createdAt, updatedAt } = application;
  return {
    clientId,
    settings: settings as unknown as JsonObject,
    secrets,
    issuer,
    createTime: timestampFromDate(createdAt),
    updateTime: timestampFromDate(updatedAt),
  };
}

/** The calls of the admin service about applications. */
export function applicationHandlers({
  applications,
}: {
  readonly applications: ReturnType<typeof createApplicationAdmin>;
}) {
  return {
    async listApplications({ tenant }) {
      return { applications: (await applications.list(tenant)).map(toApplication) };
    },
    async createApplication(request, context) {
      const { application, secret } = await applications.create(operatorOf(context), request);
      return { application: toApplication(application), clientSecret: secret };
    },
    async updateApplication(request, context) {
      return { application: toApplication(await applications.update(operatorOf(context), request)) };
    },
    async deleteApplication(request, context) {
      await applications.delete(operatorOf(context), request);
      return {};
    },
    async rotateApplicationSecret({ overlap, ...request }, context) {
      const overlapMs = overlap === undefined ? undefined : durationMs(overlap);
      return {
        clientSecret: await applications.rotateSecret(operatorOf(context), { ...request, overlapMs }),
      };
    },
  } satisfies Partial<ServiceImpl<typeof AdminService>>;
}
