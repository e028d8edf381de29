import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { allowInsecureRequests } from 'openid-client';

/** What a library needs to know of an application. */
export type Application = { readonly issuer: URL; readonly clientId: string; readonly clientSecret: string };

/**
 * The application of the environment, or a new one of the tenant `dev` of the service that `npm start` runs: what
 * `manam application create` prints.
 */
export function findApplication(kind: string, settings: object): Application {
  const { ISSUER: issuer, CLIENT_ID: clientId, CLIENT_SECRET: clientSecret = '' } = process.env;
  if (issuer !== undefined && clientId !== undefined)
    return { issuer: new URL(issuer), clientId, clientSecret };
  const set = Object.entries(settings).flatMap(([name, value]) => [
    '--set',
    `${name}=${JSON.stringify(value)}`,
  ]);
  const name = `Example ${kind} ${randomUUID().slice(0, 4)}`;
  const command = ['run', '-s', 'manam', '--', 'application', 'create', 'dev', kind, name, '--json', ...set];
  const { application, client_secret: secret = '' } = JSON.parse(
    execFileSync('npm', command, { encoding: 'utf8' }),
  ) as {
    readonly application: { readonly issuer: string; readonly client_id: string };
    readonly client_secret?: string;
  };
  return { issuer: new URL(application.issuer), clientId: application.client_id, clientSecret: secret };
}

/** Options for openid-client: http is for a service on this machine alone. */
export function discoveryOptions({ issuer }: Application) {
  return issuer.protocol === 'http:' ? { execute: [allowInsecureRequests] } : {};
}
