export * from './contract.ts';
export * from './failure.ts';
export * from './passkeys.ts';
export * from './pkce.ts';
export { createProofKey, dpop, generateProofKeyPair, type ProofKey, type ProofKeyPair } from './proof-key.ts';
export * from './tokens.ts';

import { EventService } from '../../gen/manam/v1/event_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { browserServices } from '../contract/browser-services.ts';
import type { ClientsOf, WebClient } from './manam.ts';
import { openWebClient, type WebOptions } from './web-client.ts';

export { bearer } from './interceptors.ts';
export type { WebClient } from './manam.ts';
export type { WebOptions } from './web-client.ts';

/** A client of every service that pages call. `readFailure` reads what its calls throw. */
export type Manam = ClientsOf<typeof browserServices>;

/** A client for browsers of every service that pages call. */
export type WebManam = Manam & WebClient;

/**
 * A client for browsers, over Connect-Web. Whatever answers with a session, such as Login,
 * starts it here, and Logout and DeleteAccount end it.
 */
export function createManam(options: WebOptions): WebManam {
  const client = createWebClient(options);
  const clients = Object.entries(browserServices).map(([name, service]) => [name, client.clientOf(service)]);
  return { ...(Object.fromEntries(clients) as Manam), ...client };
}

/**
 * The same without any service: a page loads the contract of those alone that it asks for,
 * such as `clientOf(AuthService)`.
 */
export function createWebClient(options: WebOptions): WebClient {
  return openWebClient(options, { events: async () => EventService, profile: async () => ProfileService });
}
