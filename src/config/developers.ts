import { isIP } from 'node:net';
import type { ConfigReader } from './reader.ts';

/** Whether users of Manam make tenants of their own. */
export const developerSignUps = ['open', 'invitation', 'off'] as const;

export type DeveloperSignUp = (typeof developerSignUps)[number];

export function parseDeveloperSignUp({ text, mistakes }: ConfigReader, production: boolean): DeveloperSignUp {
  const value = text('DEVELOPER_SIGN_UP') ?? (production ? 'off' : 'open');
  const found = developerSignUps.find((each) => each === value);
  if (found === undefined) mistakes.push(`DEVELOPER_SIGN_UP must be one of ${developerSignUps.join(', ')}`);
  return found ?? 'off';
}

/** The servers that proofs of domains are looked up at; none: those of the machine. */
export function parseDnsServers({ text, mistakes }: ConfigReader): string[] {
  const servers = (text('DNS_SERVERS') ?? '')
    .split(',')
    .map((server) => server.trim())
    .filter((server) => server !== '');
  const isServer = (server: string) => {
    const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/.exec(server) ?? [];
    return isIP(server) !== 0 || isIP(bracketed ?? plain ?? '') !== 0;
  };
  if (!servers.every(isServer))
    mistakes.push('DNS_SERVERS must be a list of addresses, such as 9.9.9.9 or [::1]:5353');
  return servers;
}
