export * from './contract.ts';
export * from './failure.ts';
export * from './passkeys.ts';
export * from './pkce.ts';
export { createProofKey, dpop, generateProofKeyPair, type ProofKey, type ProofKeyPair } from './proof-key.ts';
export * from './tokens.ts';

import { browserServices } from '../contract/browser-services.ts';
import type { ClientsOf, WebClient } from './manam.ts';
import { createWebClient, type WebOptions } from './web-client.ts';

export { bearer } from './interceptors.ts';
export type { WebClient } from './manam.ts';
export { createWebClient, type WebOptions } from './web-client.ts';

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
