import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import type { UserJobSchema } from '../../gen/manam/v1/management_users_pb.js';
import type { JobAction, UserJob } from '../domain/user-job.ts';
import type { createUserJobs } from '../flows/manage/user-jobs.ts';
import { callerOf } from './context.ts';

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
    async startUserJob({ action, userIds, roles, all, createdFrom, createdUntil, ...query }, context) {
      const caller = callerOf(context);
      const times = {
        createdFrom: createdFrom && timestampDate(createdFrom),
        createdUntil: createdUntil && timestampDate(createdUntil),
      };
      const command = { action: action as JobAction, userIds, roles, all, query: { ...query, ...times } };
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
