import type { DescService } from '@bufbuild/protobuf';
import { type Client, createClient, type Transport } from '@connectrpc/connect';
import type { publicServices } from '../contract/services.ts';
import type { ClientSession } from './tokens.ts';

type Services = Readonly<Record<string, DescService>>;

/** A client of each of some services. */
export type ClientsOf<S extends Services> = { readonly [Name in keyof S]: Client<S[Name]> };

/** A client of every service. `readFailure` reads what its calls throw. */
export type Manam = ClientsOf<typeof publicServices>;

/** The session of the person in front of a page, and clients of whatever services the page asks for. */
export type WebClient = {
  readonly session: ClientSession;
  /**
   * A client of a service in the session, such as AuthService, or ManagementService of `@manam/client/management`; with a
   * tenant, as one of its members.
   */
  clientOf<S extends DescService>(service: S, as?: { readonly tenant: string }): Client<S>;
  /**
   * Stops listening: to other tabs, to the person's return, to the end of the session. It stays, and a client that is
   * made later goes on with it. For what is made more than once in the life of a page, such as in a test.
   */
  close(): void;
};

export function manamOver<S extends Services>(services: S, transport: Transport): ClientsOf<S> {
  const clients = Object.entries(services).map(([name, service]) => [name, createClient(service, transport)]);
  return Object.fromEntries(clients) as ClientsOf<S>;
}
