import type { ServiceImpl } from '@connectrpc/connect';
import type { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { googleProvider } from '../domain/google.ts';
import type { Confirmed, createConfirmEmail, createConfirmSms } from '../flows/accounts/confirm.ts';
import type { createManamUser } from '../flows/accounts/manam-user.ts';
import type { createRegister } from '../flows/accounts/register.ts';
import type { createSendConfirmation } from '../flows/accounts/send-confirmation.ts';
import type { ProviderLinks } from '../flows/federation/links.ts';
import type { ManamLogin } from '../flows/federation/manam.ts';
import type { ProviderLogin } from '../flows/federation/provider-login.ts';
import type { createIntrospectToken } from '../flows/sessions/introspect-token.ts';
import type { createManageSessions } from '../flows/sessions/manage-sessions.ts';
import type { createReauthenticate } from '../flows/sessions/reauthenticate.ts';
import type { createRefreshToken } from '../flows/sessions/refresh-token.ts';
import type { createStepUpCode } from '../flows/sessions/step-up-code.ts';
import type { createFinishCodeSignIn } from '../flows/sign-in/code-finish.ts';
import type { createStartCodeSignIn } from '../flows/sign-in/code-start.ts';
import type { createRedeemLoginCode } from '../flows/sign-in/login-code.ts';
import type { createPasswordSignIn } from '../flows/sign-in/password.ts';
import { callerOf } from './context.ts';
import {
  fromValue,
  identifierKind,
  identifierType,
  toIntrospection,
  toManamUser,
  toSession,
  toSignIn,
  toTokens,
  toValue,
  userIdOf,
} from './convert.ts';

/** The provider of the calls that are Google's own. */
const google = { provider: googleProvider };

export type AuthFlows = {
  readonly register: ReturnType<typeof createRegister>;
  readonly confirmEmail: ReturnType<typeof createConfirmEmail>;
  readonly confirmSms: ReturnType<typeof createConfirmSms>;
  readonly sendConfirmation: ReturnType<typeof createSendConfirmation>;
  readonly login: ReturnType<typeof createPasswordSignIn>;
  readonly refreshToken: ReturnType<typeof createRefreshToken>;
  readonly reauthenticate: ReturnType<typeof createReauthenticate>;
  readonly sessions: ReturnType<typeof createManageSessions>;
  readonly introspectToken: ReturnType<typeof createIntrospectToken>;
  readonly manamUser: ReturnType<typeof createManamUser>;
  readonly providerLogin: ProviderLogin;
  readonly providerLinks: ProviderLinks;
  readonly manamLogin: ManamLogin;
  readonly sendStepUpCode: ReturnType<typeof createStepUpCode>;
  readonly startCodeSignIn: ReturnType<typeof createStartCodeSignIn>;
  readonly finishCodeSignIn: ReturnType<typeof createFinishCodeSignIn>;
  readonly redeemLoginCode: ReturnType<typeof createRedeemLoginCode>;
};

export function authHandlers(flows: AuthFlows): ServiceImpl<typeof AuthService> {
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
      return toConfirmed(await flows.confirmEmail(callerOf(context), { token: request.cnf }));
    },

    async sendConfirmEmail(request, context) {
      await flows.sendConfirmation(callerOf(context), {
        ...request,
        type: 'email',
        mobile: '',
        mobileSeed: '',
      });
      return {};
    },

    async confirmSms(request, context) {
      return toConfirmed(await flows.confirmSms(callerOf(context), { token: request.cnf }));
    },

    async sendConfirmSms(request, context) {
      await flows.sendConfirmation(callerOf(context), {
        ...request,
        type: 'mobile',
        email: '',
        senderEmail: '',
      });
      return {};
    },

    async login(request, context) {
      const caller = callerOf(context);
      const type = identifierKind(request);
      const result = await flows.login(caller, { ...request, type });
      return { ...toSignIn(result, caller, type), userId: userIdOf(result) };
    },

    async startCodeSignIn(request, context) {
      const command = { ...request, type: identifierKind(request) };
      return { handle: await flows.startCodeSignIn(callerOf(context), command) };
    },

    async finishCodeSignIn(request, context) {
      const caller = callerOf(context);
      const { isNew, ...result } = await flows.finishCodeSignIn(caller, request);
      return { ...toSignIn(result, caller), userId: userIdOf(result), isNew };
    },

    async refreshToken(request, context) {
      return { tokens: toTokens(await flows.refreshToken(callerOf(context), request)) };
    },

    async reauthenticate(request, context) {
      return { tokens: toTokens(await flows.reauthenticate(callerOf(context), request)) };
    },

    async sendStepUpCode(_, context) {
      await flows.sendStepUpCode(callerOf(context));
      return {};
    },

    async logout(_, context) {
      await flows.sessions.logout(callerOf(context));
      return {};
    },

    async listSessions(_, context) {
      const caller = callerOf(context);
      const sessions = await flows.sessions.list(caller);
      return { sessions: sessions.map((session) => toSession(caller, session)) };
    },

    async revokeSession(request, context) {
      await flows.sessions.revoke(callerOf(context), request);
      return {};
    },

    async revokeOtherSessions(_, context) {
      return { revoked: await flows.sessions.revokeOthers(callerOf(context)) };
    },

    async introspectToken(request, context) {
      return toIntrospection(await flows.introspectToken(callerOf(context), request));
    },

    async startGoogleLogin(request, context) {
      const caller = callerOf(context);
      if (request.native) return { nonce: await flows.providerLogin.startNative(caller, google) };
      return { authorizationUrl: await flows.providerLogin.start(caller, { ...request, ...google }) };
    },

    async loginWithGoogleToken(request, context) {
      const caller = callerOf(context);
      return toSignIn(await flows.providerLogin.loginWithToken(caller, { ...request, ...google }), caller);
    },

    async startGoogleLink(request, context) {
      return {
        authorizationUrl: await flows.providerLogin.startLink(callerOf(context), { ...request, ...google }),
      };
    },

    async finishGoogleLink(request, context) {
      await flows.providerLinks.finish(callerOf(context), { ...request, ...google });
      return {};
    },

    async unlinkGoogle(_, context) {
      await flows.providerLinks.unlink(callerOf(context), google);
      return {};
    },

    async redeemLoginCode(request, context) {
      const caller = callerOf(context);
      return toSignIn(await flows.redeemLoginCode(caller, request), caller);
    },

    async startManamLogin(request, context) {
      return { authorizationUrl: await flows.manamLogin.start(callerOf(context), request) };
    },

    getManamLogin: (request, context) => flows.manamLogin.describe(callerOf(context), request),

    async approveManamLogin(request, context) {
      return { redirectUrl: await flows.manamLogin.approve(callerOf(context), request) };
    },

    async loginWithManam(_, context) {
      const caller = callerOf(context);
      return { info: toManamUser(await flows.manamUser.loginWithManam(caller), caller.tenant.policy) };
    },
  };
}

/** A confirmation as it always was, but for an account that lacks a password. */
function toConfirmed({ passwordRequired }: Confirmed): { passwordRequired?: boolean } {
  return passwordRequired ? { passwordRequired } : {};
}
