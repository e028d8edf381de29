import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { ProviderService } from '../../gen/manam/v1/provider_service_pb.js';
import type { ProviderLinks } from '../flows/federation/links.ts';
import type { ProviderLogin } from '../flows/federation/provider-login.ts';
import { callerOf } from './context.ts';
import { toSignIn } from './convert.ts';

export type ProviderFlows = { readonly login: ProviderLogin; readonly links: ProviderLinks };

export function providerHandlers({ login, links }: ProviderFlows): ServiceImpl<typeof ProviderService> {
  return {
    async listProviders(_, context) {
      const providers = await links.list(callerOf(context));
      return {
        providers: providers.map(({ name, settings: { kind, displayName, logo } }) => ({
          name,
          kind,
          displayName,
          logo,
        })),
      };
    },

    async startProviderLogin(request, context) {
      const caller = callerOf(context);
      if (request.native) return { nonce: await login.startNative(caller, request) };
      return { authorizationUrl: await login.start(caller, request) };
    },

    async loginWithProviderToken(request, context) {
      const caller = callerOf(context);
      return toSignIn(await login.loginWithToken(caller, request), caller);
    },

    async listLinkedProviders(_, context) {
      const linked = await links.listLinked(callerOf(context));
      return {
        linked: linked.map(({ provider, profile, createdAt }) => ({
          provider,
          email: profile['email'] ?? '',
          linkTime: timestampFromDate(createdAt),
        })),
      };
    },

    async startProviderLink(request, context) {
      return { authorizationUrl: await login.startLink(callerOf(context), request) };
    },

    async finishProviderLink(request, context) {
      await links.finish(callerOf(context), request);
      return {};
    },

    async unlinkProvider(request, context) {
      await links.unlink(callerOf(context), request);
      return {};
    },
  };
}
