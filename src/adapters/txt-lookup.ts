import { Resolver } from 'node:dns/promises';
import type { TxtLookup } from '../domain/domain-proof.ts';

const timeoutMs = 3000;
/** The most TXT records of a name that are read. */
const maxRecords = 100;

/** Looks TXT records up, at the given servers or those of the machine. */
export function createTxtLookup(servers: readonly string[]): TxtLookup {
  return async (name) => {
    const resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
    if (servers.length > 0) resolver.setServers([...servers]);
    try {
      return (await resolver.resolveTxt(name)).slice(0, maxRecords).map((parts) => parts.join(''));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOTFOUND' || code === 'ENODATA') return [];
      throw error;
    }
  };
}
