import type { JsonObject } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import type { OAuthService, PushAuthorizationRequest } from '../../gen/manam/v1/oauth_service_pb.js';
import type { AuthorizationParameters } from '../domain/authorization-request.ts';
import type { Caller } from '../domain/caller.ts';
import { formatUserCode } from '../domain/device-authorization.ts';
import { invalid } from '../domain/errors.ts';
import type { DeviceGrant } from '../flows/provider/devices.ts';
import type { createExchange } from '../flows/provider/exchange.ts';
import type { Inspect } from '../flows/provider/inspect.ts';
import type { Push } from '../flows/provider/push.ts';
import { callerOf } from './context.ts';

export type OAuthFlows = {
  readonly exchange: ReturnType<typeof createExchange>;
  readonly devices: DeviceGrant;
  readonly inspect: Inspect;
  readonly push: Push;
  /** Where users type the code of a device. */
  readonly devicePage: (slug: string) => string;
};

/** The caller, whose issuer the request may repeat. */
function callerFor(context: Parameters<typeof callerOf>[0], { tenant }: { readonly tenant: string }): Caller {
  const caller = callerOf(context);
  if (tenant !== '' && tenant !== caller.tenant.slug)
    throw invalid({
      field: 'tenant',
      reason: 'FIELD_INVALID',
      description: 'differs from the header manam-tenant',
    });
  return caller;
}

export function oauthHandlers(flows: OAuthFlows): ServiceImpl<typeof OAuthService> {
  const { exchange, devices, inspect, push, devicePage } = flows;
  return {
    async issueTokens(request, context) {
      // RFC 6749, section 5.1, for caches of HTTP/1.0.
      context.responseHeader.set('pragma', 'no-cache');
      const { expiresInS: expiresIn, ...tokens } = await exchange(callerFor(context, request), request);
      return { ...tokens, expiresIn, tokenType: 'Bearer' };
    },

    async getUserInfo(request, context) {
      return { claims: (await inspect.userInfo(callerFor(context, request), request)) as JsonObject };
    },

    async introspectOAuthToken(request, context) {
      const claims = await inspect.introspect(callerFor(context, request), request);
      return claims === undefined ? { active: false } : { active: true, claims: claims as JsonObject };
    },

    async revokeOAuthToken(request, context) {
      await inspect.revoke(callerFor(context, request), request);
      return {};
    },

    async pushAuthorization(request, context) {
      const parameters = parametersOf(request);
      const pushed = await push(callerFor(context, request), { ...request, parameters });
      return { requestUri: pushed.requestUri, expiresIn: pushed.expiresInS };
    },

    async startDeviceAuthorization(request, context) {
      const caller = callerFor(context, request);
      const started = await devices.start(caller, request);
      const userCode = formatUserCode(started.userCode);
      const verificationUri = devicePage(caller.tenant.slug);
      return {
        deviceCode: started.deviceCode,
        userCode,
        verificationUri,
        // In the fragment: no server and no log sees it.
        verificationUriComplete: `${verificationUri}#user_code=${userCode}`,
        expiresIn: started.expiresInS,
        interval: started.intervalS,
      };
    },
  };
}

/** The parameters of a pushed request under their names; `state` that is empty is absent, as it is in a form. */
function parametersOf(request: PushAuthorizationRequest): AuthorizationParameters {
  const texts = {
    response_type: request.responseType,
    redirect_uri: request.redirectUri,
    scope: request.scope,
    state: request.state,
    nonce: request.nonce,
    code_challenge: request.codeChallenge,
    code_challenge_method: request.codeChallengeMethod,
    response_mode: request.responseMode,
    prompt: request.prompt,
    max_age: request.maxAge,
    acr_values: request.acrValues,
    login_hint: request.loginHint,
    ui_locales: request.uiLocales,
    id_token_hint: request.idTokenHint,
    request_uri: request.requestUri,
    request: request.request,
    registration: request.registration,
  };
  const given = Object.entries(texts).filter(([, value]) => value !== '');
  return { ...Object.fromEntries(given), resource: request.resource };
}
