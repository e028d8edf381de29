import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import type { CodeKind } from '../domain/authenticator.ts';
import type { createManageAuthenticators } from '../flows/authenticators/manage.ts';
import type { createSetup } from '../flows/authenticators/setup.ts';
import type { createSecondFactor } from '../flows/sign-in/second-factor.ts';
import type { createTrustedDevices } from '../flows/sign-in/trusted-devices.ts';
import { callerOf } from './context.ts';
import { toMethods, toSecondStep, toTrustedDevice } from './convert.ts';

export type TwoFactorFlows = {
  readonly setup: ReturnType<typeof createSetup>;
  readonly authenticators: ReturnType<typeof createManageAuthenticators>;
  readonly validate: ReturnType<typeof createSecondFactor>;
  readonly devices: ReturnType<typeof createTrustedDevices>;
};

export function twoFactorHandlers(flows: TwoFactorFlows): ServiceImpl<typeof TwoFactorService> {
  const { setup, authenticators, devices } = flows;

  async function validate(
    request: { code: string; recoveryCode: string; rememberDevice: boolean },
    context: Parameters<typeof callerOf>[0],
    kind: CodeKind,
  ) {
    const caller = callerOf(context);
    return toSecondStep(await flows.validate(caller, { ...request, kind }), caller.tenant.policy);
  }

  return {
    async getTwoFactor(_, context) {
      const status = await authenticators.status(callerOf(context));
      const { maskedNumber, recoveryCodesLeft, required, hasPassword, resetReadyAt, undoReadyAt } = status;
      return {
        methods: toMethods(status.methods),
        maskedPhoneNumber: maskedNumber,
        recoveryCodesLeft,
        required,
        hasPassword,
        ...(resetReadyAt && { factorResetTime: timestampFromDate(resetReadyAt) }),
        ...(undoReadyAt && { undoTime: timestampFromDate(undoReadyAt) }),
      };
    },

    async sendTotpEmailVerification(request, context) {
      await setup.sendTotpProof(callerOf(context), request);
      return {};
    },

    async confirmTotpEmail(request, context) {
      await setup.confirmTotpProof(callerOf(context), request);
      return {};
    },

    async getTotpSetup(_, context) {
      return { started: await setup.getTotpSetup(callerOf(context)) };
    },

    async setupTotp(request, context) {
      const { secret, uri } = await setup.setupTotp(callerOf(context), request);
      return { secret, otpauthUri: uri };
    },

    async getTotpQr(_, context) {
      return { image: await setup.getTotpQr(callerOf(context)), contentType: 'image/png' };
    },

    async confirmTotp(request, context) {
      return { recoveryCodes: await setup.confirmTotp(callerOf(context), request) };
    },

    validateTotp: (request, context) => validate(request, context, 'totp'),

    async removeTotp(request, context) {
      await authenticators.removeTotp(callerOf(context), request);
      return {};
    },

    async sendSmsEmailVerification(request, context) {
      await setup.sendSmsProof(callerOf(context), request);
      return {};
    },

    async confirmSmsEmail(request, context) {
      await setup.confirmSmsProof(callerOf(context), request);
      return {};
    },

    async setupSms(request, context) {
      return { maskedPhoneNumber: await setup.setupSms(callerOf(context), request) };
    },

    async confirmSmsFactor(request, context) {
      return { recoveryCodes: await setup.confirmSms(callerOf(context), request) };
    },

    async sendSmsCode(_, context) {
      return { maskedPhoneNumber: await authenticators.sendSmsCode(callerOf(context)) };
    },

    validateSms: (request, context) => validate(request, context, 'sms'),

    async removeSms(request, context) {
      await authenticators.removeSms(callerOf(context), request);
      return {};
    },

    async listTrustedDevices(_, context) {
      const caller = callerOf(context);
      return { devices: (await devices.list(caller)).map((device) => toTrustedDevice(caller, device)) };
    },

    async removeTrustedDevice(request, context) {
      await devices.remove(callerOf(context), request);
      return {};
    },

    async regenerateRecoveryCodes(_, context) {
      return { recoveryCodes: await authenticators.regenerateRecoveryCodes(callerOf(context)) };
    },
  };
}
