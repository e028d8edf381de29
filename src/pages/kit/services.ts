import type { DescService } from '@bufbuild/protobuf';
import { AuthService } from '../../../gen/manam/v1/auth_service_pb.js';
import type { Manam, WebClient } from '../../clients/web.ts';

/** Loaders of the service contracts that a sign-in does not start with. Each contract is imported at the service's first call. */
export const contracts = {
  twoFactor: async () => (await import('../../../gen/manam/v1/two_factor_service_pb.js')).TwoFactorService,
  passkeys: async () => (await import('../../../gen/manam/v1/passkey_service_pb.js')).PasskeyService,
  providers: async () => (await import('../../../gen/manam/v1/provider_service_pb.js')).ProviderService,
  recovery: async () => (await import('../../../gen/manam/v1/recovery_service_pb.js')).RecoveryService,
  profile: async () => (await import('../../../gen/manam/v1/profile_service_pb.js')).ProfileService,
  events: async () => (await import('../../../gen/manam/v1/event_service_pb.js')).EventService,
  authorization: async () =>
    (await import('../../../gen/manam/v1/authorization_service_pb.js')).AuthorizationService,
} satisfies Record<Exclude<keyof Manam, 'auth'>, () => Promise<DescService>>;

type Unary = Readonly<Record<string, (...given: unknown[]) => Promise<unknown>>>;

/** Clients of the services that pages call, for their unary calls. */
export function servicesOf({ clientOf }: WebClient): Manam {
  function later(load: () => Promise<DescService>): unknown {
    let client: Promise<Unary> | undefined;
    const open = async () => clientOf(await load()) as unknown as Unary;
    const call = async (name: string, given: unknown[]) => {
      client ??= open();
      // If the import fails, the next call tries it again.
      const found = await client.catch((error: unknown) => {
        client = undefined;
        throw error;
      });
      return await found[name]?.(...given);
    };
    return new Proxy(
      {},
      {
        get:
          (_, name) =>
          (...given: unknown[]) =>
            call(String(name), given),
      },
    );
  }
  const others = Object.entries(contracts).map(([name, load]) => [name, later(load)]);
  return { auth: clientOf(AuthService), ...Object.fromEntries(others) } as Manam;
}
