import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import type { UserJobSchema } from '../../gen/manam/v1/management_users_pb.js';
import type { JobAction, UserJob } from '../domain/user-job.ts';
import type { createUserJobs } from '../flows/manage/user-jobs.ts';
import { callerOf } from './context.ts';
import { toTimes } from './management-users.ts';

function toJob(job: UserJob): MessageInitShape<typeof UserJobSchema> {
  const { id: jobId, action, state, done, failed, createdAt, endedAt } = job;
  const times = {
    createTime: timestampFromDate(createdAt),
    ...(endedAt && { endTime: timestampFromDate(endedAt) }),
  };
  return { jobId, action, state, done, failed, ...times };
}

/** The calls of the management service about actions on many users. */
export function jobHandlers(
  jobs: ReturnType<typeof createUserJobs>,
  startJob: ReturnType<typeof createUserJobs>['start'],
) {
  return {
    async startUserJob(request, context) {
      const caller = callerOf(context);
      const { action, userIds, roles, all } = request;
      const query = { ...request, ...toTimes(request) };
      const command = { action: action as JobAction, userIds, roles, all, query };
      const { id } = await startJob(caller, command);
      return { job: toJob(await jobs.find(caller, id)) };
    },
    async getUserJob({ jobId }, context) {
      return { job: toJob(await jobs.find(callerOf(context), jobId)) };
    },
    async listUserJobs(_, context) {
      return { jobs: (await jobs.list(callerOf(context))).map(toJob) };
    },
    async cancelUserJob({ jobId }, context) {
      return { job: toJob(await jobs.cancel(callerOf(context), jobId)) };
    },
  } satisfies Partial<ServiceImpl<typeof ManagementService>>;
}
