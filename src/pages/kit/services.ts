import type { DescService } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import { AuthService } from '../../../gen/manam/v1/auth_service_pb.js';
import type { Manam, WebClient } from '../../clients/web.ts';

type Unary = Readonly<Record<string, (...given: unknown[]) => Promise<unknown>>>;

/**
 * Clients of the services that pages call. The contract of a sign-in is there at once, that of any other service is fetched at
 * its first call.
 */
export function servicesOf({ clientOf }: WebClient): Manam {
  /** Its unary calls. */
  function later<S extends DescService>(load: () => Promise<S>): Client<S> {
    let client: Promise<Unary> | undefined;
    const open = async () => clientOf(await load()) as unknown as Unary;
    const call = async (name: string, given: unknown[]) => {
      client ??= open();
      // What could not be fetched is asked for again by the next call.
      const found = await client.catch((error: unknown) => {
        client = undefined;
        throw error;
      });
      return await found[name]?.(...given);
    };
    const calls = new Proxy(
      {},
      {
        get:
          (_, name) =>
          (...given: unknown[]) =>
            call(String(name), given),
      },
    );
    return calls as Client<S>;
  }

  return {
    auth: clientOf(AuthService),
    twoFactor: later(
      async () => (await import('../../../gen/manam/v1/two_factor_service_pb.js')).TwoFactorService,
    ),
    passkeys: later(async () => (await import('../../../gen/manam/v1/passkey_service_pb.js')).PasskeyService),
    providers: later(
      async () => (await import('../../../gen/manam/v1/provider_service_pb.js')).ProviderService,
    ),
    recovery: later(
      async () => (await import('../../../gen/manam/v1/recovery_service_pb.js')).RecoveryService,
    ),
    profile: later(async () => (await import('../../../gen/manam/v1/profile_service_pb.js')).ProfileService),
    events: later(async () => (await import('../../../gen/manam/v1/event_service_pb.js')).EventService),
    authorization: later(
      async () => (await import('../../../gen/manam/v1/authorization_service_pb.js')).AuthorizationService,
    ),
  };
}
