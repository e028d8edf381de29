import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { ManamLogin } from '../flows/federation/manam.ts';
import type { RequestInfo } from '../rpc/context.ts';
import type { ErrorMapper } from '../server/error-mapper.ts';
import { pathOf, type Route } from '../server/handler.ts';
import type { TenantDirectory } from '../server/tenant-directory.ts';
import { keyedCaller, sendFailure } from './browser-caller.ts';

export type ManamLoginRouteDeps = {
  readonly manamLogin: ManamLogin;
  readonly directory: TenantDirectory;
  readonly mapError: ErrorMapper;
  readonly log: Logger;
  readonly prefixes: readonly string[];
};

/**
 * A browser's way into "Login with Manam":
 * `GET /manamlogin?client={publishable key}&redirect_uri=…&code_challenge=…` leads to the hosted
 * sign-in. Without `client` the path is the RPC's.
 */
export function createManamLoginRoute(deps: ManamLoginRouteDeps): Route {
  const { manamLogin, mapError, prefixes } = deps;
  const entries = new Set(prefixes.map((prefix) => `${prefix}/manamlogin`));

  async function begin(request: IncomingMessage, info: RequestInfo, query: URLSearchParams): Promise<string> {
    const caller = await keyedCaller(deps, request, info, query.get('client') ?? '');
    return await manamLogin.start(caller, {
      redirectUri: query.get('redirect_uri') ?? '',
      codeChallenge: query.get('code_challenge') ?? '',
    });
  }

  return async (request, response, info) => {
    if (request.method !== 'GET') return 'go on';
    const path = pathOf(request);
    const query = new URL(request.url ?? '', 'http://localhost').searchParams;
    if (!entries.has(path) || !query.has('client')) return 'go on';
    info.procedure = 'manamlogin';
    try {
      response.writeHead(302, { location: await begin(request, info, query) }).end();
      return 'answered';
    } catch (thrown) {
      return sendFailure(mapError, request, response, info, thrown);
    }
  };
}
