import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type ApplicationViewSchema,
  type AuthorizationService,
  AuthorizationStep,
} from '../../gen/manam/v1/authorization_service_pb.js';
import type { Application } from '../domain/application.ts';
import type { LocationOf } from '../flows/provider/answer.ts';
import type { Authorize } from '../flows/provider/authorize.ts';
import type { Connected } from '../flows/provider/connected.ts';
import type { DeviceGrant } from '../flows/provider/devices.ts';
import type { SignOut } from '../flows/provider/sign-out.ts';
import { callerOf } from './context.ts';

export type AuthorizationFlows = {
  readonly authorize: Authorize;
  readonly devices: DeviceGrant;
  readonly signOut: SignOut;
  readonly connected: Connected;
  readonly locationOf: LocationOf;
};

const steps = {
  reauthenticate: AuthorizationStep.REAUTHENTICATE,
  consent: AuthorizationStep.CONSENT,
  'other-user': AuthorizationStep.OTHER_USER,
} as const;

function toView({ clientId, settings }: Application): MessageInitShape<typeof ApplicationViewSchema> {
  const { name, logo, homeUrl, privacyUrl, termsUrl, firstParty } = settings;
  const host = URL.canParse(clientId) ? new URL(clientId).host : '';
  return { clientId, name, logo, homeUrl, privacyUrl, termsUrl, firstParty, host };
}

export function authorizationHandlers(flows: AuthorizationFlows): ServiceImpl<typeof AuthorizationService> {
  const { authorize, devices, signOut, connected, locationOf } = flows;
  return {
    async describeAuthorization({ request: handle }, context) {
      const { request, application } = await authorize.describe(callerOf(context), handle);
      const { loginHint, locale = '', prompts } = request;
      return { application: toView(application), loginHint, locale, prompts: [...prompts] };
    },

    async continueAuthorization(request, context) {
      const caller = callerOf(context);
      const continued = await authorize.continue(caller, request);
      if ('answer' in continued) return { location: locationOf(caller.tenant, continued.answer) };
      const step = steps[continued.step];
      if (continued.step !== 'consent') return { step };
      return { step, scopes: [...continued.scopes], resources: [...continued.resources] };
    },

    async refuseAuthorization({ request, needsInteraction }, context) {
      const caller = callerOf(context);
      const answer = await authorize.refuse(caller, request, needsInteraction);
      return { location: locationOf(caller.tenant, answer) };
    },

    async describeDevice({ userCode }, context) {
      const { device, client } = await devices.describe(callerOf(context), userCode);
      return {
        application: toView(client),
        scopes: [...device.scopes],
        resources: [...device.resources],
        startTime: timestampFromDate(device.createdAt),
        address: device.address,
      };
    },

    async decideDevice(request, context) {
      await devices.decide(callerOf(context), request);
      return {};
    },

    async describeSignOut({ request }, context) {
      const { application, sessionId, location } = await signOut.describe(callerOf(context), request);
      return { ...(application && { application: toView(application) }), sessionId, location };
    },

    async listConnectedApplications(_, context) {
      const applications = await connected.list(callerOf(context));
      return {
        applications: applications.map(({ application, scopes, since }) => ({
          application: toView(application),
          scopes: [...scopes],
          createTime: timestampFromDate(since),
        })),
      };
    },

    async disconnectApplication(request, context) {
      await connected.disconnect(callerOf(context), request);
      return {};
    },
  };
}
