import type { ServiceImpl } from '@connectrpc/connect';
import type { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import type { createConfirmEmail } from '../flows/auth/confirm-email.ts';
import type { createLogin } from '../flows/auth/login.ts';
import type { createRegister } from '../flows/auth/register.ts';
import type { createSendConfirmEmail } from '../flows/auth/send-confirm-email.ts';
import { callerOf } from './context.ts';
import { fromValue, identifierKind, identifierType, toAccount, toTokens, toValue } from './convert.ts';

export type AuthFlows = {
  readonly register: ReturnType<typeof createRegister>;
  readonly confirmEmail: ReturnType<typeof createConfirmEmail>;
  readonly sendConfirmEmail: ReturnType<typeof createSendConfirmEmail>;
  readonly login: ReturnType<typeof createLogin>;
};

export function authHandlers(flows: AuthFlows): Partial<ServiceImpl<typeof AuthService>> {
  return {
    async register(request, context) {
      const { $typeName: _, password: __, confirmPassword: ___, ...echo } = request;
      const type = identifierKind(request);
      const customFields = fromValue(request.customFields);
      await flows.register(callerOf(context), { ...request, type, customFields });
      const account = { ...echo, type: identifierType(type), customFields: toValue(customFields ?? []) };
      return { account, tokens: toTokens(undefined) };
    },

    async confirmEmail(request, context) {
      await flows.confirmEmail(callerOf(context), { token: request.cnf });
      return {};
    },

    async sendConfirmEmail(request, context) {
      await flows.sendConfirmEmail(callerOf(context), request);
      return {};
    },

    async login(request, context) {
      const caller = callerOf(context);
      const type = identifierKind(request);
      const { tokens, ...view } = await flows.login(caller, { ...request, type });
      const account = toAccount(view, type, caller.tenant.policy);
      return { tokens: toTokens(tokens), account, userId: view.user.id, location: '/' };
    },
  };
}
