import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createManam } from '../clients/connect.ts';
import type { Manam } from '../clients/manam.ts';
import type { Config } from '../config/config.ts';
import { CommandError, exitCodes } from './exit-codes.ts';

export { readFailure } from '../clients/failure.ts';
export { followEvents } from '../clients/follow.ts';
export type { Manam } from '../clients/manam.ts';

/** The address and the secret key for a tenant's commands. */
export type TenantAccess = { readonly url: string | undefined; readonly key: string | undefined };

/**
 * A client of the public services for the commands of a tenant: at the address and with the key that were given, else
 * those of the development service on this machine.
 */
export function connectAsTenant(config: Config, { url, key }: TenantAccess): Manam {
  const local = url === undefined || key === undefined ? readDevelopment(config.dataFolder) : {};
  const target = { url: url ?? local.url, key: key ?? local.secret_key };
  if (target.url === undefined || target.key === undefined)
    throw new CommandError(
      'name the service and a secret key: --url and --key, or MANAM_URL and MANAM_KEY',
      exitCodes.usage,
    );
  if (!URL.canParse(target.url)) throw new CommandError(`${target.url} is no URL`, exitCodes.usage);
  return createManam({ url: target.url, key: target.key });
}

/** The address and the keys that a development service has written down; nothing where there is none. */
export function readDevelopment(folder: string): { readonly url?: string; readonly secret_key?: string } {
  try {
    return JSON.parse(readFileSync(join(resolve(folder), 'dev.json'), 'utf8')) as object;
  } catch {
    return {};
  }
}
