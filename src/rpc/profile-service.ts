import type { ServiceImpl } from '@connectrpc/connect';
import type { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import type { createViewUser } from '../flows/profile/view-user.ts';
import { callerOf } from './context.ts';
import { toProfile } from './convert.ts';

export type ProfileFlows = { readonly viewUser: ReturnType<typeof createViewUser> };

export function profileHandlers(flows: ProfileFlows): Partial<ServiceImpl<typeof ProfileService>> {
  return {
    async viewUser(request, context) {
      const caller = callerOf(context);
      return { user: toProfile(await flows.viewUser(caller, request), caller.tenant.policy) };
    },
  };
}
