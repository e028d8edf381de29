import { type Client, createClient, type Transport } from '@connectrpc/connect';
import { publicServices } from '../contract/services.ts';

/** A client of every service. `readFailure` reads what its calls throw. */
export type Manam = { readonly [Name in keyof typeof publicServices]: Client<(typeof publicServices)[Name]> };

export function manamOver(transport: Transport): Manam {
  const clients = Object.entries(publicServices).map(([name, service]) => [
    name,
    createClient(service, transport),
  ]);
  return Object.fromEntries(clients) as Manam;
}
