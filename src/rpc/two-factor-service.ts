import type { ServiceImpl } from '@connectrpc/connect';
import type { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import type { SecondFactorMethod } from '../domain/authenticator.ts';
import type { createEnrolment } from '../flows/authenticators/enrol.ts';
import type { createManageFactors } from '../flows/authenticators/manage.ts';
import type { createValidate } from '../flows/sign-in/second-factor.ts';
import { callerOf } from './context.ts';
import { toAccount, toMethods, toTokens } from './convert.ts';

export type TwoFactorFlows = {
  readonly enrolment: ReturnType<typeof createEnrolment>;
  readonly factors: ReturnType<typeof createManageFactors>;
  readonly validate: ReturnType<typeof createValidate>;
};

export function twoFactorHandlers(flows: TwoFactorFlows): ServiceImpl<typeof TwoFactorService> {
  const { enrolment, factors } = flows;

  async function validate(
    request: { code: string; recoveryCode: string },
    context: Parameters<typeof callerOf>[0],
    method: SecondFactorMethod,
  ) {
    const caller = callerOf(context);
    const { tokens, ...view } = await flows.validate(caller, method, request);
    const kind = view.email === undefined ? 'mobile' : 'email';
    return {
      tokens: toTokens(tokens),
      account: toAccount(view, kind, caller.tenant.policy),
      userId: view.user.id,
    };
  }

  return {
    async getTwoFactor(_, context) {
      const status = await factors.status(callerOf(context));
      const { maskedNumber, recoveryCodesLeft, required } = status;
      return {
        methods: toMethods(status.methods),
        maskedPhoneNumber: maskedNumber,
        recoveryCodesLeft,
        required,
      };
    },

    async sendTotpEmailVerification(request, context) {
      await enrolment.sendTotpProof(callerOf(context), request);
      return {};
    },

    async confirmTotpEmail(request, context) {
      await enrolment.confirmTotpProof(callerOf(context), request);
      return {};
    },

    async getTotpSetup(_, context) {
      return { started: await enrolment.getTotpSetup(callerOf(context)) };
    },

    async setupTotp(request, context) {
      const { secret, uri } = await enrolment.setupTotp(callerOf(context), request);
      return { secret, otpauthUri: uri };
    },

    async getTotpQr(_, context) {
      return { image: await enrolment.getTotpQr(callerOf(context)), contentType: 'image/png' };
    },

    async confirmTotp(request, context) {
      return { recoveryCodes: await enrolment.confirmTotp(callerOf(context), request) };
    },

    validateTotp: (request, context) => validate(request, context, 'totp'),

    async removeTotp(request, context) {
      await factors.removeTotp(callerOf(context), request);
      return {};
    },

    async sendSmsEmailVerification(request, context) {
      await enrolment.sendSmsProof(callerOf(context), request);
      return {};
    },

    async confirmSmsEmail(request, context) {
      await enrolment.confirmSmsProof(callerOf(context), request);
      return {};
    },

    async setupSms(request, context) {
      return { maskedPhoneNumber: await enrolment.setupSms(callerOf(context), request) };
    },

    async confirmSmsFactor(request, context) {
      return { recoveryCodes: await enrolment.confirmSms(callerOf(context), request) };
    },

    async sendSmsCode(_, context) {
      return { maskedPhoneNumber: await factors.sendSmsCode(callerOf(context)) };
    },

    validateSms: (request, context) => validate(request, context, 'sms'),

    async removeSms(request, context) {
      await factors.removeSms(callerOf(context), request);
      return {};
    },

    async regenerateRecoveryCodes(_, context) {
      return { recoveryCodes: await factors.regenerateRecoveryCodes(callerOf(context)) };
    },
  };
}
