import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { invalid } from '../domain/errors.ts';
import { mapProfile } from '../domain/profile.ts';
import type { createChangeIdentifier } from '../flows/accounts/change-identifier.ts';
import type { createDeleteAccount } from '../flows/accounts/delete-account.ts';
import type { createEditUser } from '../flows/accounts/edit-user.ts';
import type { createManamUser } from '../flows/accounts/manam-user.ts';
import type { createRemoveIdentifier } from '../flows/accounts/remove-identifier.ts';
import type { createTerms } from '../flows/accounts/terms.ts';
import type { createReadUser, createViewUser } from '../flows/accounts/view-user.ts';
import { callerOf } from './context.ts';
import { fromValue, toManamUser, toProfile } from './convert.ts';

export type ProfileFlows = {
  readonly viewUser: ReturnType<typeof createViewUser>;
  readonly readUser: ReturnType<typeof createReadUser>;
  readonly editUser: ReturnType<typeof createEditUser>;
  readonly changeIdentifier: ReturnType<typeof createChangeIdentifier>;
  readonly removeIdentifier: ReturnType<typeof createRemoveIdentifier>;
  readonly deleteAccount: ReturnType<typeof createDeleteAccount>;
  readonly terms: ReturnType<typeof createTerms>;
  readonly manamUser: ReturnType<typeof createManamUser>;
};

export function profileHandlers(flows: ProfileFlows): ServiceImpl<typeof ProfileService> {
  return {
    async viewUser(request, context) {
      const caller = callerOf(context);
      return { user: toProfile(await flows.viewUser(caller, request), caller.tenant.policy) };
    },

    async editUser(request, context) {
      const caller = callerOf(context);
      const customFields = fromValue(request.customFields);
      const { userId } = await flows.editUser(caller, { ...optional, ...request, customFields });
      const view = await flows.readUser(caller, userId);
      const { firstName, lastName } = view.user.profile;
      return { user: toProfile(view, caller.tenant.policy), name: `${firstName} ${lastName}`.trim() };
    },

    async startEmailChange(request, context) {
      await flows.changeIdentifier.startEmailChange(callerOf(context), request);
      return {};
    },

    async confirmEmailChange(request, context) {
      await flows.changeIdentifier.confirmEmailChange(callerOf(context), request);
      return {};
    },

    async startMobileChange(request, context) {
      await flows.changeIdentifier.startMobileChange(callerOf(context), request);
      return {};
    },

    async confirmMobileChange(request, context) {
      await flows.changeIdentifier.confirmMobileChange(callerOf(context), request);
      return {};
    },

    async removeIdentifier({ type }, context) {
      if (type === IdentifierType.UNSPECIFIED) throw invalid({ field: 'type', reason: 'FIELD_REQUIRED' });
      const kind = type === IdentifierType.EMAIL ? 'email' : 'mobile';
      await flows.removeIdentifier(callerOf(context), { kind });
      return {};
    },

    async getTerms(_, context) {
      const { acceptedAt, ...terms } = await flows.terms.read(callerOf(context));
      return { ...terms, ...(acceptedAt && { acceptTime: timestampFromDate(acceptedAt) }) };
    },

    async acceptTerms(request, context) {
      await flows.terms.accept(callerOf(context), request);
      return {};
    },

    async deleteAccount(_, context) {
      return { receipt: await flows.deleteAccount(callerOf(context)) };
    },

    async getManamUserInfo(request, context) {
      const caller = callerOf(context);
      return {
        info: toManamUser(await flows.manamUser.getManamUserInfo(caller, request), caller.tenant.policy),
      };
    },
  };
}

/** The fields that a message lacks where they were not sent. */
const optional = {
  ...mapProfile((): string | undefined => undefined),
  birthday: undefined,
  locale: undefined,
  role: undefined,
};
